// What the scripts of this folder share: running the program `documents`, and the TypeScript compiler.
//
// Every script is run as `node tests/documents/SCRIPT.js FOLDER`, with the folder of the whole build, and with NODE_PATH
// naming the node_modules that holds its packages.
'use strict';

const assert = require('assert');
const {execFile} = require('child_process');
const fs = require('fs');
const os = require('os');
const path = require('path');
const {start} = require('../interop/programs.js');

// All that a program prints.
async function output(name, ...args) {
  const program = await start(name, args);
  assert.strictEqual(await program.ended, 0, program.errors);
  return program.output;
}

// Its output as objects, one a line.
async function lines(...args) {
  return (await output('tests/documents/documents', ...args)).split('\n').filter(Boolean).map((line) => JSON.parse(line));
}

// The compiler's complaints about {name: text}, strict in everything; empty if it has none.
function complaints(files) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'documents-'));
  for (const [name, text] of Object.entries(files)) fs.writeFileSync(path.join(folder, name), text);
  const compiler = path.join(path.dirname(require.resolve('typescript/package.json')), 'bin', 'tsc');
  const flags = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--allowJs', '--checkJs', '--target', 'es2022',
    '--module', 'es2022', '--moduleResolution', 'bundler', '--moduleDetection', 'force', '--lib', 'es2022,dom,dom.iterable',
    '--types', '', '--pretty', 'false'];
  return new Promise((resolve) => {
    execFile(process.execPath, [compiler, ...flags, ...Object.keys(files)], {cwd: folder, maxBuffer: 1 << 26},
      (problem, out, errors) => {
        fs.rmSync(folder, {recursive: true});
        resolve(problem ? out + errors || String(problem) : '');
      });
  });
}

module.exports = {output, lines, complaints};
