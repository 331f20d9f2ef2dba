// What the Node peers of matrix.py have in common: the same command line, commands and lines as peer.hpp says.
'use strict';

const fs = require('fs');
const http = require('http');
const https = require('https');
const path = require('path');

function pattern(kind, size) {
  const result = Buffer.alloc(size);
  for (let at = 0; at < size; at += 1) result[at] = kind === 'text' ? 97 + at % 26 : at % 251;
  return kind === 'text' ? result.toString() : result;
}

function adler32(data) {
  let low = 1;
  let high = 0;
  for (const each of data) {
    low = (low + each) % 65521;
    high = (high + low) % 65521;
  }
  return high * 65536 + low;
}

function split(text) {
  const at = text.indexOf(' ');
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

// `on` is an open connection: send(string or buffer), ping(data), close(code, reason) and, where it can, fragments(pieces).
function perform(command, on) {
  const [verb, rest] = split(command);
  switch (verb) {
    case 'say': return on.send(rest);
    case 'text':
    case 'binary': return on.send(pattern(verb, Number(rest)));
    case 'ping': return on.ping(rest);
    case 'close': return on.close(Number(split(rest)[0]), split(rest)[1]);
    case 'fragments': {
      const [size, count] = rest.split(' ').map(Number);
      const whole = pattern('binary', size);
      const cut = (at) => Math.floor(size * at / count);
      return on.fragments([...Array(count).keys()].map((at) => whole.subarray(cut(at), cut(at + 1))));
    }
    default: throw new Error(`what is '${command}'?`);
  }
}

// What happens on a connection goes here; `commands` are a client's, and undefined for a server.
class Conversation {
  constructor(commands) {
    this.commands = commands;
  }

  opened(on, subprotocol) {
    if (!this.commands) return;
    console.log(`open ${subprotocol || ''}`);
    this.goOn(on);
  }

  received(on, payload) {
    const isText = typeof payload === 'string';
    if (!this.commands) {
      if (isText && payload.startsWith('!')) perform(payload.slice(1), on);
      else on.send(payload);
      return;
    }
    const data = Buffer.from(payload);
    console.log(`${isText ? 'text' : 'binary'} ${data.length} ${adler32(data)}`);
    this.goOn(on);
  }

  ponged(on, data) {
    if (!this.commands) {
      on.send(`pong ${data}`);
      return;
    }
    console.log(`pong ${data}`);
    this.goOn(on);
  }

  closed(code, reason) {
    console.log(`closed ${code} ${reason}`);
  }

  goOn(on) {
    const next = this.commands.shift();
    if (next === undefined) return;
    if (next[0] === '!') on.send(next);
    else perform(next, on);
  }
}

// The main of every peer: beServer(port), or beClient(url, subprotocols, commands).
function run(beServer, beClient) {
  const [role, url, subprotocols, ...commands] = process.argv.slice(2);
  if (role === 'server') beServer(Number(process.argv[4] || 0));
  else beClient(url, subprotocols ? subprotocols.split(', ') : [], commands);
}

const compression = process.env.KINDWIRE_COMPRESSION || 'off';

const tls = process.env.KINDWIRE_TLS;

const announce = (port) => console.log(`${tls ? 'wss' : 'ws'}://127.0.0.1:${port}/`);

// Of HTTP, or of HTTPS with the certificate in KINDWIRE_TLS.
function createServer() {
  if (!tls) return http.createServer();
  const read = (name) => fs.readFileSync(path.join(tls, name));
  return https.createServer({cert: read('certificate.pem'), key: read('key.pem')});
}

module.exports = {Conversation, compression, run, announce, createServer};
