// The reader's verdict on many messages, and ajv's by the JSON Schema of the same declarations: the same, always. So is
// ajv's by the schemas in the AsyncAPI document, which are read as draft-07.
'use strict';

const assert = require('assert');
const Draft07 = require('ajv');
const Ajv = require('ajv/dist/2020');
const {run, drive} = require('../interop/programs.js');
const {output, lines} = require('./documents.js');

const COUNT = 30000;
const SEED = process.env.SEED || 1;
// What the reader must have found wrong at least once.
const CODES = ['value of the wrong type', 'number out of range', 'array of the wrong length', 'unknown enumerator',
  'missing field', 'unknown field', 'message without a kind', 'unknown kind', 'message of another kind',
  'value beyond its limits', 'duration that would lose a part'];

async function main() {
  // Strict: an unknown keyword, or one that does not go with the type, is an error.
  const ajv = new Ajv({strict: true, strictRequired: true, allErrors: false});
  const checks = new Map();
  for (const {set, schema} of await lines('schemas')) {
    await run(`the schema of ${set} is one`, async () => { checks.set(set, ajv.compile(JSON.parse(schema))); });
  }

  const asyncapi = new Draft07({strict: false, strictNumbers: true});
  const document = JSON.parse(await output('tests/documents/documents', 'asyncapi'));
  asyncapi.addSchema(document, 'asyncapi', true, false);
  const inDocument = new Map(Object.keys(document.components.schemas).map((name) =>
    [name, asyncapi.getSchema(`asyncapi#/components/schemas/${name}`)]));
  await run('the AsyncAPI document has schemas of many of the sets', async () => {
    assert([...checks.keys()].filter((set) => inDocument.has(set)).length > 7);
  });

  const sums = new Map([...checks.keys()].map((set) => [set, {accepted: 0, refused: 0, odd: []}]));
  const codes = new Set();
  for (const {set, text, valid, code, error} of await lines('verdicts', SEED, COUNT)) {
    const sum = sums.get(set);
    const check = checks.get(set);
    if (!valid) codes.add(code);
    sum[valid ? 'accepted' : 'refused'] += 1;
    const message = JSON.parse(text);
    if (check(message) !== valid) {
      sum.odd.push(`${text}: ${valid ? ajv.errorsText(check.errors) : `only the reader: ${error}`}`);
    }
    if (inDocument.has(set) && inDocument.get(set)(message) !== valid) sum.odd.push(`${text}: by AsyncAPI ${!valid}`);
  }
  for (const [set, {accepted, refused, odd}] of sums) {
    await run(`${set}: ${accepted} accepted by both, ${refused} refused by both`, async () => {
      assert.strictEqual(odd.length, 0, `${odd.length} verdicts differ:\n${odd.slice(0, 5).join('\n')}`);
      assert(Math.min(accepted, refused) > 0.1 * (accepted + refused), 'hardly any of one sort');
    });
  }
  await run('every mistake occurs', async () => { assert.deepStrictEqual(CODES.filter((code) => !codes.has(code)), []); });
}

drive(main);
