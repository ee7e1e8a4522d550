// send.js PORT plain|starttls|tls FROM TO SUBJECT: one message by nodemailer.
// Prints the reply that decided; status 0 when the message was taken, 1 when it was refused.
'use strict';
const nodemailer = require('nodemailer');
const [port, mode, from, to, subject] = process.argv.slice(2);

const transport = nodemailer.createTransport({
  host: '127.0.0.1', port: Number(port), name: 'client.example',
  secure: mode === 'tls', requireTLS: mode === 'starttls', ignoreTLS: mode === 'plain',
  tls: { rejectUnauthorized: false, servername: 'mx.demo.example' },
  connectionTimeout: 20000, greetingTimeout: 20000, socketTimeout: 20000,
});
transport.sendMail({ envelope: { from, to }, from, to, subject,
                     text: 'By nodemailer.\n.a line that begins with a dot\n' })
  .then(info => console.log(info.response))
  .catch(error => { console.log(error.response || String(error)); process.exitCode = error.responseCode ? 1 : 2; })
  .finally(() => transport.close());
