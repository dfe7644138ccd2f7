// The labelling page: one key, and the next item is there. It talks to the server behind the person's back.

import { announce } from "./page.js";
import { Finder } from "./find.js";
import { Outbox } from "./outbox.js";

const desk = JSON.parse(document.getElementById("desk-data").textContent);
const words = document.getElementById("words").dataset;
const $ = (id) => document.getElementById(id);
const form = $("answer");
const finder = $("find") ? new Finder($("find"), form.querySelectorAll(".choice")) : null;
const singleKeys = document.body.dataset.singleKeys !== "off";
const IDLE = 60_000;
const AWAY = 300_000; // from here on, leases are left to others

let queue = desk.items; // the first is on the stage
const past = []; // what was answered in this tab, newest last: { item, record }
const names = new Map([...form.querySelectorAll(".choice")].map((node) => [Number(node.dataset.label), node]));

// --- the way to the server ---------------------------------------------------------------------------------------

const outbox = new Outbox(`annotator:${desk.user}:${desk.project}`, desk.work, {
  ask: () => ({ user: desk.user, want: desk.ahead + 1, have: queue.map((item) => item.id) }),
  take(answer, sent) {
    for (const verdict of answer.verdicts) judged(verdict, sent.get(verdict.id));
    refill(answer);
    showProgress(answer.progress);
    $("quiz").hidden = !answer.quiz;
    $("quiz-words").textContent = answer.quiz;
  },
});

outbox.addEventListener("state", ({ detail: { state, waiting } }) => {
  $("state").dataset.state = state;
  const text = !outbox.durable && waiting ? words.notkept : words[state];
  $("state-words").textContent = waiting && state !== "sending" ? `${text} ${waiting}` : text;
  $("state").querySelector("a")?.remove();
  if (state !== "signedout") return;
  const link = Object.assign(document.createElement("a"), { href: desk.signIn, target: "_blank", textContent: words.signin });
  $("state").append(link);
});

function judged(verdict, record) {
  if (verdict.why && record?.id === past.at(-1)?.record.id) $("why").textContent = verdict.why;
  if (verdict.status === "superseded") announce(verdict.message);
  if (verdict.status === "stored") {
    // Only in the batch before joining is there something to say.
    $("lesson").textContent = verdict.message;
    $("lesson").hidden = !verdict.message;
    if (verdict.message) announceQuietly(verdict.message);
  }
  if (verdict.status !== "rejected") return;
  const line = document.createElement("li");
  line.append(`${words.refused} ${verdict.message} `);
  if (record) line.append(Object.assign(document.createElement("a"), { href: `?item=${record.item}`, textContent: words.retry }));
  $("refused").append(line);
  $("refused").hidden = false;
  announce(verdict.message);
}

// Items that came: new ones behind what is here. What was answered here and is still on its way stays away,
// and what went to somebody else meanwhile is not shown any more; only the one on the stage stays, unless the person
// has to do something else first.
function refill(answer) {
  const waiting = new Set(outbox.records.map((record) => record.item));
  const held = new Set(answer.held);
  const stopped = Boolean(answer.nothing?.[3]);
  queue = queue.filter((item, at) => (at === 0 && !stopped) || held.has(item.id) || waiting.has(item.id));
  const here = new Set(queue.map((item) => item.id));
  const fresh = answer.items.filter((item) => !here.has(item.id) && !waiting.has(item.id));
  queue.push(...fresh);
  fresh.forEach(decode);
  if ($("stage").hidden && queue.length) show();
  else if (!queue.length) nothing(answer.nothing);
}

// Pictures are loaded and decoded before their turn.
function decode({ html }) {
  const picture = new DOMParser().parseFromString(html, "text/html").querySelector("img");
  if (!picture) return;
  const image = new Image();
  image.src = picture.getAttribute("src");
  image.decode().catch(() => {});
}

function showProgress(progress) {
  if (!progress) return;
  $("retrain").max = progress.batch;
  $("retrain").value = progress.since;
  $("retrain-count").textContent = `${progress.since}/${progress.batch}`;
  $("retrain-words").textContent = progress.sentence;
  $("done").max = Math.max(progress.items, 1);
  $("done").value = progress.labelled;
  $("labelled").textContent = progress.labelled;
  $("items").textContent = progress.items;
  $("mine").textContent = progress.mine;
  if (!$("shift-done") || !progress.shift) return;
  $("shift-words").textContent = progress.shift;
  $("shift-done").value = progress.shift_done;
}

// --- the stage -----------------------------------------------------------------------------------------------------

let active = 0; // ms spent on this item with eyes on it
let since = performance.now();

function tick() {
  const now = performance.now();
  if (!document.hidden) active += Math.min(now - since, IDLE);
  if (now - since > AWAY) outbox.flush(); // Back after a while: the leases may have ended.
  since = now;
}
for (const sign of ["keydown", "pointerdown", "pointermove", "visibilitychange"]) document.addEventListener(sign, tick, { passive: true });

function show() {
  const item = queue[0];
  $("editing").hidden = true;
  if (!item) return nothing();
  $("stage").hidden = false;
  $("nothing").hidden = true;
  $("item").innerHTML = item.html;
  form.elements.item.value = item.id;
  form.reset();
  for (const menu of form.querySelectorAll("details[open]")) menu.open = false;
  finder?.clear();
  markChosen();
  active = 0;
  since = performance.now();
  $("item").focus({ preventScroll: true });
  $("item").scrollTop = 0;
}

function nothing(told) {
  const news = !$("stage").hidden;
  $("stage").hidden = true;
  $("nothing").hidden = false;
  $("nothing-head").textContent = told?.[0] ?? words.waiting;
  $("nothing-words").textContent = told?.[1] ?? "";
  $("nothing-go").hidden = !told?.[2];
  if (told?.[2]) Object.assign($("nothing-go"), { href: told[2], textContent: told[3] });
  if (news) $("nothing").focus({ preventScroll: true });
}

// Keep the record first, then show the next item, then send.
function submit(kind, { labels = [], note = "", reason = "" } = {}) {
  const item = queue[0];
  if (!item) return;
  tick();
  const record = { id: crypto.randomUUID?.() ?? uuid(), item: item.id, kind, labels, note, reason, active_ms: Math.round(active) };
  queue.shift();
  past.push({ item, record });
  show();
  remember(item, record);
  outbox.push(record);
}

// Browsers offer randomUUID only over HTTPS and on this machine itself.
function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

function said({ kind, labels }) {
  if (kind !== "answer") return words[kind] ?? kind;
  return labels.map((pk) => names.get(pk)?.querySelector(".choice-name").firstChild.textContent.trim()).join(", ") || words.none;
}

function remember(item, record) {
  const line = document.createElement("li");
  const shown = new DOMParser().parseFromString(item.html, "text/html").querySelector(".item-text");
  const text = shown?.textContent.trim() ?? "";
  const link = Object.assign(document.createElement("a"), { href: `?item=${item.id}`, className: "past", dir: "auto" });
  link.textContent = text.slice(0, 80) || `${words.item} ${item.number}`;
  const hue = [...(names.get(record.labels[0])?.classList ?? [])].find((name) => name.startsWith("hue-")) ?? "";
  const chip = Object.assign(document.createElement("span"), { className: `chip ${hue}`, textContent: said(record) });
  line.append(link, " ", chip);
  line.dataset.item = item.id;
  $("history").querySelector(`[data-item="${item.id}"]`)?.remove();
  $("history").prepend(line);
  while ($("history").children.length > 8) $("history").lastElementChild.remove();
  announceQuietly(`${said(record)}. ${words.next}`);
}

// For ears only: eyes see it in the list.
function announceQuietly(text) {
  const status = $("status");
  status.classList.add("quiet");
  announce(text);
}

function undo() {
  const last = past.pop();
  if (!last) {
    const older = $("history").querySelector("a.past");
    if (older) location.assign(older.href);
    else say(words.nothingUndo);
    return;
  }
  queue.unshift(last.item);
  outbox.push({ id: crypto.randomUUID?.() ?? uuid(), item: last.item.id, kind: "undo", labels: [], note: "", reason: "" });
  $("history").querySelector(`[data-item="${last.item.id}"]`)?.remove();
  show();
  for (const pk of desk.multi ? last.record.labels : []) {
    const box = names.get(pk)?.querySelector("input");
    if (box) box.checked = true;
  }
  markChosen();
  say(words.undone);
}

function say(text) {
  $("status").classList.remove("quiet");
  announce(text);
}

function markChosen() {
  if (!desk.multi) return;
  for (const node of names.values()) node.classList.toggle("chosen", node.querySelector("input").checked);
}

// --- what people press ---------------------------------------------------------------------------------------------

form.addEventListener("change", markChosen);

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const button = event.submitter;
  if (!button) return;
  const [kind, reason = ""] = (button.name === "kind" ? button.value : "answer").split(":");
  if (kind === "undo") return undo();
  if (kind === "flag") return flag();
  if (kind !== "answer") return submit(kind, { reason });
  if (button.name === "label") return submit("answer", { labels: [Number(button.value)], note: form.elements.note.value });
  if (reason === "none") return submit("answer", { note: form.elements.note.value });
  const labels = [...form.querySelectorAll("input[name=label]:checked")].map((box) => Number(box.value));
  if (!labels.length) return say(words.choose);
  submit("answer", { labels, note: form.elements.note.value });
});

function flag() {
  const note = form.elements.note.value.trim();
  if (note) return submit("flag", { note });
  $("note").focus();
  say(words.note);
}

function openMenu(id) {
  const menu = $(id);
  menu.open = !menu.open;
  if (menu.open) menu.querySelector("textarea, button").focus();
  else $("item").focus({ preventScroll: true });
}

const commands = {
  u: undo,
  s: () => openMenu("skip"),
  f: () => openMenu("flag"),
  x: () => $("cant-tell").click(),
  n: () => $("none")?.click(),
  g: () => { const box = $("guidelines"); if (box) box.open = !box.open; },
  "?": () => $("help").click(),
};

// A digit: a reason of the open menu, else a label.
function digit(number) {
  if ($("skip").open) {
    $("skip").querySelectorAll("button")[number - 1]?.click();
    return true;
  }
  if (finder?.continues(number)) return false;
  const label = finder ? finder.hit(number) : form.querySelector(`[aria-keyshortcuts="${number}"]`);
  label?.click();
  return Boolean(label);
}

const typingIn = (target) => target.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.repeat || event.isComposing || document.querySelector("dialog[open]")) return;
  if (!singleKeys && !form.contains(event.target)) return;
  if (event.ctrlKey || event.metaKey) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const field = typingIn(event.target);
  if (key === "Escape") return escape(field);
  if (field && field !== $("find")) {
    if (event.key === "Enter" && event.shiftKey && field.id === "note") { event.preventDefault(); flag(); }
    return;
  }
  if (act(event, key)) event.preventDefault();
});

function act(event, key) {
  const number = /^(?:Digit|Numpad)([1-9])$/.exec(event.code)?.[1] ?? (/^[1-9]$/.test(key) ? key : null);
  if (event.altKey) {
    const command = finder && commands[event.code.replace("Key", "").toLowerCase()];
    command?.();
    return Boolean(command);
  }
  if (number && !event.shiftKey && digit(Number(number))) return true;
  if (key === "Backspace" && !$("find")?.value) return undo(), true;
  if (key === "Enter") return enter(event);
  if (key === "?") return commands["?"](), true;
  if (finder) return typeAhead(event, key);
  if (commands[key]) return commands[key](), true;
  const label = form.querySelector(`[aria-keyshortcuts="${CSS.escape(key)}"]`);
  label?.click();
  return Boolean(label);
}

function enter(event) {
  if (event.target.closest("button, a, summary")) return false;
  if (finder && $("find").value.trim() && finder.hit(1)) {
    finder.hit(1).click();
    if (desk.multi) finder.clear();
    return true;
  }
  if (!desk.multi) return false;
  $("send").click();
  return true;
}

// Letters go to the search without a click.
function typeAhead(event, key) {
  if (key.length !== 1 || key === " " || event.target === $("find") || !/[\p{L}\p{N}]/u.test(key)) return false;
  $("find").focus();
  return false;
}

function escape(field) {
  for (const menu of form.querySelectorAll("details[open]")) menu.open = false;
  if (finder && field === $("find")) finder.clear();
  $("item").focus({ preventScroll: true });
}

// --- start ---------------------------------------------------------------------------------------------------------

const unsent = new Set(outbox.records.map((record) => record.item));
if (unsent.size) {
  queue = queue.filter((item) => !unsent.has(item.id));
  show();
}
queue.forEach(decode);
if (queue.length) $("item").focus({ preventScroll: true });
if (unsent.size) {
  outbox.dispatchEvent(new CustomEvent("state", { detail: { state: "sending", waiting: unsent.size } }));
  outbox.flush();
}
// Leases live on while somebody looks; news of the loop and items for idle hands come by the same way.
setInterval(() => {
  if (!document.hidden && (!queue.length || performance.now() - since < AWAY)) outbox.flush();
}, 5000);
