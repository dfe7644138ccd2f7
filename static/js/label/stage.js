// The item in the middle: show it, take the answer, take it back. Nothing here waits for the server.

import { announce } from "../page.js";
import { $, desk, emit, form, on, uuid, words } from "./desk.js";
import { describe } from "./about.js";
import { build, farAway, take } from "./ahead.js";
import { active, restart } from "./clock.js";
import { answered, outbox } from "./line.js";

let queue = desk.items; // the first is on the stage
let shown = null; // the id of the item on the stage
const left = new Map(); // items that the page brought, and that this device knew as answered
const past = []; // what was answered in this tab, newest last: { items, records }

export const current = () => queue[0];
export const held = () => queue.map((item) => item.id);

export function show() {
  const item = queue[0];
  shown = item?.id ?? null;
  $("editing").hidden = true;
  if (!item) return nothing();
  $("stage").hidden = false;
  $("nothing").hidden = true;
  $("item").replaceChildren(...take(item));
  form.elements.namedItem("item").value = item.id; // «elements.item» is a method
  form.reset();
  for (const menu of form.querySelectorAll("details[open]")) menu.open = false;
  restart();
  emit("show", { item });
  $("item").focus({ preventScroll: true });
  $("item").scrollTop = 0;
}

const onTheirWay = () => ($("state").dataset.state === "offline" ? words.offline : words.waiting);
outbox.addEventListener("state", () => {
  const head = $("nothing-head");
  if ([words.waiting, words.offline].includes(head.textContent)) head.textContent = onTheirWay();
});

function nothing(told) {
  const news = !$("stage").hidden;
  $("stage").hidden = true;
  $("nothing").hidden = false;
  $("nothing-head").textContent = told?.[0] ?? onTheirWay();
  $("nothing-words").textContent = told?.[1] ?? "";
  $("nothing-go").hidden = !told?.[2];
  if (told?.[2]) Object.assign($("nothing-go"), { href: told[2], textContent: told[3] });
  if (news) $("nothing").focus({ preventScroll: true });
  emit("empty", { told });
}

function recordOf(item, kind, { labels = [], note = "", reason = "" } = {}) {
  const record = { id: uuid(), item: item.id, kind, labels, note, reason, active_ms: Math.round(active()) };
  emit("record", { record, item });
  return record;
}

// Keep the record first, then show the next item, then send.
export function submit(kind, said) {
  const item = queue[0];
  if (!item) return;
  if (item.id !== shown) return show(); // Nobody answers what is not in view.
  const record = recordOf(item, kind, said);
  queue.shift();
  past.push({ items: [item], records: [record] });
  outbox.keep([record]);
  show();
  emit("kept", { record, item });
  outbox.flush();
}

// One act for several items of the queue or beside it: stored one by one, taken back together. «next» come next, singly.
export function submitTogether(items, labels, bulk, next = []) {
  const spent = Math.round(active() / items.length);
  const records = items.map((item) => ({ ...recordOf(item, "answer", { labels }), active_ms: spent, bulk }));
  const done = new Set([...items, ...next].map((item) => item.id));
  queue = [...next, ...queue.filter((item) => !done.has(item.id))];
  past.push({ items, records });
  outbox.keep(records);
  show();
  items.forEach((item, at) => emit("kept", { record: records[at], item }));
  outbox.flush();
}

// What is given back is not shown any more; the item on the stage is not among it.
export function drop(ids) {
  queue = queue.filter((item) => !ids.has(item.id));
}

export function undo() {
  const last = past.pop();
  if (last) undoAct(last);
  else emit("further");
}

// A correction is undone by what was said before it.
function undoAct(act) {
  const former = act.records[0].former;
  if (former) restore(act.items[0], former);
  else takeBack(act);
}

// What waits since an earlier page is undone like what was answered here.
export function undoWaiting(records) {
  undoAct({ items: records.map(({ item }) => left.get(item) ?? { id: item }), records });
}

// Take answers back that were given in one act; their items are in hand again.
export function putBack(items) {
  takeBack({ items, records: items.map((item) => ({ item: item.id, kind: "answer", labels: [], note: "" })) });
}

// An item that is not here comes again from the server.
function takeBack(act) {
  const back = new Set(act.items.map((item) => item.id));
  const items = act.items.map((item) => ({ ...item, again: false }));
  queue = [...items.filter((item) => item.html), ...queue.filter((item) => !item.again && !back.has(item.id))];
  outbox.keep(items.map((item) => ({ id: uuid(), item: item.id, kind: "undo", labels: [], note: "", reason: "" })));
  show();
  emit("undone", act);
  say(told(act.records));
  outbox.flush();
}

// What is taken back is named: it may have been given in another tab, or a while ago.
function told([one, ...more]) {
  const { said } = more.length || !one.id ? {} : describe(one);
  return said ? words.undoneThis.replace("{said}", said) : words.undone;
}

// The former answer stands again, as the newest revision, and may be changed or left.
function restore(item, former) {
  const { kind, labels, note, reason } = former;
  const record = { id: uuid(), item: item.id, kind, labels, note, reason };
  outbox.keep([record]);
  if (item.html) reopen({ ...item, chosen: labels, former });
  emit("restored", { record, former });
  say(words.restored);
  outbox.flush();
}

// Put an earlier answer on the stage, to be changed: until then it stands. Another one that stood there so goes away.
export function reopen(item) {
  queue = [{ ...item, again: true }, ...queue.filter((other) => !other.again && other.id !== item.id)];
  show();
}

export function leave() {
  if (!queue[0]?.again) return;
  queue.shift();
  show();
  outbox.flush();
}

// Items that came: new ones behind what is here. What was answered here and is still on its way stays away,
// and what went to somebody else meanwhile is not shown any more; only the one on the stage stays, unless the person
// has to do something else first.
function refill(answer) {
  const before = queue[0];
  const waiting = new Set(outbox.records.map((record) => record.item));
  const theirs = new Set(answer.held);
  const stopped = Boolean(answer.nothing?.[3]);
  queue = queue.filter((item, at) => (at === 0 && !stopped) || theirs.has(item.id) || waiting.has(item.id));
  const here = new Set(queue.map((item) => item.id));
  const fresh = answer.items.filter((item) => !here.has(item.id) && !waiting.has(item.id));
  queue.push(...fresh);
  fresh.forEach(build);
  if (!queue.length) nothing(answer.nothing);
  else if (queue[0] !== before || $("stage").hidden) show();
}
on("answer", refill);

// For eyes and ears.
export function say(text) {
  $("status").classList.remove("quiet");
  announce(text);
}

// For ears only: eyes see it in the list.
export function sayQuietly(text) {
  $("status").classList.add("quiet");
  announce(text);
}

// Answered in another tab: it is not asked here, too.
on("elsewhere", ({ items }) => {
  const before = queue[0];
  queue = queue.filter((item) => item.again || !items.has(item.id));
  if (queue[0] !== before) show();
});

// What was answered on this device while the page was on its way is left out, unless somebody asks for that very item.
export function start() {
  const [before, known] = [queue[0], answered()];
  const asked = new URLSearchParams(location.search).get("item");
  for (const item of queue) if (String(item.id) !== asked && known.has(item.id)) left.set(item.id, item);
  queue = queue.filter((item) => !left.has(item.id));
  queue.slice(1).forEach(build);
  if (queue[0] !== before) show();
  else if (queue.length) {
    shown = queue[0].id;
    emit("show", { item: queue[0] });
    $("item").focus({ preventScroll: true });
  }
  if (farAway()) outbox.flush();
}
