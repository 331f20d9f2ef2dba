// The page that chat serves: plain HTML and CSS; its script is in chat_script.hpp. NONCE is replaced for each
// request.
#pragma once

#include "chat_script.hpp"

inline constexpr char chat_page[] = R"html(<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>kindwire chat</title>
<link rel="icon" href="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Cpath fill='%231f5fd0' d='M2 2h12v9H7l-3 3v-3H2z'/%3E%3C/svg%3E">
<style nonce="NONCE">
  :root {
    color-scheme: light dark;
    --text: #1c2330; --faint: #596273; --line: #d9dee6; --ground: #ffffff; --panel: #f4f6f9; --accent: #1f5fd0;
    --on-accent: #ffffff; --own: #e4edfc; --bad: #b3261e; --bad-ground: #fdecea; --gap: #8a5a00; --good: #1b7f3b;
  }
  @media (prefers-color-scheme: dark) {
    :root {
      --text: #e4e8ef; --faint: #9aa5b6; --line: #313a48; --ground: #151a21; --panel: #1c232d; --accent: #7fb0ff;
      --on-accent: #0d1522; --own: #22324d; --bad: #ffb4ab; --bad-ground: #43201d; --gap: #f0bf6a; --good: #7bd88f;
    }
  }
  * { box-sizing: border-box }
  [hidden] { display: none !important }
  html, body { height: 100%; margin: 0 }
  body { font: 16px/1.45 system-ui, sans-serif; color: var(--text); background: var(--ground) }
  h1, h2 { font-size: 1rem; margin: 0 }
  h2 { font-size: .75rem; letter-spacing: .06em; text-transform: uppercase; color: var(--faint); margin: 0 0 .5rem }
  ul, ol { list-style: none; margin: 0; padding: 0 }
  input, textarea, button { font: inherit; color: inherit }
  input, textarea { background: var(--ground); border: 1px solid var(--line); border-radius: 8px; padding: .5rem .7rem; min-width: 0 }
  button { background: var(--accent); color: var(--on-accent); border: 0; border-radius: 8px; padding: .5rem 1rem; cursor: pointer }
  button.quiet { background: none; color: var(--faint); padding: .25rem .5rem }
  button.quiet:hover { color: var(--text) }
  :focus-visible { outline: 2px solid var(--accent); outline-offset: 1px }
  .unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap }

  #welcome { max-width: 22rem; margin: 14vh auto 0; padding: 0 1rem }
  #welcome h1 { font-size: 1.5rem; margin-bottom: 1.5rem }
  #welcome label { display: block; margin-bottom: 1rem; font-size: .85rem; color: var(--faint) }
  #refusal { color: var(--bad) }
  #welcome input { display: block; width: 100%; font-size: 1rem; color: var(--text); margin-top: .2rem }

  #chat { display: grid; height: 100%; grid: auto 1fr / 14rem minmax(0, 1fr) 12rem }
  header { grid-column: 1 / -1; display: flex; align-items: center; gap: .8rem; padding: .6rem 1rem; border-bottom: 1px solid var(--line) }
  header h1 { margin-right: auto; white-space: nowrap }
  header > * { white-space: nowrap } #you { overflow: hidden; text-overflow: ellipsis }
  #state { color: var(--faint); font-size: .85rem }
  #state::before { content: ''; display: inline-block; width: .6rem; height: .6rem; border-radius: 50%; background: var(--gap); margin-right: .4rem }
  #state.online::before { background: var(--good) }
  nav, aside { background: var(--panel); padding: 1rem; overflow: auto; min-width: 0 }
  nav { border-right: 1px solid var(--line) } aside { border-left: 1px solid var(--line) }
  #rooms li { display: flex; border-radius: 8px }
  #rooms li:has([aria-current]) { background: var(--own) }
  #rooms button { background: none; color: inherit; text-align: left; padding: .35rem .6rem }
  #rooms button:first-child { flex: 1; min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
  #rooms [aria-current] { font-weight: 600 }
  #rooms .count { background: var(--accent); color: var(--on-accent); border-radius: 1rem; font-size: .75rem; padding: .05rem .45rem; margin-left: .4rem }
  #enter { display: flex; gap: .4rem; margin-top: .8rem } #enter input { flex: 1; padding: .3rem .5rem } #enter button { padding: .3rem .7rem }
  #people li { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; padding: .1rem 0 }

  main { grid-area: 2 / 2; display: flex; flex-direction: column; min-height: 0; min-width: 0 } aside { grid-area: 2 / 3 }
  #room-name { padding: .6rem 1rem 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
  #log { flex: 1; overflow-y: auto; padding: .6rem 1rem }
  #log li { margin: .35rem 0; max-width: 44rem; overflow-wrap: anywhere }
  #log p { display: inline-block; margin: 0; padding: .35rem .7rem; border-radius: 10px; background: var(--panel); white-space: pre-wrap; max-width: 100% }
  #log .own p { background: var(--own) } #log .waiting p { opacity: .6 }
  #log .who { display: block; font-size: .85rem; font-weight: 600 }
  #log time, #log .unsaid { font-weight: 400; color: var(--faint); margin-left: .4rem }
  #log .unsaid { animation: late .2s 1s both } @keyframes late { from { opacity: 0 } }
  #log .more .who { display: none }
  #log .event, #log .gap { color: var(--faint); font-size: .85rem }
  #log .gap { color: var(--gap); display: flex; align-items: center; gap: .8rem; max-width: none }
  #log .gap::before, #log .gap::after { content: ''; flex: 1; border-top: 1px dashed currentColor }
  #typing { min-height: 1.4rem; padding: 0 1rem; font-size: .85rem; color: var(--faint) }
  #problem { margin: 0 1rem .4rem; padding: .4rem .7rem; border-radius: 8px; background: var(--bad-ground); color: var(--bad) }
  #say { display: flex; gap: .5rem; padding: 0 1rem 1rem; align-items: flex-end } #say textarea { flex: 1; resize: none; max-height: 9rem; field-sizing: content }

  @media (max-width: 44rem) {
    #chat { grid: auto auto auto 1fr / minmax(0, 1fr) }
    main, aside { grid-area: auto }
    header { padding: .5rem .8rem; gap: .6rem } header h1 { overflow: hidden; text-overflow: ellipsis } #you { display: none }
    nav, aside { border: 0; border-bottom: 1px solid var(--line); padding: .4rem .8rem; display: flex; gap: .6rem; align-items: center }
    nav h2, aside h2 { margin: 0; flex: none }
    #rooms { display: flex; gap: .2rem; overflow-x: auto; flex: 1 } #rooms li { flex: none; max-width: 12rem }
    #enter { margin: 0; width: 8rem; flex: none }
    #people { display: flex; gap: .2rem .8rem; flex-wrap: wrap; max-height: 3rem; overflow: auto; font-size: .85rem }
    header button.quiet { padding: 0 }
  }
</style>
<form id="welcome" hidden>
  <h1>kindwire chat</h1>
  <label>Your name <input id="name" required maxlength="32" autocomplete="nickname"></label>
  <label>Room <input id="first-room" required maxlength="32" value="lobby"></label>
  <p id="refusal" role="alert" hidden></p>
  <button>Enter</button>
</form>
<div id="chat" hidden>
  <header>
    <h1>kindwire chat</h1>
    <span id="you"></span>
    <span id="state" role="status"></span>
    <button id="retry" class="quiet" type="button" hidden>Try now</button>
    <button id="change" class="quiet" type="button">Change name</button>
  </header>
  <nav aria-labelledby="rooms-title">
    <h2 id="rooms-title">Rooms</h2>
    <ul id="rooms"></ul>
    <form id="enter">
      <label class="unseen" for="room">Enter a room</label>
      <input id="room" placeholder="other room" required maxlength="32" list="known-rooms" autocomplete="off">
      <datalist id="known-rooms"></datalist>
      <button aria-label="Enter the room">+</button>
    </form>
  </nav>
  <aside aria-labelledby="people-title">
    <h2 id="people-title">People</h2>
    <ul id="people"></ul>
  </aside>
  <main>
    <h1 id="room-name"></h1>
    <div id="log" role="log" aria-label="Messages" tabindex="0"></div>
    <div id="typing" aria-live="polite"></div>
    <div id="problem" role="alert" hidden></div>
    <form id="say">
      <label class="unseen" for="text">Message</label>
      <textarea id="text" rows="1" maxlength="2000" placeholder="Write a message" enterkeyhint="send"></textarea>
      <button>Send</button>
    </form>
  </main>
</div>
<script nonce="NONCE">)html";
