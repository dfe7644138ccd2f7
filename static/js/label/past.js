// What was said before: the list beside the item, and the way back to each answer, as far as there are any.

import { $, choices, desk, emit, on, words } from "./desk.js";
import { describe } from "./about.js";
import { outbox } from "./line.js";
import { current, leave, putBack, reopen, say, sayQuietly, undoWaiting } from "./stage.js";

const list = $("history");
const told = list.dataset;
const again = $("editing");
const MOST = 50;
const clock = new Intl.DateTimeFormat(document.documentElement.lang || undefined, { timeStyle: "short" });
const day = new Intl.DateTimeFormat(document.documentElement.lang || undefined, { month: "short", day: "numeric" });
const corrected = new Set(); // items whose answer was taken back or opened here
let reached = null; // how far back undo went: the id of an answer
let opened = null; // what the server told of the answer on the stage
let asking = false;

// --- the list ---

for (const time of list.querySelectorAll("time")) time.textContent = when(new Date(time.dateTime));

function when(moment) {
  return (new Date() - moment < 72_000_000 ? clock : day).format(moment);
}

function mark(name, text) {
  return Object.assign(document.createElement("span"), { className: `past-${name}`, title: text, role: "img", ariaLabel: text });
}

function lineOf(record) {
  const about = record.about ?? describe(record);
  const line = document.createElement("li");
  Object.assign(line.dataset, { item: record.item, record: record.id });
  if (record.bulk) line.dataset.bulk = record.bulk;
  const link = Object.assign(document.createElement("a"), { href: `?item=${record.item}`, className: "past", dir: "auto" });
  link.textContent = about.text || words.item;
  const hue = [...(choices.get(record.labels[0])?.classList ?? [])].find((name) => name.startsWith("hue-")) ?? "";
  const chip = Object.assign(document.createElement("span"), { className: `chip ${hue}`, dir: "auto", textContent: about.said });
  const at = new Date();
  const time = Object.assign(document.createElement("time"), { dateTime: at.toISOString(), textContent: when(at) });
  line.append(mark("unsent", told.unsent), link, chip);
  if (record.note && record.kind !== "flag") line.append(mark("note", told.note));
  if (corrected.has(record.item)) line.append(mark("changed", told.changed));
  line.append(time);
  return line;
}

const lineFor = (item) => list.querySelector(`[data-item="${item}"]`);

function add(record) {
  lineFor(record.item)?.remove();
  list.prepend(lineOf(record));
  while (list.children.length > MOST) list.lastElementChild.remove();
  list.scrollTop = 0;
}

on("kept", ({ item, record }) => {
  if (item.again) corrected.add(item.id);
  add(record);
  if (!record.bulk) sayQuietly(`${describe(record).said}. ${words.next}`);
});

on("undone", ({ items }) => {
  for (const item of items) {
    corrected.add(item.id);
    lineFor(item.id)?.remove();
  }
});

// What was said before a correction stands again; where its item is here, it may be changed or left.
on("restored", ({ record, former: answer }) => {
  add(record);
  if (current()?.id !== record.item) return;
  reached = answer.pk;
  tell({ ...answer, stage: current(), together: [] });
});

on("verdict", ({ verdict, record }) => {
  const line = record && list.querySelector(`[data-record="${record.id}"]`);
  if (verdict.status === "rejected") line?.remove();
  else line?.querySelector(".past-unsent")?.remove();
  if (desk.back && record?.item === desk.back.item && record.kind !== "undo" && verdict.status !== "rejected") location.assign(desk.back.address);
});

// What waits since an earlier page stands in the list, too.
for (const record of outbox.records) {
  if (record.kind === "undo") lineFor(record.item)?.remove();
  else add(record);
}

list.addEventListener("click", (event) => {
  const link = event.target.closest("a.past");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  open({ item: link.closest("li").dataset.item }, link.href);
});

// --- back on the stage ---

// Beyond what was done in this tab, undo goes on through earlier answers, each to be changed or left.
on("further", () => {
  if (reached !== null) return open({ before: reached });
  const waiting = outbox.records.find(({ id }) => id === list.firstElementChild?.dataset.record);
  if (waiting) return undoWaiting(outbox.records.filter(({ id, bulk }) => id === waiting.id || (bulk && bulk === waiting.bulk)));
  const newest = [...list.children].find((line) => line.dataset.pk);
  if (newest) open({ item: newest.dataset.item }, newest.querySelector("a").href);
  else say(words.nothingUndo);
});

async function open(which, otherwise = null) {
  if (asking) return;
  asking = true;
  try {
    const response = await fetch(`${desk.again}?${new URLSearchParams(which)}`, { headers: { Accept: "application/json" }, redirect: "error" });
    if (response.status === 404) return say(words.nothingUndo);
    if (!response.ok) throw new Error(String(response.status));
    const answer = await response.json();
    reached = answer.pk;
    reopen({ ...answer.stage, chosen: answer.labels, former: former(answer) });
    tell(answer);
  } catch {
    if (otherwise && navigator.onLine) location.assign(otherwise);
    else say(told.unreachable);
  } finally {
    asking = false;
  }
}

// What is known of it by its author; nothing, where it is asked anew and was not told.
const former = ({ stage, together, ...answer }) => (answer.kind ? answer : null);

// Say what is being changed; what was done in the same act may be taken back with it.
function tell(answer) {
  opened = answer;
  again.hidden = false;
  $("editing-said").textContent = answer.said;
  const many = answer.together.length + 1;
  $("take-all").hidden = many < 2;
  $("take-all").textContent = again.dataset.all.replace("{n}", many);
  if ($("remark")) $("remark").value = answer.kind === "flag" ? "" : answer.note;
  for (const line of list.children) line.classList.toggle("open", line.dataset.item === String(answer.item));
  emit("again", { answer });
  sayQuietly(`${again.dataset.heard} ${answer.said}`);
}

on("show", () => {
  for (const line of list.querySelectorAll(".open")) line.classList.remove("open");
});

$("leave").addEventListener("click", () => {
  if (desk.back?.item === current()?.id) return location.assign(desk.back.address);
  leave();
});

$("take-all").addEventListener("click", () => {
  putBack([opened.stage, ...opened.together].map((item) => ({ ...item, again: true })));
});

// A page that was opened for an answer. The stage starts once all parts are there.
if (desk.opened) queueMicrotask(() => {
  if (current()?.id !== desk.opened.item) return;
  reached = desk.opened.pk;
  current().former = former(desk.opened);
  tell({ ...desk.opened, stage: current() });
});

on("record", ({ record, item }) => {
  reached = null;
  if (item.again && item.former) record.former = item.former;
});
