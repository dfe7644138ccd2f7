// A card: look-alikes of the item on the stage, labelled together. All are on it at first; one label is for all that stay.

import { $, afterPaint, desk, form, labelName, on, uuid } from "./desk.js";
import { finder } from "./choose.js";
import { outbox } from "./line.js";
import { current, drop, held as staged, say, sayQuietly, submitTogether } from "./stage.js";

const section = $("together"); // only where the policy has cards
const list = $("together-items");
const words = section?.dataset;
const opener = $("together-open");
// What asks for the one item on the stage rests while several are in view.
const RESTING = new Set(["skip", "flag", "cant_tell", "suggestion", "note", "zoom_in", "zoom_out", "zoom_reset"]);
const AWAY = ["offline", "signedout", "another", "shut"];

let card = null; // { first: item id, items, mine: ids that were in hand before }
let asking = null; // the item that a card was asked for

const filled = (text, values) => text.replace(/\{(\w+)\}/g, (_all, name) => values[name]);
const boxes = () => [...list.querySelectorAll("input")];
const picked = () => boxes().filter((box) => box.checked);

// Items of the card that the stage does not have: they are held, too.
export const held = () => (card ? card.items.map((item) => item.id) : []);

// --- the way to the server ---

async function post(body) {
  const token = document.cookie.match(/(?:^|; )csrftoken=([^;]*)/)?.[1] ?? form.elements.csrfmiddlewaretoken.value;
  const response = await fetch(desk.together, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRFToken": token },
    body: JSON.stringify({ user: desk.user, ...body }),
    credentials: "same-origin",
    redirect: "error",
    keepalive: true,
    signal: AbortSignal.timeout(10_000),
  });
  if (response.ok) return response.json();
  const told = await response.json().catch(() => ({}));
  throw Object.assign(new Error(`answer ${response.status}`), { status: response.status, told: told.message });
}

// Others get what was not labelled. What is being taken back at this moment goes first; and should this fail, the
// items come by themselves, one by one.
function giveBack(first, back) {
  if (!back.length) return;
  const ids = new Set(back);
  if (!outbox.records.some((record) => ids.has(record.item))) post({ item: first, back }).catch(() => {});
  else on("answer", function once() { if (ids.size) { ids.clear(); giveBack(first, back); } });
}

async function ask(item) {
  asking = item;
  opener.setAttribute("aria-busy", "true");
  try {
    const { items } = await post({ item: item.id });
    const others = items.slice(1).map((row) => row.id);
    if (current()?.id !== item.id || card) giveBack(item.id, others.filter((id) => !staged().includes(id)));
    else if (others.length) lay(item.id, items);
    else {
      Object.assign(current(), { alike: 0 });
      offer();
      say(words.none);
    }
  } catch (error) {
    if (error.status === 401) outbox.flush(); // Its line says how to go on.
    say(error.told && error.status !== 401 ? error.told : words.offline);
  }
  asking = null;
  opener.removeAttribute("aria-busy");
}

// --- open and closed ---

function offer() {
  const alike = current()?.again ? 0 : current()?.alike ?? 0;
  $("together-offer").hidden = !alike || Boolean(card);
  $("together-count").textContent = alike;
}

function lay(first, items) {
  const known = new Set(staged());
  card = { first, items: items.map((item) => ({ ...item, first })), mine: known };
  list.innerHTML = items.map((item) => item.card).join("");
  boxes().forEach((box, at) => { box.tabIndex = at ? -1 : 0; });
  section.hidden = false;
  $("stage").classList.add("with-card");
  offer();
  count();
  boxes()[0].focus({ preventScroll: true });
  section.scrollIntoView({ block: "nearest" });
  afterPaint(clamp);
  say(filled(words.opened, { n: items.length }));
}

function hide() {
  card = null;
  list.replaceChildren();
  section.hidden = true;
  $("stage").classList.remove("with-card");
  offer();
}

// Nothing was labelled: what came for the card alone goes back, the item on the stage stays.
export function close() {
  if (!card) return false;
  const { first, items, mine } = card;
  const back = items.map((item) => item.id).filter((id) => id !== first && !mine.has(id));
  hide();
  drop(new Set(back));
  giveBack(first, back);
  $("item").focus({ preventScroll: true });
  return true;
}

export function toggle() {
  if (!section) return false;
  if (card) return close();
  if (!current()?.alike || current().again || asking) return false;
  if (AWAY.includes($("state").dataset.state)) say(words.offline);
  else ask(current());
  return true;
}

// --- labelled ---

function submit(labels) {
  const ids = new Set(picked().map((box) => Number(box.value)));
  if (!ids.size) return say(words.empty);
  const chosen = card.items.filter((item) => ids.has(item.id));
  // Whoever took one out has read it: it comes next.
  const next = card.items.filter((item) => !ids.has(item.id));
  hide();
  submitTogether(chosen, labels, uuid(), next);
  say(filled(words.done, { n: chosen.length, label: labels.map(labelName).join(", ") || words.nolabel }));
}

// In place of the form's own way, which labels the item on the stage.
document.addEventListener("submit", (event) => {
  if (!card || event.target !== form) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  const button = event.submitter;
  if (button?.name === "label") return submit([Number(button.value)]);
  if (button?.value === "answer:none") return submit([]);
  if (button?.value !== "answer") return;
  const labels = [...form.querySelectorAll("input[name=label]:checked")].map((box) => Number(box.value));
  if (labels.length) submit(labels);
  else say(words.choose);
}, true);

// Taken back as it was given: the card is there again, to be labelled otherwise or closed.
on("undone", ({ items }) => {
  if (!section || items.length < 2 || !items.every((item) => item.card)) return;
  lay(items[0].first, items);
  card.mine = new Set([items[0].id]);
});

// --- the list ---

function count() {
  const text = filled(words.selected, { n: picked().length, all: boxes().length });
  $("together-selected").textContent = text;
  return text;
}

// Only where words are cut off there is more to see.
function clamp() {
  for (const text of list.querySelectorAll(".together-text")) {
    text.closest(".together-item").querySelector(".together-more").hidden = text.scrollHeight <= text.clientHeight + 1;
  }
}

function whole(button) {
  const entry = button.closest(".together-item");
  const open = entry.classList.toggle("whole");
  button.setAttribute("aria-expanded", open);
  const picture = entry.querySelector("img");
  if (picture && open) picture.src = picture.dataset.whole;
}

function walk(event) {
  const all = boxes();
  const at = all.indexOf(event.target);
  if (at < 0 || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const top = all[0].closest(".together-item").offsetTop;
  const columns = Math.max(1, all.filter((box) => box.closest(".together-item").offsetTop === top).length);
  const on = getComputedStyle(list).direction === "rtl" ? -1 : 1;
  const steps = { ArrowRight: on, ArrowLeft: -on, ArrowDown: columns, ArrowUp: -columns, Home: -at, End: all.length - 1 - at };
  if (!(event.key in steps)) return;
  event.preventDefault();
  const to = all[at + steps[event.key]];
  if (!to) return;
  all[at].tabIndex = -1;
  to.tabIndex = 0;
  to.focus();
}

// --- keys ---

const typing = (target) => target.closest("textarea, [contenteditable], input:not([type=checkbox], [type=radio])");

function commandOf(event) {
  if (Boolean(finder) !== event.altKey || event.ctrlKey || event.metaKey) return "";
  const keys = [event.key.toLowerCase(), event.code.replace(/^Key/, "").toLowerCase()];
  return Object.keys(desk.keys).find((name) => desk.keys[name] && keys.includes(desk.keys[name])) ?? "";
}

document.addEventListener("keydown", (event) => {
  if (!card || event.isComposing || document.querySelector("dialog[open]")) return;
  const name = finder || !typing(event.target) ? commandOf(event) : "";
  const undo = name === "undo" || (event.key === "Backspace" && !typing(event.target));
  if (undo || (event.key === "Escape" && !finder?.typed)) {
    event.preventDefault();
    close();
  } else if (RESTING.has(name)) event.preventDefault();
}, true);

if (section) {
  form.before(section);
  $("beneath").prepend($("together-offer"));
  opener.addEventListener("click", toggle);
  $("together-close").addEventListener("click", close);
  list.addEventListener("keydown", walk);
  list.addEventListener("change", () => sayQuietly(count()));
  list.addEventListener("focusin", ({ target }) => {
    if (target.matches("input")) for (const box of boxes()) box.tabIndex = box === target ? 0 : -1;
  });
  list.addEventListener("click", ({ target }) => {
    const button = target.closest(".together-more");
    if (button) whole(button);
  });
  on("show", () => { if (card) close(); else offer(); });
  on("empty", () => { if (card) close(); });
  outbox.addEventListener("state", () => {
    const away = AWAY.includes($("state").dataset.state);
    $("together-note").hidden = !away;
    opener.setAttribute("aria-disabled", away);
  });
  // Whoever leaves the page leaves the card.
  addEventListener("pagehide", () => { if (card) close(); });
}
