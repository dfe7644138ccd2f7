// The keyboard of the labelling page: commands by the keys that the server named, labels by theirs.
// Digits go by their place on the keyboard, letters by what they say; what holds Ctrl, Meta or AltGr is the browser's.

import { $, desk, form } from "./desk.js";
import { finder } from "./choose.js";

const singleKeys = document.body.dataset.singleKeys !== "off";
const commands = new Map(); // command → what it does; false: it was not for it
const WORD = /^[\p{L}\p{N}]$/u;
const WALKS = new Set(["ArrowDown", "ArrowUp", "ArrowLeft", "ArrowRight", "Home", "End"]);
const SAME = { "؟": "?", "？": "?", "＋": "+" };

// Say what a command of projects.keymap does on this page.
export const command = (name, act) => commands.set(name, act);

const typingIn = (target) => target.closest("input:not([type=checkbox], [type=radio], [type=range]), textarea, select, [contenteditable]");

// Some layouts have their digits with Shift, and other signs in their place; they stand where digits stand.
function digitOf({ key, code, shiftKey }) {
  if (/^\d$/.test(key)) return Number(key);
  const place = /^Digit(\d)$/.exec(code)?.[1];
  return place && !shiftKey ? Number(place) : null;
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.isComposing || event.keyCode === 229) return;
  const key = event.key.length === 1 ? SAME[event.key] ?? event.key.toLowerCase() : event.key;
  const dialog = document.querySelector("dialog[open]");
  if (dialog) {
    if (dialog.id === "keys" && key === desk.keys.help && !event.repeat) dialog.close();
    return;
  }
  if (event.getModifierState("AltGraph")) {
    if (finder && inReach(event) && !typingIn(event.target)) commands.get("type")?.(event, key);
    return;
  }
  if (event.ctrlKey || event.metaKey) return;
  if (finder && WALKS.has(key) && !event.altKey && !event.shiftKey) {
    if (finder.walk(key, event.target)) event.preventDefault();
    return;
  }
  if (event.repeat || !(inReach(event) || event.altKey)) return;
  const field = typingIn(event.target);
  if (key === "Escape") return commands.get("escape")?.(field);
  if (field && field !== $("find")) {
    if (key === "Enter" && event.shiftKey && field.id === "note") { event.preventDefault(); commands.get("send_flag")?.(); }
    return;
  }
  if (act(event, key)) event.preventDefault();
});

// Where single keys are switched off they act only while the focus is among the answers.
const inReach = (event) => singleKeys || form.contains(event.target);

function act(event, key) {
  const number = digitOf(event);
  if (event.altKey) return finder ? withAlt(event, key, number) : false;
  if (number !== null && commands.get("digit")?.(number, event.key)) return true;
  if (key === "Backspace") return back(event);
  if (key === "Enter") return commands.get("enter")?.(event) ?? false;
  if (finder) return search(event, key);
  return commands.get("label")?.(key, letterOf(event, key)) || run(named(key) ?? named(letterOf(event, key)) ?? named(String(number)));
}

// Where letters search, the commands' keys go with Alt; with it a digit always answers, whatever it might go on with.
function withAlt(event, key, number) {
  if (number && commands.get("pick")?.(number)) return true;
  return run(named(key) ?? named(placeOf(event)) ?? named(String(number)));
}

function search(event, key) {
  const name = named(key);
  if (name && !WORD.test(key) && !($("find").value && (name !== "help" || finder.continues(event.key)))) return run(name);
  return commands.get("type")?.(event, key) ?? false;
}

function back(event) {
  if (!$("find")?.value) return run("undo");
  if (event.target !== $("find")) $("find").focus();
  return false;
}

const named = (key) => (key ? Object.keys(desk.keys).find((name) => desk.keys[name] === key) : undefined);
const placeOf = ({ code }) => /^Key([A-Z])$/.exec(code)?.[1].toLowerCase();
// Keyboards of other scripts say other letters where the page shows Latin ones: there the place counts.
const letterOf = (event, key) => (/^\p{L}$/u.test(key) && !/\p{Script=Latin}/u.test(key) ? placeOf(event) : undefined);

function run(name) {
  const act = commands.get(name);
  return act ? act() !== false : false;
}

// The same key is called otherwise on an Apple keyboard.
if (/Mac|iPhone|iPad/.test(navigator.platform)) {
  for (const kbd of document.querySelectorAll("kbd")) kbd.textContent = kbd.textContent.replace(/^Alt /, "⌥ ");
}
