// npm's ws on both sides: its client against echo, and the example `client` against its server.
'use strict';

const assert = require('assert');
const crypto = require('crypto');
const {once} = require('events');
const WebSocket = require('ws');
const {start, serve, stop, run, drive} = require('./programs.js');

async function opened(url, options) {
  const ws = new WebSocket(url, options);
  await once(ws, 'open');
  return ws;
}

async function next(ws) {
  const [data, isBinary] = await once(ws, 'message');
  return isBinary ? data : data.toString();
}

async function comesBack(ws, data) {
  const reply = next(ws);
  ws.send(data);
  assert.deepStrictEqual(await reply, data);
}

async function closed(ws) {
  const [code, reason] = await once(ws, 'close');
  return [code, reason.toString()];
}

async function clientAgainstEcho() {
  const echo = await serve('echo', '--max-message-size', 4 << 20);
  const {url} = echo;

  await run('ws client: text, binary, empty and 1 MiB', async () => {
    const ws = await opened(url);
    for (const data of ['hello', '', 'grüße 🐎', Buffer.alloc(0), Buffer.from([0, 255]), crypto.randomBytes(1 << 20)]) {
      await comesBack(ws, data);
    }
    ws.close();
    await closed(ws);
  });
  await run('ws client: its offer of permessage-deflate is declined', async () => {
    const ws = await opened(url, {perMessageDeflate: true});
    assert.strictEqual(ws.extensions, '');
    await comesBack(ws, 'plain '.repeat(1000));
    ws.terminate();
  });
  await run('ws client: subprotocols are left out', async () => {
    // ws itself refuses a server that chooses none of those it offered, as RFC 6455 §4.1 lets a client do.
    const ws = new WebSocket(url, ['chat', 'superchat']);
    const [problem] = await once(ws, 'error');
    assert.match(problem.message, /no subprotocol/i);
  });
  await run('ws client: a message in fragments, with a ping between them', async () => {
    const ws = await opened(url);
    const pong = once(ws, 'pong');
    const reply = next(ws);
    ws.send('one ', {fin: false});
    ws.ping('between');
    ws.send('two ', {fin: false});
    ws.send('', {fin: false});
    ws.send('three', {fin: true});
    assert.strictEqual((await pong)[0].toString(), 'between');
    assert.strictEqual(await reply, 'one two three');
    ws.terminate();
  });
  await run('ws client: a binary message in fragments', async () => {
    const ws = await opened(url);
    const whole = crypto.randomBytes(300000);
    const reply = next(ws);
    for (let at = 0; at < whole.length; at += 1000) {
      ws.send(whole.subarray(at, at + 1000), {binary: true, fin: at + 1000 >= whole.length});
    }
    assert.deepStrictEqual(await reply, whole);
    ws.terminate();
  });
  await run('ws client: a thousand messages at once come back in order', async () => {
    const ws = await opened(url);
    const found = [];
    const all = new Promise((resolve) => ws.on('message', (data) => found.push(Number(data)) === 1000 && resolve()));
    for (let number = 0; number < 1000; number += 1) ws.send(String(number));
    await all;
    assert.deepStrictEqual(found, [...Array(1000).keys()]);
    ws.terminate();
  });
  for (const [code, reason] of [[1000, ''], [1001, 'leaving'], [3000, 'grüße'], [4999, 'x'.repeat(123)]]) {
    await run(`ws client: a close with ${code} is echoed`, async () => {
      const ws = await opened(url);
      ws.close(code, reason);
      assert.strictEqual((await closed(ws))[0], code);
    });
  }
  await run('ws client: an empty close is echoed', async () => {
    const ws = await opened(url);
    ws.close();
    assert.deepStrictEqual(await closed(ws), [1005, '']);
  });
  await run('ws client: a message over the limit is answered with 1009', async () => {
    const ws = await opened(url);
    ws.send(Buffer.alloc((4 << 20) + 1));
    const [code, reason] = await closed(ws);
    assert.strictEqual(code, 1009);
    assert.notStrictEqual(reason, '');
  });
  await run('ws client: a foreign Origin is refused', async () => {
    const ws = new WebSocket(url, {origin: 'http://elsewhere.example'});
    const [problem] = await once(ws, 'error');
    assert.match(problem.message, /403/);
  });
  await run('echo ends after ws', async () => assert.deepStrictEqual([await stop(echo), echo.errors], [0, '']));
}

// A ws server whose connections are handled by a function; resolves to {url, close}.
async function server(handle, options) {
  const wss = new WebSocket.Server({host: '127.0.0.1', port: 0, ...options});
  await once(wss, 'listening');
  wss.on('connection', handle);
  return {url: `ws://127.0.0.1:${wss.address().port}/`, close: () => { wss.clients.forEach((ws) => ws.terminate()); wss.close(); }};
}

// Runs the example with its input; resolves to [status, output, errors]. Without input, it stays open.
async function client(url, input) {
  const program = await start('client', [url]);
  if (input !== undefined) program.child.stdin.end(input);
  const late = setTimeout(() => program.child.kill('SIGKILL'), 20000);
  const status = await program.ended;
  clearTimeout(late);
  return [status, program.output, program.errors];
}

async function clientAgainstServer() {
  await run('ws server: lines come back and the close is clean', async () => {
    let close;
    const code = new Promise((resolve) => { close = resolve; });
    const peer = await server((ws) => {
      ws.on('message', (data) => ws.send(data.toString()));
      ws.on('close', close);
    }, {perMessageDeflate: true});
    const input = ['hello', '', 'grüße', 'a'.repeat(70000), ''].join('\n');
    assert.deepStrictEqual(await client(peer.url, input), [0, input, '']);
    assert.strictEqual(await code, 1000);
    peer.close();
  });
  await run('ws server: a message in fragments, with a ping between them', async () => {
    let pong;
    const peer = await server((ws) => {
      // The close comes after the pong, so what the client saw before it has been printed.
      ws.on('pong', (data) => { pong = data.toString(); ws.close(1000); });
      ws.send('one ', {fin: false});
      ws.ping('between');
      ws.send('two', {fin: true});
    });
    assert.deepStrictEqual(await client(peer.url), [0, 'one two\n', '']);
    assert.strictEqual(pong, 'between');
    peer.close();
  });
  await run('ws server: its close code and reason are said', async () => {
    const peer = await server((ws) => ws.close(4002, 'no room'));
    const [status, output, errors] = await client(peer.url);
    assert.ok(status > 0, `status ${status}`);
    assert.strictEqual(output, '');
    assert.match(errors, /^[^\n]*4002[^\n]*no room[^\n]*\n$/);
    peer.close();
  });
  await run('ws server: its refusal is said', async () => {
    const verifyClient = (_, answer) => answer(false, 401, 'who are you');
    const peer = await server(() => {}, {verifyClient});
    const [status, , errors] = await client(peer.url, 'hello\n');
    assert.ok(status > 0, `status ${status}`);
    assert.match(errors, /^[^\n]*401[^\n]*who are you[^\n]*\n$/);
    peer.close();
  });
}

drive(async () => {
  await clientAgainstEcho();
  await clientAgainstServer();
});
