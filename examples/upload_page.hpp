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
  input { font: inherit; width: 100%; box-sizing: border-box }
  input[type=text] { padding: .4rem .6rem; border: 1px solid #c3cad5; border-radius: 6px }
  button { font: inherit; padding: .4rem 1.2rem; border: 0; border-radius: 6px; background: #1f5fd0; color: #fff }
  button:disabled { background: #a9b4c4 }
  progress { width: 100%; height: 1.2rem; margin: 1.5rem 0 .3rem }
  #status { color: #5a6474 } #status.bad { color: #b3261e } #status.good { color: #1b7f3b }
</style>
<h1>Send a file over WebSocket</h1>
<label><span>You are</span><input type="text" id="user" maxlength="64"></label>
<label><span>File</span><input type="file" id="file"></label>
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
  send: /** @type {HTMLButtonElement} */ (document.getElementById('send')),
  progress: /** @type {HTMLProgressElement} */ (document.getElementById('progress')),
  status: /** @type {HTMLElement} */ (document.getElementById('status')),
};
/** @type {WebSocket | undefined} */
let ws;
let sending = false;

function show(text = '', look = '') { at.status.textContent = text; at.status.className = look; }
function ready() { at.send.disabled = sending || !at.file.files?.length || ws?.readyState !== WebSocket.OPEN; }

// The types are what `upload --types` prints from the server's declarations.

/** @param {import('./upload_types').UploadFromServer} message */
function take(message) {
  switch (message.kind) {
    case 'INITIAL': show('ready'); break;
    case 'UPLOAD_PROGRESS': at.progress.value = message.value; show(Math.floor(message.value) + ' %'); break;
    case 'UPLOAD_FINISH': at.progress.value = 100; sending = false; show('finished', 'good'); break;
    case 'ERROR': sending = false; show(message.reason, 'bad'); break;
  }
}

/** @param {WebSocket} to @param {import('./upload_types').UploadToServer} message */
function say(to, message) { to.send(JSON.stringify(message)); }

function connect() {
  if (ws) ws.onclose = ws.onmessage = null, ws.close();
  show('connecting');
  const scheme = location.protocol === 'https:' ? 'wss://' : 'ws://';
  const mine = ws = new WebSocket(scheme + location.host + '/upload/' + encodeURIComponent(at.user.value || 'guest'));
  mine.binaryType = 'arraybuffer';
  mine.onmessage = ({data}) => { take(JSON.parse(data)); ready(); };
  mine.onclose = ({code, reason}) => {
    sending = false;
    show('connection closed (' + code + (reason ? ': ' + reason : '') + ')', 'bad');
    ready();
  };
}

async function send() {
  const file = at.file.files?.[0], mine = ws;
  if (!file || !mine) return;
  sending = true;
  ready();
  at.progress.value = 0;
  say(mine, {kind: 'UPLOAD_START', name: file.name, size: file.size});
  for (let from = 0; from < file.size && sending && mine === ws; from += piece) {
    const bytes = await file.slice(from, from + piece).arrayBuffer();
    while (mine.bufferedAmount > ahead) await new Promise(later => setTimeout(later, 5));
    if (sending && mine.readyState === WebSocket.OPEN) mine.send(bytes);
  }
}

at.user.value = new URLSearchParams(location.search).get('user') || 'guest';
at.user.onchange = connect;
at.file.onchange = ready;
at.send.onclick = send;
connect();
</script>
</html>
)html";
