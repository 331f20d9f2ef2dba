// Pages of the example `chat` in headless Chromium: what is typed in one is seen in the other, and goes on when the
// network or a node fails.
//
// usage: node chat_browser.js FOLDER ARTIFACTS: screenshots are kept in ARTIFACTS. The browser is the one that $CHROMIUM
// names, or /usr/bin/chromium.
'use strict';

const assert = require('assert');
const {spawn} = require('child_process');
const fs = require('fs');
const net = require('net');
const os = require('os');
const path = require('path');
const {chromium} = require('playwright-core');
const {WebSocket} = require('ws');
const {BROWSER_ARGUMENTS, serve, stop, run, drive} = require('./programs.js');

const artifacts = path.resolve(process.argv[3] || 'artifacts');

// What stands before the nodes of a service: an address that goes to the first of `ports` that answers. It can be cut.
class Gate {
  static async open(ports) {
    const gate = new Gate();
    Object.assign(gate, {ports, closed: false, swallows: '', sockets: new Set()});
    gate.server = net.createServer((from) => gate.pass(from, [...gate.ports]));
    await new Promise((done) => gate.server.listen(0, '127.0.0.1', done));
    gate.url = `http://127.0.0.1:${gate.server.address().port}/`;
    return gate;
  }

  pass(from, ports) {
    from.on('error', () => {});
    if (this.closed || !ports.length) return from.destroy();
    const to = net.connect(ports.shift(), '127.0.0.1');
    const both = [from, to];
    let connected = false;
    to.on('error', () => { if (!connected) this.pass(from, ports); });
    to.on('connect', () => {
      connected = true;
      for (const each of both) {
        this.sockets.add(each);
        each.on('close', () => { this.sockets.delete(each); both.forEach((other) => other.destroy()); });
      }
      from.on('data', (data) => { if (this.swallows !== 'node') to.write(data); });
      to.on('data', (data) => { if (this.swallows !== 'page') from.write(data); });
    });
  }

  // Every connection is reset, and new ones are refused until restore().
  cut() {
    this.closed = true;
    for (const each of this.sockets) each.resetAndDestroy();
  }
  restore() {
    this.closed = false;
    this.swallows = '';
  }
}

// Of those that no system gives away by itself, as Linux does from 32768 on: nobody takes it before its program does.
async function freePort() {
  for (;;) {
    const port = 10000 + Math.floor(22000 * Math.random());
    const probe = net.createServer();
    const free = await new Promise((done) => probe.on('error', () => done(false)).listen(port, '127.0.0.1', () => done(true)));
    if (!free) continue;
    await new Promise((done) => probe.close(done));
    return port;
  }
}

// A redis-server on a free port, which keeps nothing; ended by its process.
class Redis {
  static async start() {
    const port = await freePort();
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'kindwire-redis-'));
    const words = ['--port', port, '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no'];
    const redis = Object.assign(new Redis(), {folder, url: `redis://127.0.0.1:${port}`, problem: null});
    redis.process = spawn('redis-server', words.map(String), {stdio: 'ignore'});
    redis.ended = new Promise((end) => {
      redis.process.on('error', (problem) => { redis.problem = problem; end(); });
      redis.process.on('exit', end);
    });
    for (const late = Date.now() + 60000; !await redis.answers(port);) {
      if (redis.problem || Date.now() > late) throw redis.problem || new Error('redis-server does not answer');
      await new Promise((later) => setTimeout(later, 100));
    }
    return redis;
  }
  answers(port) {
    return new Promise((tell) => {
      const to = net.connect(port, '127.0.0.1', () => to.write('PING\r\n'));
      to.on('data', (data) => { tell(String(data).startsWith('+PONG')); to.destroy(); });
      to.on('error', () => {});
      to.on('close', () => tell(false));
    });
  }
  async stop() {
    this.process.kill('SIGKILL');
    await this.ended;
    fs.rmSync(this.folder, {recursive: true, force: true});
  }
}

// Somebody at a page. `problems` fills with whatever the browser reports, but for connections that fail.
class Person {
  static async enter(browser, gate, name, room = 'lobby', look = {}) {
    const person = new Person();
    Object.assign(person, {name, gate, problems: []});
    person.context = await browser.newContext({viewport: {width: 1000, height: 640}, locale: 'en-GB', ...look});
    const page = person.page = await person.context.newPage();
    page.setDefaultTimeout(60000);
    page.on('pageerror', (problem) => person.problems.push(problem.message));
    page.on('console', (message) => {
      if (message.type() === 'error' && !/WebSocket connection to|ERR_CONNECTION/.test(message.text())) person.problems.push(message.text());
    });
    await page.goto(`${gate.url}?name=${encodeURIComponent(name)}&room=${encodeURIComponent(room)}`);
    return person;
  }

  type(text) { return this.page.locator('#text').pressSequentially(text); }
  async say(text) {
    await this.page.fill('#text', text);
    await this.page.press('#text', 'Enter');
  }

  // Once `read`, in the page, gives just this, whatever it gave before; the failure says what it gives instead.
  async sees(what, wanted, read, argument) {
    const text = JSON.stringify(wanted);
    for (const late = Date.now() + 60000; ;) {
      const found = await this.page.evaluate(read, argument);
      if (JSON.stringify(found) === text) return;
      if (Date.now() > late) assert.deepStrictEqual(found, wanted, `${this.name}: ${what}`);
      await new Promise((later) => setTimeout(later, 50));
    }
  }
  // `who: text` of the messages from one to another, by their place; from the end if it is negative.
  messages(wanted, from = 0, to = undefined) {
    return this.sees('the messages', wanted, ([first, last]) => [...document.querySelectorAll('#log li p')].slice(first, last ?? undefined)
      .map((text) => `${text.parentNode.dataset.who}: ${text.textContent}`), [from, to]);
  }
  texts(what, selector, wanted) {
    return this.sees(what, wanted, (all) => [...document.querySelectorAll(all)].map((each) => each.textContent), selector);
  }
  people(...names) { return this.texts('the people', '#people li', names); }
  rooms(...names) { return this.texts('the rooms', '#rooms li > button:first-child', names); }
  state(text) { return this.texts('the state', '#state', [text]); }
  typing(text) { return this.texts('the typing note', '#typing', [text]); }
  waiting(count) { return this.sees('what waits', count, () => document.querySelectorAll('#log .waiting').length); }
  gaps(count) { return this.sees('the gaps', count, () => document.querySelectorAll('#log .gap').length); }

  picture(name) { return this.page.screenshot({path: path.join(artifacts, `${name}.png`)}); }
  async leave() {
    await this.context.close();
    assert.deepStrictEqual(this.problems, []);
  }
}

// `nodes` are servers of one chat, each of which `restart(at)` replaces; if they `share` what was said, nothing of it is
// missing when one is killed.
// `title` begins the names of the cases and, with dashes, of the pictures.
async function conversation(browser, title, nodes, restart, share) {
  const picture = (of, name) => of.picture(`${title.replaceAll(' ', '-')}-${name}`);
  const gates = [];
  for (let at = 0; at !== 2; ++at) {
    const ports = () => [...nodes.slice(at % nodes.length), ...nodes.slice(0, at % nodes.length)].map((node) => node.port);
    const gate = await Gate.open([]);
    Object.defineProperty(gate, 'ports', {get: ports});
    gates.push(gate);
  }
  let ann;
  let bob;

  await run(`${title}: two pages see who is there and what is said`, async () => {
    ann = await Person.enter(browser, gates[0], 'ann');
    await ann.people('ann (you)');
    bob = await Person.enter(browser, gates[1], 'bob', 'lobby', {colorScheme: 'dark'});
    await ann.people('ann (you)', 'bob');
    await bob.people('ann', 'bob (you)');
    await ann.say('hello');
    await bob.say('hi ann');
    for (const each of [ann, bob]) await each.messages(['ann: hello', 'bob: hi ann']);
    const [rooms, talk, people] = await Promise.all(['nav', 'main', 'aside'].map((part) => ann.page.locator(part).boundingBox()));
    assert.ok(rooms.x < talk.x && talk.x < people.x && talk.width > 500, 'the conversation stands in the middle');
  });
  await run(`${title}: a typing note, until it is said`, async () => {
    await bob.type('I am');
    await ann.typing('bob is typing…');
    await bob.typing('');
    await picture(ann, 'typing');
    await bob.say('I am typing');
    await ann.typing('');
    await ann.messages(['ann: hello', 'bob: hi ann', 'bob: I am typing']);
  });
  await run(`${title}: text is text, in several lines too`, async () => {
    const text = '<img src=x onerror="document.title=\'owned\'"> & <b>bold</b>\nsecond line';
    await bob.page.fill('#text', text);
    await bob.page.click('#say button');
    await ann.messages([`bob: ${text}`], -1);
    assert.strictEqual(await ann.page.locator('#log img, #log b').count(), 0);
    assert.ok(!(await ann.page.title()).includes('owned'));
  });
  await run(`${title}: no script but its own runs in the page`, async () => {
    const ran = await ann.page.evaluate(() => {
      const script = document.createElement('script');
      script.textContent = 'window.owned = true';
      document.body.append(script);
      return Boolean(window.owned);
    });
    assert.ok(!ran);
    assert.match(ann.problems.splice(0).join(), /Content Security Policy/);
  });
  await run(`${title}: who comes later gets the history, and a reload is no coming and going`, async () => {
    const carol = await Person.enter(browser, gates[0], 'Carol', 'lobby', {viewport: {width: 360, height: 640}});
    await carol.people('ann', 'bob', 'Carol (you)');
    await carol.messages(['ann: hello', 'bob: hi ann', 'bob: I am typing'], 0, 3);
    await picture(carol, 'narrow');
    const wide = await carol.page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    assert.ok(wide <= 0, `${wide} pixels wider than the screen`);
    await carol.page.reload();
    await carol.people('ann', 'bob', 'Carol (you)');
    await ann.texts('the events', '#log .event', ['bob came in', 'Carol came in']);
    await carol.leave();
    await ann.people('ann (you)', 'bob');
  });
  await run(`${title}: another room, and what is unread in the first`, async () => {
    await bob.page.fill('#room', 'tea & biscuits');
    await bob.page.press('#room', 'Enter');
    await bob.rooms('lobby', 'tea & biscuits');
    await bob.people('bob (you)');
    await ann.say('where is bob?');
    await bob.rooms('lobby1 unread', 'tea & biscuits');
    await picture(bob, 'dark');
    await bob.page.click('#rooms button:first-child');
    await bob.rooms('lobby', 'tea & biscuits');
    await bob.page.click('[aria-label="Leave tea & biscuits"]');
    await bob.rooms('lobby');
  });
  await run(`${title}: a room that cannot be called that is refused, and the page goes on`, async () => {
    await bob.page.fill('#room', 'a/b');
    await bob.page.press('#room', 'Enter');
    await bob.texts('the problem', '#problem', ['a room cannot be called that']);
    await bob.rooms('lobby');
    await bob.state('connected');
  });
  await run(`${title}: a page that is cut off gets what it missed, and says what it could not`, async () => {
    gates[1].cut();
    await bob.state('connection lost');
    await ann.say('can you hear me?');
    await bob.say('not now');
    await bob.waiting(1);
    await picture(bob, 'cut-off');
    gates[1].restore();
    for (const each of [ann, bob]) {
      await each.messages(['ann: where is bob?', 'ann: can you hear me?', 'bob: not now'], -3);
      await each.gaps(0);
      await each.state('connected');
    }
  });
  await run(`${title}: what is lost on the way is said again, and what has arrived is not`, async () => {
    for (const end of ['node', 'page']) {
      gates[1].swallows = end;
      await bob.say(`lost on the way to the ${end}`);
      if (end === 'page') await ann.messages(['bob: lost on the way to the page'], -1);
      gates[1].cut();
      await bob.state('connection lost');
      gates[1].restore();
      for (const each of [ann, bob]) await each.messages([`bob: lost on the way to the ${end}`], -1);
      await bob.waiting(0);
    }
    await ann.say('once each');
    for (const each of [ann, bob]) {
      await each.messages(['bob: not now', 'bob: lost on the way to the node', 'bob: lost on the way to the page', 'ann: once each'], -4);
    }
  });
  await run(`${title}: what was said twice by its ref is shown once`, async () => {
    const eve = new WebSocket(`${gates[0].url.replace('http', 'ws')}chat/eve`);
    await new Promise((open, fail) => { Object.assign(eve, {onopen: open, onerror: fail}); });
    for (const message of [{kind: 'ENTER'}, {kind: 'SAY', text: 'twice', ref: 'a'}, {kind: 'SAY', text: 'twice', ref: 'a'}, {kind: 'SAY', text: 'end', ref: 'b'}, {kind: 'LEAVE'}]) {
      eve.send(JSON.stringify({room: 'lobby', ...message}));
    }
    await ann.messages(['ann: once each', 'eve: twice', 'eve: end'], -3);
    eve.close();
  });
  await run(`${title}: a node is killed, and the conversation goes on`, async () => {
    const killed = nodes[0];
    assert.strictEqual(await stop(killed, 'SIGKILL'), 'SIGKILL');
    if (nodes.length === 1) await Promise.all([ann, bob].map((each) => each.state('connection lost')));
    // At other nodes the conversation goes on meanwhile.
    if (share) {
      await bob.say('still here');
      await bob.messages(['bob: still here'], -1);
    }
    await ann.say('said while the node is away');
    if (share) {
      await ann.waiting(0);
      await ann.messages(['bob: still here', 'ann: said while the node is away'], -2);
      await picture(ann, 'one-is-killed');
    }
    await restart(0);
    for (const each of [ann, bob]) {
      await each.messages(['ann: said while the node is away'], -1);
      await each.gaps(share ? 0 : 1);
    }
    if (share) {
      const texts = (who) => who.page.evaluate(() => [...document.querySelectorAll('#log li p')].map((each) => each.textContent));
      assert.deepStrictEqual(await texts(ann), await texts(bob));
      await ann.state('connected');
    }
    await bob.say('back again');
    for (const each of [ann, bob]) await each.messages(['ann: said while the node is away', 'bob: back again'], -2);
    await ann.people('ann (you)', 'bob');
    await picture(ann, 'after-a-restart');
  });
  await run(`${title}: a name that is none is refused, and another taken`, async () => {
    const nobody = await Person.enter(browser, gates[0], 'a/b');
    await nobody.texts('the refusal', '#refusal', ['nobody can be called that']);
    await picture(nobody, 'sign-in');
    await nobody.page.fill('#name', 'Dora');
    await nobody.page.press('#name', 'Enter');
    await nobody.people('ann', 'bob', 'Dora (you)');
    await nobody.leave();
  });
  await run(`${title}: the pages have had no problems`, async () => {
    await ann.leave();
    await bob.leave();
  });
}

drive(async () => {
  fs.mkdirSync(artifacts, {recursive: true});
  const browser = await chromium.launch({executablePath: process.env.CHROMIUM || '/usr/bin/chromium', args: BROWSER_ARGUMENTS});
  const redis = await Redis.start();
  const alone = [];
  const joined = [];
  const node = () => serve('chat', '--grace', 1);
  const nodeOfTwo = () => serve('chat', '--grace', 1, '--redis', redis.url);
  try {
    alone.push(await node());
    await conversation(browser, 'chat', alone, async (at) => { alone[at] = await node(); }, false);
    joined.push(await nodeOfTwo(), await nodeOfTwo());
    await conversation(browser, 'chat two nodes', joined, async (at) => { joined[at] = await nodeOfTwo(); }, true);
  } finally {
    await browser.close();
    for (const each of [...alone, ...joined]) await run('chat ends after the browser', async () => assert.deepStrictEqual([await stop(each), each.errors], [0, '']));
    await redis.stop();
  }
});
