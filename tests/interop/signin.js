// signin.js PORT starttls|tls MECHANISM USER PASSWORD TO SUBJECT: signs in by nodemailer and sends.
// Prints the dialogue's replies.
'use strict';
const nodemailer = require('nodemailer');
const [port, mode, method, user, pass, to, subject] = process.argv.slice(2);
const transport = nodemailer.createTransport({
  host: '127.0.0.1', port: Number(port), name: 'client.example',
  secure: mode === 'tls', requireTLS: mode === 'starttls',
  tls: { rejectUnauthorized: false, servername: 'mx.demo.example' },
  auth: { user, pass }, authMethod: method,
  connectionTimeout: 20000, greetingTimeout: 20000, socketTimeout: 30000,
  logger: { level() {}, trace: log, debug: log, info: log, warn: log, error: log, fatal: log }, debug: true,
});
function log(entry, text, ...more) {
  if (entry.tnx === 'server') console.log(require('util').format(text, ...more));
}
transport.sendMail({ from: user, to, subject, text: 'By nodemailer.\n' })
  .catch(error => { console.log(error.response || String(error)); process.exitCode = 1; })
  .finally(() => transport.close());
