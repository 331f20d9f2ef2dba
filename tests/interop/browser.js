// Headless Chromium uploads real files through the page of the example `upload`.
//
// usage: node browser.js FOLDER ARTIFACTS: the screenshot of the finished page is kept in ARTIFACTS. The browser is
// the one that $CHROMIUM names, or /usr/bin/chromium.
'use strict';

const assert = require('assert');
const crypto = require('crypto');
const fs = require('fs');
const os = require('os');
const path = require('path');
const {chromium} = require('playwright-core');
const {BROWSER_ARGUMENTS, serve, stop, run, drive} = require('./programs.js');

const artifacts = path.resolve(process.argv[3] || 'artifacts');

// A page of a user. Its `problems` fill with whatever the browser reports; `values` records its progress bar.
async function visit(browser, server, user) {
  const page = await browser.newPage();
  const problems = [];
  page.on('pageerror', (problem) => problems.push(problem.message));
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.location().url.endsWith('/favicon.ico')) problems.push(message.text());
  });
  await page.goto(`${server.url}?user=${user}`);
  await page.evaluate(() => {
    const progress = document.getElementById('progress');
    window.values = [];
    new MutationObserver(() => window.values.push(progress.value)).observe(progress, {attributes: true});
  });
  return {page, problems};
}

// The way in which files go: `upload` in many messages, `streamed` as one message.
async function choose({page}, way) {
  await page.evaluate(() => { document.getElementById('status').textContent = ''; });
  await page.selectOption('#way', way);
  await says({page}, 'ready');
}

async function says({page}, status) {
  await page.waitForFunction((wanted) => document.getElementById('status').textContent.trim() === wanted, status, {timeout: 90000});
}

async function upload({page}, file) {
  await page.setInputFiles('#file', file);
  await page.click('#send');
}

// What the server sends to the page waits, until `release` has clicked Send. Then the page takes all of it at once.
async function hold({page}) {
  await page.evaluate(() => {
    window.held = [];
    window.take_now = ws.onmessage;
    ws.onmessage = (event) => held.push(event);
  });
}

async function holds({page}, text) {
  await page.waitForFunction((wanted) => held.some(({data}) => data === wanted), text, {timeout: 90000});
}

async function release({page}, file) {
  await page.setInputFiles('#file', file);
  await page.evaluate(() => {
    at.send.click();
    ws.onmessage = take_now;
    held.forEach((event) => ws.onmessage(event));
    at.status.textContent = '';
  });
}

// The page says that it is finished, its bar is full, never fell, and the browser reported nothing.
async function finished({page, problems}) {
  await page.waitForFunction(() => document.getElementById('status').textContent.trim() === 'finished', null, {timeout: 90000})
    .catch(async () => {
      throw new Error(`the status is '${await page.textContent('#status')}', the browser says: ${problems.join('; ') || 'nothing'}`);
    });
  const [values, value, max] = await page.evaluate(() => {
    const {value, max} = document.getElementById('progress');
    return [window.values, value, max];
  });
  assert.strictEqual(value, max, 'the progress bar at the end');
  assert.ok(values.length > 0, 'the progress bar never moved');
  assert.deepStrictEqual(values, [...values].sort((a, b) => a - b), 'the progress bar fell');
  assert.deepStrictEqual(problems, []);
}

// The fragments of messages that a server with --trace has received, in order.
function fragments({errors}) {
  const seen = errors.matchAll(/^#\d+ < (BINARY|CONTINUATION)( fin)? masked (\d+) bytes?/gm);
  return [...seen].map(([, type, fin, size]) => ({begins: type === 'BINARY', ends: Boolean(fin), size: Number(size)}));
}

drive(async () => {
  const work = fs.mkdtempSync(path.join(os.tmpdir(), 'kindwire-browser-'));
  const uploads = path.join(work, 'uploads');
  fs.mkdirSync(uploads);
  fs.mkdirSync(artifacts, {recursive: true});
  const make = (name, size) => {
    const file = path.join(work, name);
    fs.writeFileSync(file, crypto.randomBytes(size));
    return file;
  };
  const compare = (file) => {
    const kept = fs.readFileSync(path.join(uploads, path.basename(file)));
    assert.ok(kept.equals(fs.readFileSync(file)), `${path.basename(file)} differs on disk`);
  };

  let server;
  let traced;
  let browser;
  try {
    server = await serve('upload', '--directory', uploads);
    browser = await chromium.launchPersistentContext(path.join(work, 'profile'), {
      executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
      headless: true,
      args: BROWSER_ARGUMENTS,
      viewport: {width: 900, height: 600},
    });

    await run('browser: 5 MB arrive byte for byte, and a second page of the user sees it', async () => {
      const file = make('five megabytes.bin', 5000000);
      const [first, second, stranger] = [await visit(browser, server, 'ann'), await visit(browser, server, 'ann'), await visit(browser, server, 'bob')];
      await upload(first, file);
      await finished(first);
      compare(file);
      await first.page.bringToFront();
      await first.page.screenshot({path: path.join(artifacts, 'upload-finished.png')});
      await finished(second);
      assert.deepStrictEqual(await stranger.page.evaluate(() => window.values), [], 'a stranger\'s progress bar');
      for (const {page} of [first, second, stranger]) await page.close();
    });
    await run('browser: a second file from the same page', async () => {
      const tab = await visit(browser, server, 'ann');
      const first = make('first.bin', 300000);
      await upload(tab, first);
      await finished(tab);
      compare(first);
      const second = make('second grüße.bin', 400000);
      await tab.page.evaluate(() => { document.getElementById('status').textContent = ''; });
      await upload(tab, second);
      await tab.page.waitForFunction(() => document.getElementById('status').textContent.trim() === 'finished', null, {timeout: 90000});
      compare(second);
      await tab.page.close();
    });
    await run('browser: an empty file', async () => {
      const tab = await visit(browser, server, 'ann');
      const file = make('empty.bin', 0);
      await upload(tab, file);
      await tab.page.waitForFunction(() => document.getElementById('status').textContent.trim() === 'finished', null, {timeout: 90000});
      compare(file);
      await tab.page.close();
    });
    await run('browser: two users at once', async () => {
      const tabs = [await visit(browser, server, 'ann'), await visit(browser, server, 'bob')];
      const files = [make('anns.bin', 2000000), make('bobs.bin', 2000000)];
      await Promise.all(tabs.map((tab, at) => upload(tab, files[at])));
      await Promise.all(tabs.map(finished));
      files.forEach(compare);
      for (const {page} of tabs) await page.close();
    });
    for (const way of ['upload', 'streamed']) {
      await run(`browser: ${way}, while the last words of another page's upload are on their way`, async () => {
        const [tab, other] = [await visit(browser, server, 'dora'), await visit(browser, server, 'dora')];
        await choose(tab, way);
        for (const unseen of ['the end', 'the beginning and the end']) {
          if (unseen !== 'the end') await hold(tab);
          await other.page.evaluate(() => say(ws, {kind: 'UPLOAD_START', name: 'others.bin', size: 1000}));
          await says(other, '0 %');
          if (unseen === 'the end') await says(tab, '0 %'), await hold(tab);
          await other.page.evaluate(() => ws.send(new Uint8Array(1000)));
          await holds(tab, '{"kind":"UPLOAD_FINISH"}');
          const file = make(`${way} after ${unseen}.bin`, 1000000);
          await release(tab, file);
          await says(tab, 'finished');
          compare(file);
        }
        assert.deepStrictEqual([tab.problems, other.problems], [[], []]);
        for (const {page} of [tab, other]) await page.close();
      });
    }
    await run('browser: a page that leaves in the middle leaves no file', async () => {
      const tab = await visit(browser, server, 'ann');
      // Only as far as its start: the page goes away before the content can be complete.
      await tab.page.evaluate(() => {
        const ws = new WebSocket(`ws://${location.host}/upload/ann`);
        return new Promise((sent) => {
          ws.onopen = () => {
            ws.send(JSON.stringify({kind: 'UPLOAD_START', name: 'half.bin', size: 1000000}));
            ws.send(new Uint8Array(1000));
            sent();
          };
        });
      });
      await tab.page.close();
      await new Promise((done) => setTimeout(done, 500));
      assert.ok(!fs.existsSync(path.join(uploads, 'half.bin')));
    });
    await run('browser: a page from elsewhere cannot connect', async () => {
      // The same server by another name is another origin (RFC 6454): Origin and Host differ.
      const page = await browser.newPage();
      await page.goto(`http://localhost:${server.port}/`);
      const outcome = await page.evaluate((address) => new Promise((resolve) => {
        const ws = new WebSocket(address);
        ws.onopen = () => resolve('open');
        ws.onerror = () => resolve('refused');
      }), `ws://127.0.0.1:${server.port}/upload/ann`);
      assert.strictEqual(outcome, 'refused');
      await page.close();
    });

    // As one message, to a server that tells what frames come.
    traced = await serve('upload', '--directory', uploads, '--user-quota', 8000000, '--trace');
    await run('browser: 6 MB as one message arrive byte for byte, and a page of the other kind sees it', async () => {
      const [first, second] = [await visit(browser, traced, 'ann'), await visit(browser, traced, 'ann')];
      await choose(first, 'streamed');
      const file = make('one message.bin', 6000000);
      await upload(first, file);
      await finished(first);
      compare(file);
      await first.page.bringToFront();
      await first.page.screenshot({path: path.join(artifacts, 'upload-as-one-message.png')});
      await finished(second);
      for (const {page} of [first, second]) await page.close();
    });
    await run('browser: one after another, each as one message, and one in pieces', async () => {
      const tab = await visit(browser, traced, 'bob');
      await choose(tab, 'streamed');
      for (const [name, size] of [['first again.bin', 300000], ['empty again.bin', 0], ['last again.bin', 1]]) {
        const file = make(name, size);
        await tab.page.evaluate(() => { document.getElementById('status').textContent = ''; });
        await upload(tab, file);
        await says(tab, 'finished');
        compare(file);
      }
      await choose(tab, 'upload');
      const file = make('in pieces again.bin', 100000);
      await upload(tab, file);
      await says(tab, 'finished');
      compare(file);
      assert.deepStrictEqual(tab.problems, []);
      await tab.page.close();
    });
    await run('browser: of what is refused, no byte is sent', async () => {
      const [tab, other] = [await visit(browser, traced, 'carol'), await visit(browser, traced, 'carol')];
      await choose(tab, 'streamed');
      await upload(tab, make('too large.bin', 8000001));
      await says(tab, 'no space: your quota is used up');
      await upload(tab, make('.hidden', 7000001));
      await says(tab, 'not a file name');
      assert.ok(await tab.page.isEnabled('#send'));
      // While the other page's file comes, either way.
      for (const way of ['streamed', 'upload']) {
        await choose(tab, way);
        await other.page.evaluate(() => say(ws, {kind: 'UPLOAD_START', name: 'other.bin', size: 1000}));
        await says(tab, '0 %');
        await hold(tab);
        await other.page.evaluate(() => ws.send(new Uint8Array(500)));
        await holds(tab, '{"kind":"UPLOAD_PROGRESS","value":50}');
        await release(tab, make('second.bin', 7000002));
        await says(tab, 'an upload is under way already');
        await other.page.evaluate(() => ws.send(new Uint8Array(500)));
        await says(tab, 'finished');
      }
      await choose(tab, 'streamed');
      await tab.page.evaluate(() => { document.getElementById('status').textContent = ''; });
      const file = make('small.bin', 100000);
      await upload(tab, file);
      await says(tab, 'finished');
      compare(file);
      for (const {page} of [tab, other]) await page.close();
    });
    await run('browser: a file goes as one message of several fragments', async () => {
      assert.strictEqual(await stop(traced), 0);
      const messages = [];
      for (const {begins, ends, size} of fragments(traced)) {
        if (begins) messages.push({count: 0, size: 0, ended: false});
        const message = messages.at(-1);
        assert.ok(!message.ended, 'a fragment after the last');
        message.count += 1;
        message.size += size;
        message.ended = ends;
      }
      const of = (size) => messages.filter((message) => message.size === size && message.ended);
      assert.ok(of(6000000).length === 1 && of(6000000)[0].count > 1, JSON.stringify(messages));
      assert.deepStrictEqual(messages.map(({size}) => size), [6000000, 300000, 0, 1, 65536, 34464, 500, 500, 500, 500, 100000]);
    });
  } finally {
    if (browser) await browser.close();
    if (traced) await stop(traced);
    if (server) await run('upload ends after the browser', async () => assert.deepStrictEqual([await stop(server), server.errors], [0, '']));
    fs.rmSync(work, {recursive: true, force: true});
  }
});
