// What the Node drivers share: starting and stopping the programs under test, and running cases.
//
// Every driver is run as `node tests/interop/DRIVER.js FOLDER`, with the folder that holds the built examples, and
// with NODE_PATH naming the node_modules that holds its packages.
'use strict';

const {spawn} = require('child_process');
const path = require('path');

const folder = path.resolve(process.argv[2] || '.');
const CASE_SECONDS = 120;
// A browser that runs as root, in a container, and asks nobody for anything.
const BROWSER_ARGUMENTS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync'];

// Starts a program; resolves once `ready` is found on its standard output.
function start(name, args, ready) {
  return new Promise((resolve, reject) => {
    const child = spawn(path.join(folder, name), args.map(String), {stdio: ['pipe', 'pipe', 'pipe']});
    const program = {child, output: '', errors: '', ended: null};
    program.ended = new Promise((end) => child.on('close', (status, signal) => end(signal || status)));
    child.on('error', reject);
    child.stdin.on('error', () => {});  // it may end before it has read everything
    // A character may come in two pieces.
    child.stdout.setEncoding('utf8');
    child.stderr.setEncoding('utf8');
    child.stderr.on('data', (data) => { program.errors += data; });
    const giveUp = setTimeout(() => { child.kill('SIGKILL'); reject(new Error(`${name} is not ready`)); }, 30000);
    const begin = (found) => { clearTimeout(giveUp); program.found = found; resolve(program); };
    child.stdout.on('data', (data) => {
      program.output += data;
      const found = ready && ready.exec(program.output);
      if (found && !program.found) begin(found);
    });
    child.on('exit', (status) => {
      clearTimeout(giveUp);
      if (ready && !program.found) reject(new Error(`${name} ended with ${status}: ${program.errors}`));
    });
    if (!ready) begin(null);
  });
}

// Starts a server of examples/ on a free port; it has url, port and origin.
async function serve(name, ...args) {
  const program = await start(name, ['--port', 0, ...args], /(?:ws|http):\/\/(127\.0\.0\.1:(\d+))\/\S*(?=\s)/);
  return Object.assign(program, {url: program.found[0], port: program.found[2], origin: `http://${program.found[1]}`});
}

// Ends a program by its signal; resolves to its status, or to the name of the signal that ended it.
async function stop(program, signal = 'SIGTERM') {
  program.child.kill(signal);
  const late = setTimeout(() => program.child.kill('SIGKILL'), 10000);
  const status = await program.ended;
  clearTimeout(late);
  return status;
}

let passed = 0;
let failed = 0;

async function run(name, work) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error('timed out')), CASE_SECONDS * 1000);
  });
  try {
    await Promise.race([work(), late]);
    passed += 1;
    console.log(`ok ${name}`);
  } catch (problem) {
    failed += 1;
    const at = /at .*?([\w.]+\.js:\d+)/.exec(String(problem.stack).split('\n').filter((line) => !line.includes('programs.js')).join('\n'));
    console.log(`FAIL ${name}: ${problem.message}${at ? ` (${at[1]})` : ''}`);
  } finally {
    clearTimeout(timer);
  }
}

// Runs a driver and ends the process with its sum.
async function drive(main) {
  try {
    await main();
  } catch (problem) {
    failed += 1;
    console.log(`FAIL the driver: ${problem.stack}`);
  }
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(passed && !failed ? 0 : 1);
}

module.exports = {BROWSER_ARGUMENTS, start, serve, stop, run, drive};
