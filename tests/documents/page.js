// The script in the upload page, checked against the types that the server prints: what is renamed in the declarations
// is found in the page.
'use strict';

const assert = require('assert');
const {serve, stop, run, drive} = require('../interop/programs.js');
const {output, complaints} = require('./documents.js');

async function main() {
  const types = await output('examples/upload', '--types');
  const server = await serve('examples/upload');
  const page = await (await fetch(server.url)).text();
  await stop(server);
  const [, script] = /<script>(.*)<\/script>/s.exec(page);
  const check = (declared) => complaints({'upload_types.ts': declared, 'page.js': script});

  await run("the page's script is of the server's types", async () => { assert.strictEqual(await check(types), ''); });
  for (const [before, after] of [['value', 'percent'], ['reason', 'text'], ['name', 'file'], ['size', 'length']]) {
    await run(`the page notices that "${before}" is renamed`, async () => {
      assert.match(await check(types.replace(`  ${before}: `, `  ${after}: `)), /page\.js\(\d+,\d+\): error/);
    });
  }
  for (const kind of ['INITIAL', 'UPLOAD_PROGRESS', 'UPLOAD_FINISH', 'ERROR', 'UPLOAD_START']) {
    await run(`the page notices that the kind "${kind}" is renamed`, async () => {
      assert.match(await check(types.replace(`"${kind}"`, '"OTHER"')), /page\.js\(\d+,\d+\): error/);
    });
  }
  await run('the page notices a field that became a string', async () => {
    assert.match(await check(types.replace('value: number', 'value: string')), /page\.js\(\d+,\d+\): error/);
  });
}

drive(main);
