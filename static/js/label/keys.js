// The keyboard of the labelling page: commands by the keys that the server named, labels by theirs.

import { $, desk, form } from "./desk.js";
import { finder } from "./choose.js";

const singleKeys = document.body.dataset.singleKeys !== "off";
const commands = new Map(); // command → what it does; false: it was not for it

// Say what a command of projects.keymap does on this page.
export const command = (name, act) => commands.set(name, act);

const typingIn = (target) => target.closest("input:not([type=checkbox], [type=radio], [type=range]), textarea, select, [contenteditable]");

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.repeat || event.isComposing || document.querySelector("dialog[open]")) return;
  if (!singleKeys && !form.contains(event.target)) return;
  if (event.ctrlKey || event.metaKey) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const field = typingIn(event.target);
  if (key === "Escape") return commands.get("escape")?.(field);
  if (field && field !== $("find")) {
    if (event.key === "Enter" && event.shiftKey && field.id === "note") { event.preventDefault(); commands.get("send_flag")?.(); }
    return;
  }
  if (act(event, key)) event.preventDefault();
});

function act(event, key) {
  const number = /^(?:Digit|Numpad)([1-9])$/.exec(event.code)?.[1] ?? (/^[1-9]$/.test(key) ? key : null);
  if (event.altKey) return finder ? run(named(event.code.replace("Key", "").toLowerCase())) : false;
  if (number && !event.shiftKey && commands.get("digit")?.(Number(number))) return true;
  if (key === "Backspace" && !$("find")?.value) return run("undo");
  if (key === "Enter") return commands.get("enter")?.(event) ?? false;
  if (key === desk.keys.help) return run("help");
  if (finder) return commands.get("type")?.(event, key) ?? false;
  if (run(named(key))) return true;
  const label = form.querySelector(`[aria-keyshortcuts="${CSS.escape(key)}"]`);
  label?.click();
  return Boolean(label);
}

const named = (key) => Object.keys(desk.keys).find((name) => desk.keys[name] === key);

function run(name) {
  const act = commands.get(name);
  return act ? act() !== false : false;
}
