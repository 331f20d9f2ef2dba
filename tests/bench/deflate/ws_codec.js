// What npm's ws takes for compressed messages: its codec alone, in process.
//
// usage: node ws_codec.js COMPRESSED ROUNDS MILLISECONDS [CASE], with the program that has the messages
//
// Prints the lines that results.py reads, `CASE ns/message ws VALUE`, in CPU time of all threads: zlib runs in a pool of its own.
'use strict';

const {execFileSync} = require('child_process');
const path = require('path');
const PerMessageDeflate = require(path.join(path.dirname(require.resolve('ws')), 'lib', 'permessage-deflate.js'));

const CASES = ['json/300', 'json/4096', 'json/1048576', 'binary/65536'];
const [program, rounds, milliseconds, only = ''] = process.argv.slice(2);

// As the others have it: level 3, windows of 32 KiB.
function codec(takeover, isServer) {
  const options = {threshold: 0, zlibDeflateOptions: {level: 3, memLevel: 8}};
  const result = new PerMessageDeflate(options, isServer, 1 << 22);
  result.params = takeover ? {} : {server_no_context_takeover: true, client_no_context_takeover: true};
  return result;
}

const call = (on, how, data) => new Promise((resolve, reject) => {
  on[how](data, true, (failure, result) => (failure ? reject(failure) : resolve(result)));
});

function cpu() {
  const {user, system} = process.cpuUsage();
  return (user + system) * 1000;
}

async function nanoseconds(work, messages) {
  const begin = cpu();
  let count = 0;
  do {
    for (const message of messages) await work(message);
    count += messages.length;
  } while (cpu() - begin < Number(milliseconds) * 1e6);
  return (cpu() - begin) / count;
}

async function main() {
  for (const takeover of [false, true]) {
    for (const name of CASES) {
      const end = name + (takeover ? '/takeover' : '');
      const wanted = ['in', 'out'].filter((each) => `deflate/${each}/${end}`.startsWith(only));
      if (wanted.length === 0) continue;
      const everything = execFileSync(program, ['--messages', name], {maxBuffer: 1 << 26});
      const size = Number(name.split('/')[1]);
      const messages = [];
      for (let at = 0; at < everything.length; at += size) messages.push(everything.subarray(at, at + size));
      for (let round = 0; round < Number(rounds); round += 1) {
        const encoder = codec(takeover, true);
        const decoder = codec(takeover, false);
        const encoded = [];
        for (const each of messages) encoded.push(Buffer.from(await call(encoder, 'compress', each)));
        if (wanted.includes('in')) {
          const took = await nanoseconds((each) => call(decoder, 'decompress', each), encoded);
          console.log(`deflate/in/${end} ns/message ws ${took.toPrecision(6)}`);
        }
        if (wanted.includes('out')) {
          const took = await nanoseconds((each) => call(encoder, 'compress', each), messages);
          console.log(`deflate/out/${end} ns/message ws ${took.toPrecision(6)}`);
        }
      }
    }
  }
}

main();
