// npm ws's end of matrix.py.
'use strict';

const WebSocket = require('ws');
const {Conversation, compression, run, announce, createServer} = require('./peer.js');

const DEFLATE = {
  off: false,
  shared: {threshold: 0, clientNoContextTakeover: true, serverNoContextTakeover: true},
  small: {threshold: 0, clientMaxWindowBits: 12, serverMaxWindowBits: 12},
  full: {threshold: 0},
};
const OPTIONS = {maxPayload: 4 << 20, perMessageDeflate: DEFLATE[compression]};

function converse(ws, talk) {
  const on = {
    send: (payload) => ws.send(payload),
    fragments: (pieces) => pieces.forEach((piece, at) => ws.send(piece, {binary: true, fin: at + 1 === pieces.length})),
    ping: (data) => ws.ping(data),
    close: (code, reason) => ws.close(code, reason),
  };
  ws.on('message', (data, isBinary) => talk.received(on, isBinary ? data : data.toString()));
  ws.on('pong', (data) => talk.ponged(on, data.toString()));
  ws.on('close', (code, reason) => talk.closed(code, reason.toString()));
  return on;
}

run(
  (port) => {
    const handleProtocols = (offered) => (offered.has('chat') ? 'chat' : false);
    const listener = createServer();
    const server = new WebSocket.Server({server: listener, handleProtocols, ...OPTIONS});
    listener.listen(port, '127.0.0.1', () => announce(listener.address().port));
    server.on('connection', (ws) => converse(ws, new Conversation()));
  },
  (url, subprotocols, commands) => {
    const ws = new WebSocket(url, subprotocols, OPTIONS);
    const talk = new Conversation(commands);
    const on = converse(ws, talk);
    ws.on('open', () => talk.opened(on, ws.protocol));
  },
);
