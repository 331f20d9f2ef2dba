// The page that upload serves: plain HTML and JavaScript.
#pragma once

inline constexpr char upload_page[] = R"html(<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>kindwire upload</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; margin: 10vh auto; max-width: 34rem; padding: 0 1rem; color: #1c2330 }
  h1 { font-size: 1.4rem; margin: 0 0 1.5rem }
  label { display: block; margin: 0 0 1rem }
  label span { display: block; font-size: .85rem; color: #5a6474 }
  input, select { font: inherit; width: 100%; box-sizing: border-box }
  input[type=text], select { padding: .4rem .6rem; border: 1px solid #c3cad5; border-radius: 6px; background: #fff }
  button { font: inherit; padding: .4rem 1.2rem; border: 0; border-radius: 6px; background: #1f5fd0; color: #fff }
  button:disabled { background: #a9b4c4 }
  progress { width: 100%; height: 1.2rem; margin: 1.5rem 0 .3rem }
  #status { color: #5a6474 } #status.bad { color: #b3261e } #status.good { color: #1b7f3b }
</style>
<h1>Send a file over WebSocket</h1>
<label><span>You are</span><input type="text" id="user" maxlength="64"></label>
<label><span>File</span><input type="file" id="file"></label>
<label><span>Sent</span><select id="way">
  <option value="upload">in messages of 64 KiB</option>
  <option value="streamed">as one message</option>
</select></label>
<button id="send" disabled>Send</button>
<progress id="progress" max="100" value="0"></progress>
<div id="status" role="status">connecting</div>
<script>
'use strict';
const piece = 64 * 1024;         // bytes a message
const ahead = 4 * 1024 * 1024;   // bytes the browser may hold unsent
const at = {
  user: /** @type {HTMLInputElement} */ (document.getElementById('user')),
  file: /** @type {HTMLInputElement} */ (document.getElementById('file')),
  way: /** @type {HTMLSelectElement} */ (document.getElementById('way')),  // the beginning of the path
  send: /** @type {HTMLButtonElement} */ (document.getElementById('send')),
  progress: /** @type {HTMLProgressElement} */ (document.getElementById('progress')),
  status: /** @type {HTMLElement} */ (document.getElementById('status')),
};
/** @type {WebSocket | undefined} */
let ws;
let sending = false;
/** @type {File | undefined} goes as one message at the first progress; no byte of a file that is refused goes */
let announced;

function show(text = '', look = '') { at.status.textContent = text; at.status.className = look; }
function stop() { sending = false; announced = undefined; }
function ready() {
  at.way.disabled = sending;
  at.send.disabled = sending || !at.file.files?.length || ws?.readyState !== WebSocket.OPEN;
}

// The types are what `upload --types` prints from the server's declarations.

/** @param {import('./upload_types').UploadFromServer | import('./upload_types').StreamedFromServer} message */
function take(message) {
  switch (message.kind) {
    case 'INITIAL': show('ready'); break;
    case 'UPLOAD_PROGRESS':
      at.progress.value = message.value;
      show(Math.floor(message.value) + ' %');
      sendWhole();
      break;
    case 'UPLOAD_FINISH': at.progress.value = 100; sending = false; show('finished', 'good'); break;
    case 'ERROR': stop(); show(message.reason, 'bad'); break;
  }
}

/** @param {WebSocket} to @param {import('./upload_types').UploadToServer | import('./upload_types').StreamedToServer} message */
function say(to, message) { to.send(JSON.stringify(message)); }

function connect() {
  if (ws) ws.onclose = ws.onmessage = null, ws.close();
  stop();
  show('connecting');
  const scheme = location.protocol === 'https:' ? 'wss://' : 'ws://';
  const path = '/' + at.way.value + '/' + encodeURIComponent(at.user.value || 'guest');
  const mine = ws = new WebSocket(scheme + location.host + path);
  mine.binaryType = 'arraybuffer';
  mine.onmessage = ({data}) => { take(JSON.parse(data)); ready(); };
  mine.onclose = ({code, reason}) => {
    stop();
    show('connection closed (' + code + (reason ? ': ' + reason : '') + ')', 'bad');
    ready();
  };
  ready();
}

async function send() {
  const file = at.file.files?.[0], mine = ws;
  if (!file || !mine) return;
  sending = true;
  ready();
  at.progress.value = 0;
  if (at.way.value === 'streamed') announced = file;
  say(mine, {kind: 'UPLOAD_START', name: file.name, size: file.size});
  if (!announced) await sendPieces(file, mine);
}

/** @param {File} file @param {WebSocket} mine */
async function sendPieces(file, mine) {
  for (let from = 0; from < file.size && sending && mine === ws; from += piece) {
    const bytes = await file.slice(from, from + piece).arrayBuffer();
    while (mine.bufferedAmount > ahead) await new Promise(later => setTimeout(later, 5));
    if (sending && mine.readyState === WebSocket.OPEN) mine.send(bytes);
  }
}

// The browser cuts the message into fragments and sends them at the pace of the server. All of it counts in
// bufferedAmount at once, so only the server tells how far it is. Chromium reads the whole file into memory
// first, unlike the pieces above.
function sendWhole() {
  if (announced) ws?.send(announced);
  announced = undefined;
}

at.user.value = new URLSearchParams(location.search).get('user') || 'guest';
at.user.onchange = at.way.onchange = connect;
at.file.onchange = ready;
at.send.onclick = send;
connect();
</script>
</html>
)html";
