// The TypeScript types compile; messages that the reader accepts are values of them, and messages that it refuses for
// what types can tell are none.
'use strict';

const assert = require('assert');
const {run, drive} = require('../interop/programs.js');
const {output, lines, complaints} = require('./documents.js');

const COUNT = 6000;
const SEED = process.env.SEED || 1;

// The kind tells the members, and the compiler knows when all kinds were looked at.
const BY_KIND = `
import type {AskToServer, AskFromServer, Side, RoomFromServer, RoomToServer, RootToServer, OneRoomFromServer} from './types';
function look(message: RoomFromServer): string | number {
  switch (message.kind) {
    case 'LISTS': return message.triple[2] + (message.ten[0] === 'LEFT' ? 1 : 0);
    case 'ENVELOPE': return message.second?.children?.[0]?.label ?? message.first.kind;
    default: { const none: never = message; return none; }
  }
}
const where: Side = 'RIGHT';
const answer: RoomToServer = {kind: 'ABSENT', where, number: null};
const trees: OneRoomFromServer[] = [{kind: 'TREE', label: '', named: {a: {kind: 'TREE', label: 'x'}}}];
const named: RootToServer = {'a type': 'N"A\\\\M\\nED', class: true, 'content-type': '', 'a"b\\\\c\\n': 'LEFT', größe: null};
const ask: AskToServer[] = [{kind: 'EMPTY'}, {kind: 'TREE', label: '', id: 7}, {kind: 'TREE', label: '', 'an id': 'x'}];
const answers: AskFromServer[] = [{kind: 'EMPTY', 'an id': 1}];
// @ts-expect-error
const wrong: RootToServer = {kind: 'ABSENT'};
export {look, answer, answers, ask, trees, named, wrong};
`;

async function main() {
  const types = await output('tests/documents/documents', 'typescript');
  await run('the types compile', async () => { assert.strictEqual(await complaints({'types.ts': types}), ''); });
  await run('unions are told apart by the kind', async () => {
    assert.strictEqual(await complaints({'types.ts': types, 'look.ts': BY_KIND}), '');
  });

  const samples = {accepted: [], refused: []};
  for (const {text, valid, literal} of await lines('verdicts', SEED, COUNT)) {
    if (literal) samples[valid ? 'accepted' : 'refused'].push(`const: ${literal} = ${text};`);
  }
  for (const [how, declarations] of Object.entries(samples)) {
    await run(`${declarations.length} messages that the reader ${how}`, async () => {
      assert(declarations.length > 300);
      const names = [...new Set(declarations.map((each) => each.match(/: (\w+)/)[1]))];
      const text = [`import type {${names}} from './types';`, ...declarations.map((each, index) =>
        (how === 'refused' ? '// @ts-expect-error\n' : '') + each.replace('const', `export const c${index}`))].join('\n');
      const found = await complaints({'types.ts': types, 'samples.ts': text});
      const [, line] = /samples\.ts\((\d+),/.exec(found) || [];
      assert.strictEqual(found, '', `${found.slice(0, 1000)}\n${line && text.split('\n').slice(line - 1, +line + 1).join('\n')}`);
    });
  }
}

drive(main);
