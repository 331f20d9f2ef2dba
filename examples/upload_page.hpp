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
/** @type {{file: File, begun: boolean, sent: boolean} | undefined} our upload, from its START to its FINISH or an ERROR */
let ours;

function show(text = '', look = '') { at.status.textContent = text; at.status.className = look; }
function stop() { ours = undefined; }
function ready() {
  at.way.disabled = Boolean(ours);
  at.send.disabled = Boolean(ours) || !at.file.files?.length || ws?.readyState !== WebSocket.OPEN;
}

// The types are what `upload --types` prints from the server's declarations.

/** @param {import('./upload_types').UploadFromServer | import('./upload_types').StreamedFromServer} message */
function take(message) {
  switch (message.kind) {
    case 'INITIAL': show('ready'); break;
    case 'UPLOAD_PROGRESS':
      at.progress.value = message.value;
      show(Math.floor(message.value) + ' %');
      if (message.value === 0) begin();
      break;
    case 'UPLOAD_FINISH':
      at.progress.value = 100;
      if (ours?.sent) stop();  // otherwise another page's upload has ended
      show('finished', 'good');
      break;
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

function start() {
  const file = at.file.files?.[0];
  if (!file || !ws) return;
  ours = {file, begun: false, sent: false};
  ready();
  at.progress.value = 0;
  say(ws, {kind: 'UPLOAD_START', name: file.name, size: file.size});
}

// A progress of 0 tells every page of the user that an upload was accepted, so no byte goes before it. It may be that
// of another page, accepted just before our START arrives: if ours is refused then, what has gone is skipped.
function begin() {
  if (!ours || ours.begun || !ws) return;
  ours.begun = true;
  at.way.value === 'streamed' ? sendWhole(ours, ws) : sendPieces(ours, ws);
}

/** @param {NonNullable<typeof ours>} mine @param {WebSocket} to */
async function sendPieces(mine, to) {
  for (let from = 0; from < mine.file.size; from += piece) {
    const bytes = await mine.file.slice(from, from + piece).arrayBuffer();
    while (mine === ours && to.bufferedAmount > ahead) await new Promise(later => setTimeout(later, 5));
    if (mine !== ours) return;
    to.send(bytes);
  }
  mine.sent = true;
}

// The browser cuts the message into fragments and sends them at the pace of the server. All of it counts in
// bufferedAmount at once, so only the server tells how far it is. Chromium reads the whole file into memory
// first, unlike the pieces above.
/** @param {NonNullable<typeof ours>} mine @param {WebSocket} to */
function sendWhole(mine, to) {
  to.send(mine.file);
  mine.sent = true;
}

at.user.value = new URLSearchParams(location.search).get('user') || 'guest';
at.user.onchange = at.way.onchange = connect;
at.file.onchange = ready;
at.send.onclick = start;
connect();
</script>
</html>
)html";
