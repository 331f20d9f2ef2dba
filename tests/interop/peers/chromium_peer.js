// Chromium's end of matrix.py: a page's WebSocket, which can only be a client, and can neither ping nor send fragments.
// The browser is the one that $CHROMIUM names, or /usr/bin/chromium.
'use strict';

const fs = require('fs');
const os = require('os');
const path = require('path');
const {chromium} = require('playwright-core');
const {BROWSER_ARGUMENTS} = require('../programs.js');
const {Conversation, run} = require('./peer.js');

// Runs in the page. What comes is handed to node; binary payloads travel between the two as strings of an octet a character.
function connect([url, subprotocols]) {
  const characters = (data) => {
    const octets = new Uint8Array(data);
    let result = '';
    for (let at = 0; at < octets.length; at += 8192) result += String.fromCharCode(...octets.subarray(at, at + 8192));
    return result;
  };
  const ws = new WebSocket(url, subprotocols);
  ws.binaryType = 'arraybuffer';
  ws.onopen = () => window.happened('opened', ws.protocol);
  ws.onmessage = ({data}) => {
    if (typeof data === 'string') window.happened('text', data);
    else window.happened('binary', characters(data));
  };
  ws.onclose = ({code, reason}) => window.happened('closed', code, reason);
  window.text = (data) => ws.send(data);
  window.binary = (data) => ws.send(Uint8Array.from(data, (each) => each.charCodeAt(0)));
  window.end = ([code, reason]) => ws.close(code, reason);
}

async function converse(page, url, subprotocols, talk) {
  const on = {
    send: (payload) => (typeof payload === 'string'
      ? page.evaluate((data) => window.text(data), payload)
      : page.evaluate((data) => window.binary(data), payload.toString('latin1'))),
    close: (...why) => page.evaluate((given) => window.end(given), why),
  };
  await page.goto(`${url.replace(/^ws/, 'http')}page`);  // of the server's own origin
  await new Promise((resolve) => {
    page.exposeFunction('happened', (what, data, more) => {
      if (what === 'opened') talk.opened(on, data);
      if (what === 'text') talk.received(on, data);
      if (what === 'binary') talk.received(on, Buffer.from(data, 'latin1'));
      if (what === 'closed') resolve(talk.closed(data, more));
    }).then(() => page.evaluate(connect, [url, subprotocols]));
  });
}

run(null, async (url, subprotocols, commands) => {
  const profile = fs.mkdtempSync(path.join(os.tmpdir(), 'kindwire-peer-'));
  const browser = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    headless: true,
    args: BROWSER_ARGUMENTS,
    ignoreHTTPSErrors: Boolean(process.env.KINDWIRE_TLS),  // it has a store of its own
  });
  try {
    await converse(browser.pages()[0] || await browser.newPage(), url, subprotocols, new Conversation(commands));
  } finally {
    await browser.close();
    fs.rmSync(profile, {recursive: true, force: true});
  }
});
