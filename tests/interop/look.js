// look: opens pages in Chromium and says what is wrong with them. The job comes as JSON on standard
// input: {base, chromium, profile, pictures, pages: [path], views: [{name, width, height, theme}]};
// a line of JSON a page and view goes out.
'use strict';
const { spawn } = require('child_process');
const fs = require('fs');
const path = require('path');
const connect = require('chrome-remote-interface');

const axe = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

function start(job) {
  const browser = spawn(job.chromium, [
    '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--hide-scrollbars',
    '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
    '--remote-debugging-port=0', `--user-data-dir=${job.profile}`, 'about:blank',
  ], { stdio: 'ignore' });
  return browser;
}

async function portOf(job) {
  const file = path.join(job.profile, 'DevToolsActivePort');
  for (let i = 0; i < 300; i++) {
    if (fs.existsSync(file)) {
      const port = parseInt(fs.readFileSync(file, 'utf8'), 10);
      if (port > 0) return port;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('Chromium does not answer');
}

// Runs in the page.
const LOOK = `(async () => {
  const found = await axe.run(document, {
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    resultTypes: ['violations'],
  });
  const root = document.documentElement;
  return JSON.stringify({
    title: document.title,
    lang: root.lang,
    scripts: document.scripts.length,
    overflow: root.scrollWidth - root.clientWidth,
    ground: getComputedStyle(root).backgroundColor,
    headings: [...document.querySelectorAll('h1')].length,
    violations: found.violations.map((v) => ({
      id: v.id, help: v.help, nodes: v.nodes.slice(0, 3).map((n) => n.html.slice(0, 200)),
    })),
  });
})()`;

async function main() {
  const job = JSON.parse(fs.readFileSync(0, 'utf8'));
  const browser = start(job);
  try {
    const client = await connect({ port: await portOf(job) });
    const { Page, Runtime, Emulation, Network, Log } = client;
    await Promise.all([Page.enable(), Runtime.enable(), Network.enable(), Log.enable()]);
    let requests = [];
    let complaints = [];
    let status = 0;
    Network.requestWillBeSent(({ request }) => requests.push(request.url));
    Network.responseReceived(({ type, response }) => { if (type === 'Document') status = response.status; });
    Log.entryAdded(({ entry }) => complaints.push(entry.text));
    Runtime.exceptionThrown(({ exceptionDetails }) => complaints.push(exceptionDetails.text));
    for (const view of job.views) {
      await Emulation.setDeviceMetricsOverride({
        width: view.width, height: view.height, deviceScaleFactor: 1, mobile: view.width < 600,
      });
      await Emulation.setEmulatedMedia({ features: [{ name: 'prefers-color-scheme', value: view.theme }] });
      for (const page of job.pages) {
        requests = [];
        complaints = [];
        const loaded = Page.loadEventFired();
        await Page.navigate({ url: job.base + page });
        await loaded;
        await Runtime.evaluate({ expression: axe });
        const { result, exceptionDetails } = await Runtime.evaluate({
          expression: LOOK, awaitPromise: true, returnByValue: true,
        });
        if (exceptionDetails) throw new Error(`${page}: ${exceptionDetails.text}`);
        const answer = JSON.parse(result.value);
        if (job.pictures) {
          const { data } = await Page.captureScreenshot({ format: 'png', captureBeyondViewport: true });
          const name = page.replace(/[^a-zA-Z0-9.]+/g, '_').slice(0, 60);
          fs.writeFileSync(path.join(job.pictures, `${view.name}${name}.png`), Buffer.from(data, 'base64'));
        }
        process.stdout.write(JSON.stringify({ page, view: view.name, status, requests, complaints, ...answer }) + '\n');
      }
    }
    await client.close();
  } finally {
    browser.kill('SIGKILL');
  }
}

main().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
