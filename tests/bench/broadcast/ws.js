// npm's ws, uncompressed: a loop over all clients, as its documentation has it.
'use strict';

const {WebSocketServer} = require('ws');

const server = new WebSocketServer({host: '127.0.0.1', port: 0, perMessageDeflate: false},
                                   () => console.log(server.address().port));
server.on('connection', (socket) => {
  socket.on('error', () => {});
  socket.on('message', (told) => {
    const message = told.subarray(1);
    for (let times = told[0]; times !== 0; --times) {
      for (const each of server.clients) each.send(message);
    }
  });
});
