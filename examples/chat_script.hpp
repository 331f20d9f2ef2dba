// The script of the page that chat serves: plain JavaScript, checked by TypeScript's compiler.
#pragma once

inline constexpr char chat_script[] = R"js(
'use strict';
// The types are what `chat --types` prints from the server's declarations.
/** @typedef {import('./chat_types').ChatFromServer} FromServer @typedef {import('./chat_types').ChatToServer} ToServer */
/** @typedef {{text: string, item: HTMLLIElement, over: WebSocket | undefined}} Waiting a message that has not come back */
/**
 * @typedef {object} Room
 * @property {string} name
 * @property {string} last         the id of the last message that is here, for the next entering
 * @property {string} entered      the id at which a recovery ends
 * @property {boolean} fresh       whether a message has come since
 * @property {WebSocket | undefined} over  the connection over which it is entered, and recovered
 * @property {Set<string>} people
 * @property {Map<string, number>} typing  timers, by the names of those who type
 * @property {Map<string, Waiting>} waiting
 * @property {Set<string>} seen    `ref who` of the messages shown: one that was sent again may arrive twice
 * @property {number} unread
 * @property {HTMLOListElement} log
 */

const shown = 500;           // messages of a room that the page keeps
const typingSeconds = 6;     // for which a typing note is shown; half of it between two of our own
const [soonest, latest] = [500, 15000];  // milliseconds until a connection is tried again

/** @template {HTMLElement} T @param {string} id @param {new () => T} type @returns {T} */
function element(id, type) {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error('no #' + id);
  return found;
}
const at = {
  welcome: element('welcome', HTMLFormElement), name: element('name', HTMLInputElement),
  firstRoom: element('first-room', HTMLInputElement), refusal: element('refusal', HTMLElement),
  chat: element('chat', HTMLElement), you: element('you', HTMLElement), state: element('state', HTMLElement),
  retry: element('retry', HTMLButtonElement), change: element('change', HTMLButtonElement),
  rooms: element('rooms', HTMLUListElement), enter: element('enter', HTMLFormElement), room: element('room', HTMLInputElement),
  known: element('known-rooms', HTMLDataListElement), people: element('people', HTMLUListElement),
  title: element('room-name', HTMLElement), log: element('log', HTMLElement), typing: element('typing', HTMLElement),
  problem: element('problem', HTMLElement), say: element('say', HTMLFormElement), text: element('text', HTMLTextAreaElement),
};

let name = '';
/** @type {Map<string, Room>} */
const rooms = new Map();
/** @type {Room | undefined} */
let here;
/** @type {string[]} rooms that are still to be entered */
let wanted = [];
/** @type {WebSocket | undefined} */
let ws;
let failures = 0, nextTry = 0, lastTyping = 0;

// Elements: texts of others are texts, and never become HTML.

/** @template {keyof HTMLElementTagNameMap} Tag @param {Tag} tag @param {string} className @param {(Node | string)[]} inner */
function make(tag, className, ...inner) {
  const made = document.createElement(tag);
  made.className = className;
  made.append(...inner);
  return made;
}

/** @param {Room} room @param {HTMLLIElement} item */
function add(room, item) {
  const follows = !here || here !== room || at.log.scrollHeight - at.log.scrollTop - at.log.clientHeight < 80;
  room.log.insertBefore(item, item.classList.contains('waiting') ? null : room.log.querySelector('.waiting'));
  for (let first; room.log.childElementCount > shown && (first = room.log.firstElementChild);) {
    if (first instanceof HTMLElement && first.dataset.key) room.seen.delete(first.dataset.key);
    first.remove();
  }
  if (follows && here === room) at.log.scrollTop = at.log.scrollHeight;
}
/** @param {Room} room @param {string} look @param {string} text */
function note(room, look, text) { add(room, make('li', look, text)); }

/** @param {Room} room @param {string} who @param {string} text @param {Date | undefined} time */
function bubble(room, who, text, time) {
  const head = make('span', 'who', who);
  if (time) {
    const clock = make('time', '', time.toLocaleTimeString([], {hour: '2-digit', minute: '2-digit'}));
    clock.dateTime = time.toISOString();
    clock.title = time.toLocaleString();
    head.append(clock);
  }
  const item = make('li', who === name ? 'own' : '', head, make('p', '', text));
  item.dataset.who = who;
  if (!time) return head.append(make('span', 'unsaid', 'not sent yet')), item;
  const all = room.log.querySelectorAll('li:not(.waiting)'), before = all[all.length - 1];
  if (before instanceof HTMLElement && before.dataset.who === who) item.classList.add('more');
  return item;
}

function showRooms() {
  at.rooms.replaceChildren(...[...rooms.values()].map((room) => {
    const open = make('button', '', room.name), leave = make('button', 'quiet', '×');
    if (room === here) open.setAttribute('aria-current', 'true');
    if (room.unread) open.append(make('span', 'count', String(room.unread), make('span', 'unseen', ' unread')));
    leave.setAttribute('aria-label', 'Leave ' + room.name);
    open.onclick = () => { choose(room); at.text.focus(); };
    leave.onclick = () => drop(room);
    return make('li', '', open, leave);
  }));
  const unread = [...rooms.values()].reduce((sum, room) => sum + room.unread, 0);
  document.title = (unread ? '(' + unread + ') ' : '') + 'kindwire chat';
}
function showPeople() {
  const all = [...here?.people ?? []].sort((a, b) => a.localeCompare(b));
  at.people.replaceChildren(...all.map((who) => make('li', '', who === name ? who + ' (you)' : who)));
}
function showTyping() {
  const all = [...here?.typing.keys() ?? []];
  const who = all.length > 2 ? 'several people are' : all.length === 2 ? all.join(' and ') + ' are' : all[0] + ' is';
  at.typing.textContent = all.length ? who + ' typing…' : '';
}
/** @param {Room | undefined} room */
function choose(room) {
  here = room;
  if (room) room.unread = 0;
  at.title.textContent = room ? room.name : 'no room';
  at.log.replaceChildren(...room ? [room.log] : []);
  at.log.scrollTop = at.log.scrollHeight;
  showRooms(), showPeople(), showTyping();
}
/** @param {string} text */
function complain(text) { at.problem.textContent = text; at.problem.hidden = !text; }

// Messages.

/** @param {ToServer} message */
function send(message) { if (ws?.readyState === WebSocket.OPEN) ws.send(JSON.stringify(message)); }

/** @param {FromServer} message */
function take(message) {
  switch (message.kind) {
    case 'WELCOME':
      at.known.replaceChildren(...message.rooms.map((each) => Object.assign(document.createElement('option'), {value: each})));
      for (const each of new Set([...rooms.keys(), ...wanted])) enter(each);
      break;
    case 'ROOM_ENTERED': entered(message.room, message.id, message.complete); break;
    case 'ROOM_MESSAGE': {
      const room = rooms.get(message.room);
      if (room) said(room, message.id, message.message);
      break;
    }
    case 'PEOPLE': {
      const room = rooms.get(message.room);
      if (room) recovered(room, message.people);
      break;
    }
    case 'CAME': presence(message.room, message.who, true); break;
    case 'WENT': presence(message.room, message.who, false); break;
    case 'TYPING_NOTE': {
      const room = rooms.get(message.room);
      if (!room || message.who === name) break;
      clearTimeout(room.typing.get(message.who));
      room.typing.set(message.who, setTimeout(() => quiet(room, message.who), typingSeconds * 1000));
      showTyping();
      break;
    }
    case 'ERROR':
      if (message.code === 'bad_name') return signIn(message.message ?? message.code);
      complain(message.message || message.code);
      break;
  }
}

/** @param {string} room */
function enter(room) {
  const last = rooms.get(room)?.last;
  send(last ? {kind: 'ENTER', room, since: last} : {kind: 'ENTER', room});
}
/** @param {string} called @param {string} id @param {boolean} complete */
function entered(called, id, complete) {
  let room = rooms.get(called);
  if (!room) {
    room = {name: called, last: '', entered: '', fresh: false, over: undefined, people: new Set(), typing: new Map(),
      waiting: new Map(), seen: new Set(), unread: 0, log: make('ol', '')};
    rooms.set(called, room);
    wanted = wanted.filter((each) => each !== called);
    if (!here || at.room.value === called) choose(room);
    if (at.room.value === called) at.room.value = '';
  } else if (!complete) {
    note(room, 'gap', 'Messages may be missing here');
  }
  room.entered = id;
  room.fresh = false;
  send({kind: 'WHO', room: called});
  showRooms(), keep();
}
// PEOPLE comes after all that was missed.
/** @param {Room} room @param {string[]} people */
function recovered(room, people) {
  if (!room.fresh) room.last = room.entered;
  room.people = new Set(people);
  room.over = ws;
  failures = 0;
  for (const [ref, each] of room.waiting) if (each.over !== ws) say(room, ref, each);
  if (room === here) showPeople();
}
/** @param {Room} room @param {string} id @param {import('./chat_types').Said} message */
function said(room, id, message) {
  room.last = id;
  room.fresh = true;
  quiet(room, message.who);
  const key = message.ref + ' ' + message.who;
  if (message.ref && room.seen.has(key)) return;
  if (message.who === name && message.ref) {
    room.waiting.get(message.ref)?.item.remove();
    room.waiting.delete(message.ref);
  }
  const item = bubble(room, message.who, message.text, new Date(message.time));
  if (message.ref) room.seen.add(item.dataset.key = key);
  add(room, item);
  if (room === here && !document.hidden) return;
  room.unread += 1;
  showRooms();
}
/** @param {string} called @param {string} who @param {boolean} is */
function presence(called, who, is) {
  const room = rooms.get(called);
  if (!room || room.over !== ws || room.people.has(who) === is) return;  // before PEOPLE, which has it
  is ? room.people.add(who) : room.people.delete(who);
  quiet(room, who);
  note(room, 'event', who + (is ? ' came in' : ' left'));
  if (room === here) showPeople();
}
/** @param {Room} room @param {string} who */
function quiet(room, who) {
  clearTimeout(room.typing.get(who));
  room.typing.delete(who);
  showTyping();
}
/** @param {Room} room @param {string} ref @param {Waiting} what */
function say(room, ref, what) {
  if (room.over !== ws || ws?.readyState !== WebSocket.OPEN) return;  // once it is recovered
  what.over = ws;
  send({kind: 'SAY', room: room.name, text: what.text, ref});
}
/** @param {Room} room */
function drop(room) {
  send({kind: 'LEAVE', room: room.name});
  rooms.delete(room.name);
  if (room === here) choose([...rooms.values()][0]);
  showRooms(), keep();
}

// The connection: lost ones are tried again, later and later, and never by all at the same moment.

/** @param {string} text @param {boolean} online */
function tell(text, online) {
  at.state.textContent = text;
  at.state.className = online ? 'online' : '';
  at.retry.hidden = online;
}
function connect() {
  clearTimeout(nextTry);
  if (ws) ws.onopen = ws.onclose = ws.onmessage = null, ws.close();
  tell('connecting', false);
  at.retry.hidden = true;
  const scheme = location.protocol === 'https:' ? 'wss://' : 'ws://';
  ws = new WebSocket(scheme + location.host + '/chat/' + encodeURIComponent(name));
  ws.onopen = () => tell('connected', true);
  ws.onmessage = ({data}) => take(JSON.parse(data));
  ws.onclose = () => {
    const wait = Math.min(latest, soonest * 2 ** failures++) * (0.5 + Math.random() / 2);
    tell('connection lost', false);
    nextTry = setTimeout(connect, wait);
  };
}
function signIn(why = '') {
  clearTimeout(nextTry);
  if (ws) ws.onopen = ws.onclose = ws.onmessage = null, ws.close();
  ws = here = undefined;
  rooms.clear();
  at.refusal.textContent = why;
  at.refusal.hidden = !why;
  at.welcome.hidden = false;
  at.chat.hidden = true;
  at.name.value = name;
  at.name.focus();
}
/** @param {string} who @param {string[]} where */
function begin(who, where) {
  [name, wanted, failures] = [who, where, 0];
  at.you.textContent = 'You are ' + who;
  at.welcome.hidden = true;
  at.chat.hidden = false;
  choose(undefined), complain('');
  connect();
  at.text.focus();
}
// What a reload of this tab finds again.
function keep() { sessionStorage.setItem('chat', JSON.stringify({name, rooms: [...rooms.keys()]})); }

at.welcome.onsubmit = (event) => { event.preventDefault(); begin(at.name.value.trim(), [at.firstRoom.value.trim()]); };
at.enter.onsubmit = (event) => {
  event.preventDefault();
  const called = at.room.value = at.room.value.trim(), known = rooms.get(called);
  complain('');
  if (known) at.room.value = '', choose(known); else if (called) enter(called);
};
at.say.onsubmit = (event) => {
  event.preventDefault();
  const text = at.text.value.trim();
  if (!text || !here) return;
  const ref = [...crypto.getRandomValues(new Uint8Array(12))].map((each) => each.toString(16).padStart(2, '0')).join('');
  const item = bubble(here, name, text, undefined);
  item.classList.add('waiting');
  /** @type {Waiting} */
  const what = {text, item, over: undefined};
  here.waiting.set(ref, what);
  add(here, item);
  at.log.scrollTop = at.log.scrollHeight;
  say(here, ref, what);
  [at.text.value, lastTyping] = ['', 0];
  complain('');
};
at.text.onkeydown = (event) => {
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  at.say.requestSubmit();
};
at.text.oninput = () => {
  if (!here || !at.text.value || Date.now() - lastTyping < typingSeconds * 500) return;
  lastTyping = Date.now();
  if (here.over === ws) send({kind: 'TYPING', room: here.name});
};
at.retry.onclick = connect;
at.change.onclick = () => signIn();
document.onvisibilitychange = () => { if (!document.hidden && here?.unread) here.unread = 0, showRooms(); };
window.ononline = () => { if (ws && ws.readyState !== WebSocket.OPEN) connect(); };

const asked = new URLSearchParams(location.search);
const kept = JSON.parse(sessionStorage.getItem('chat') || '{}');
const asWhom = asked.get('name') || kept.name, where = asked.getAll('room');
if (asWhom) begin(asWhom, where.length ? where : kept.rooms?.length ? kept.rooms : ['lobby']); else signIn();
)js";
