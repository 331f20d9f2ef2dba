// npm faye-websocket's end of matrix.py. It cannot send fragments.
'use strict';

const WebSocket = require('faye-websocket');
const deflate = require('permessage-deflate');
const {Conversation, compression, run, announce, createServer} = require('./peer.js');

const DEFLATE = {
  off: [],
  shared: [deflate.configure({noContextTakeover: true, requestNoContextTakeover: true})],
  small: [deflate.configure({maxWindowBits: 12, requestMaxWindowBits: 12})],
  full: [deflate],
};
const OPTIONS = {maxLength: 4 << 20, extensions: DEFLATE[compression]};

function converse(ws, talk) {
  const on = {
    send: (payload) => ws.send(payload),
    ping: (data) => ws.ping(data, () => talk.ponged(on, data)),
    close: (code, reason) => ws.close(code, reason),
  };
  ws.on('message', (event) => talk.received(on, event.data));
  ws.on('close', (event) => talk.closed(event.code, event.reason));
  ws.on('error', (event) => { throw new Error(event.message); });
  return on;
}

run(
  (port) => {
    const server = createServer();
    server.on('upgrade', (request, socket, body) => {
      converse(new WebSocket(request, socket, body, ['chat'], OPTIONS), new Conversation());
    });
    server.listen(port, '127.0.0.1', () => announce(server.address().port));
  },
  (url, subprotocols, commands) => {
    const ws = new WebSocket.Client(url, subprotocols, OPTIONS);
    const talk = new Conversation(commands);
    const on = converse(ws, talk);
    ws.on('open', () => talk.opened(on, ws.protocol));
  },
);
