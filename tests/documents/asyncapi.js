// AsyncAPI documents as @asyncapi/parser reads them: which messages go which way over which route.
'use strict';

const assert = require('assert');
const {Parser} = require('@asyncapi/parser');
const {run, drive} = require('../interop/programs.js');
const {output} = require('./documents.js');

// That there is a newer version of AsyncAPI is no mistake.
const FINE = new Set(['asyncapi-latest-version']);

async function parsed(text) {
  const {document, diagnostics} = await new Parser().parse(text);
  const found = diagnostics.filter(({code}) => !FINE.has(code));
  assert.deepStrictEqual(found.map(({message, path}) => `${path.join('/')}: ${message}`), []);
  return document;
}

// {"route action": kinds}
function directions(document) {
  const found = {};
  const named = (messages) => messages.all().map((message) => message.name()).sort();
  for (const operation of document.operations()) {
    const [channel] = operation.channels();
    const kinds = named(operation.messages());
    const reply = operation.reply();
    if (reply) {
      // Questions and answers have an id, whose place is told.
      const ids = [...operation.messages().all(), ...reply.messages().all()].map((each) => each.correlationId().location());
      kinds.push('->', ...named(reply.messages()), ...new Set(ids));
    }
    found[`${channel.address()} ${operation.action()}${reply ? ' and reply' : ''}`] = kinds;
  }
  return found;
}

async function main() {
  await run('every type', async () => {
    const document = await parsed(await output('tests/documents/documents', 'asyncapi'));
    assert.strictEqual(document.version(), '3.0.0');
    assert.strictEqual(document.info().title(), 'every type');
    assert.strictEqual(document.info().description(), 'A "test".');
    const [server] = document.servers();
    assert.deepStrictEqual([server.host(), server.protocol(), server.pathname()], ['example.org', 'wss', '/x']);
    assert.deepStrictEqual(directions(document), {
      '/ receive': ['EMPTY', 'N"A\\M\nED', 'TREE'],
      '/ send': ['NESTED', 'NUMBERS'],
      '/room/{id}/{a~b} receive': ['ABSENT', 'BINARY'],
      '/room/{id}/{a~b} send': ['ENVELOPE', 'LISTS'],
      '/ask receive': ['EMPTY'],
      '/ask receive and reply': ['TREE', '->', 'N"A\\M\nED', 'NUMBERS', '$message.payload#/id'],
      '/ask send and reply': ['EMPTY', '->', 'TREE', '$message.payload#/an id'],
      '/room/{id} send': ['BINARY', 'CODED', 'MIXED', 'TREE'],
    });
    const room = document.channels().all().find((channel) => channel.address() === '/room/{id}/{a~b}');
    assert.strictEqual(room.description(), 'A room\nof many.');
    assert.deepStrictEqual(room.parameters().all().map((each) => each.id()), ['id', 'a~b']);
    for (const operation of room.operations()) assert.strictEqual(operation.json('x-handler'), 'rooms::serve "*/"');
    // What a message's payload refers to is resolved: its fields are there.
    const lists = document.messages().all().find((message) => message.name() === 'LISTS');
    assert.deepStrictEqual(lists.payload().required(), ['kind', 'flags', 'rows', 'gaps', 'triple', 'ten', 'sides']);
    assert.strictEqual(lists.payload().properties().triple.items().maximum(), 127);
  });
  await run('the example upload', async () => {
    assert.deepStrictEqual(directions(await parsed(await output('examples/upload', '--asyncapi'))), {
      '/streamed/{user} receive': ['BINARY', 'UPLOAD_START'],
      '/streamed/{user} send': ['ERROR', 'INITIAL', 'UPLOAD_FINISH', 'UPLOAD_PROGRESS'],
      '/upload/{user} receive': ['BINARY', 'UPLOAD_START'],
      '/upload/{user} send': ['ERROR', 'INITIAL', 'UPLOAD_FINISH', 'UPLOAD_PROGRESS'],
    });
  });
  await run('the example chat', async () => {
    assert.deepStrictEqual(directions(await parsed(await output('examples/chat', '--asyncapi'))), {
      '/chat/{name} receive': ['ENTER', 'LEAVE', 'SAY', 'TYPING', 'WHO'],
      '/chat/{name} send': ['CAME', 'ERROR', 'PEOPLE', 'ROOM_ENTERED', 'ROOM_MESSAGE', 'TYPING_NOTE', 'WELCOME', 'WENT'],
    });
  });
  await run('a mistake is noticed', async () => {
    await assert.rejects(parsed((await output('tests/documents/documents', 'asyncapi')).replace('"action": "receive"', '"action": "get"')));
  });
}

drive(main);
