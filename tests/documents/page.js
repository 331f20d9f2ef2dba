// The scripts in the pages of upload and chat, checked against the types that their servers print: what is renamed in the
// declarations is found in the page.
'use strict';

const assert = require('assert');
const {serve, stop, run, drive} = require('../interop/programs.js');
const {output, complaints} = require('./documents.js');

// Of each field, its name and another; the kinds; and a field that becomes a string.
const pages = {
  upload: {
    fields: [['value', 'percent'], ['reason', 'text'], ['name', 'file'], ['size', 'length']],
    kinds: ['INITIAL', 'UPLOAD_PROGRESS', 'UPLOAD_FINISH', 'ERROR', 'UPLOAD_START'],
    changed: ['value: number', 'value: string'],
  },
  chat: {
    fields: [['since', 'after'], ['ref', 'id'], ['complete', 'whole'], ['message', 'inside'], ['people', 'names']],
    kinds: ['ENTER', 'SAY', 'ROOM_MESSAGE', 'WENT', 'TYPING_NOTE'],
    changed: ['people: string[]', 'people: string'],
  },
};

async function main() {
  for (const [name, {fields, kinds, changed}] of Object.entries(pages)) {
    const types = await output(`examples/${name}`, '--types');
    const server = await serve(`examples/${name}`);
    const page = await (await fetch(server.url)).text();
    await stop(server);
    const [, script] = /<script[^>]*>(.*)<\/script>/s.exec(page);
    const check = (declared) => complaints({[`${name}_types.ts`]: declared, 'page.js': script});

    await run(`${name}: the page's script is of the server's types`, async () => { assert.strictEqual(await check(types), ''); });
    const noticed = (what, from, to) => run(`${name}: the page notices ${what}`, async () => {
      assert.notStrictEqual(types.replaceAll(from, to), types, 'is there');
      assert.match(await check(types.replaceAll(from, to)), /page\.js\(\d+,\d+\): error/);
    });
    for (const [before, after] of fields) await noticed(`that "${before}" is renamed`, new RegExp(`  ${before}(\\??): `, 'g'), `  ${after}$1: `);
    for (const kind of kinds) await noticed(`that the kind "${kind}" is renamed`, `"${kind}"`, '"OTHER"');
    await noticed('a field of another type', ...changed);
  }
}

drive(main);
