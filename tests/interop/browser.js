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

async function upload({page}, file) {
  await page.setInputFiles('#file', file);
  await page.click('#send');
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
  } finally {
    if (browser) await browser.close();
    if (server) await run('upload ends after the browser', async () => assert.deepStrictEqual([await stop(server), server.errors], [0, '']));
    fs.rmSync(work, {recursive: true, force: true});
  }
});
