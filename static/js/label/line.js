// The way to the server: one outbox, the line that says how it stands, and the dialog that asks to sign in again.

import { announce } from "../page.js";
import { wanted } from "./ahead.js";
import { $, desk, emit, on } from "./desk.js";
import { away, whenBack } from "./clock.js";
import { describe, remember } from "./about.js";
import { Outbox } from "./outbox.js";
import { read, write } from "./shelf.js";

let holding = () => [];
// The stage says which items it holds: it is asked with every request.
export const holds = (items) => { holding = items; };

export const outbox = new Outbox({ user: desk.user, project: desk.project, url: desk.work }, {
  ask: () => ({ want: Math.max(wanted(), holding().length), have: holding() }),
  take: (answer) => emit("answer", answer),
  idle: () => !holding().length,
  about: describe,
  judge(verdict, record) {
    emit("verdict", { verdict, record });
    if (verdict.status === "rejected") undo([record.item]);
    if (verdict.status !== "superseded") return;
    $("status").classList.remove("quiet");
    announce(verdict.message);
  },
});

// The items that were answered last on this device: a page that was made just before may bring one of them once more.
const DONE = `annotator-done:${desk.user}:${desk.project}`;
const LAST = 40;

function done() {
  const list = read(DONE);
  return Array.isArray(list) ? list : [];
}

// Not answered after all.
function undo(items) {
  write(DONE, done().filter((pk) => !items.includes(pk)));
}

export const answered = () => new Set([...done(), ...outbox.records.map((record) => record.item)]);

on("record", remember);
on("show", remember);
on("kept", ({ item }) => write(DONE, done().filter((pk) => pk !== item.id).concat(item.id).slice(-LAST)));
on("undone", ({ items }) => undo(items.map((item) => item.id)));
// Another tab of this person answered something: it is not asked here.
outbox.shelf.addEventListener("change", ({ detail: { record } }) => {
  if (record && record.kind !== "undo") emit("elsewhere", { items: new Set([record.item]) });
});
addEventListener("pageshow", ({ persisted }) => persisted && emit("elsewhere", { items: answered() }));

const words = $("state").dataset;
const RANK = { saved: 0, sending: 0, offline: 1, trouble: 1, unkept: 2, shut: 3, another: 3, signedout: 3 };
const DOORS = ["signedout", "another", "shut"];
let told = "saved"; // what ears heard last

// «offline» with nothing waiting is said in other words than with something.
const sentence = (state, waiting) => (words[waiting ? state : `${state}None`] ?? words[state]).replace("{n}", waiting);

outbox.addEventListener("state", ({ detail: { state: condition, waiting } }) => {
  const state = !outbox.durable && RANK[condition] < RANK.unkept ? "unkept" : condition;
  $("state").dataset.state = state;
  $("state-words").textContent = sentence(state, waiting);
  $("state-door").hidden = !DOORS.includes(state);
  first(state, waiting);
  for (const place of $("signin").querySelectorAll("[data-waiting]")) place.textContent = waiting;
  if (!DOORS.includes(state)) $("signin").close();
  if (state === told || state === "sending") return;
  if (DOORS.includes(state)) ask(state);
  else if (RANK[state] > RANK[told] || state === "saved") speak(sentence(state, waiting));
  told = state;
});

// That there is something at all is said once, in words of its own; how much more of it stands in the line.
let number = 0;
function first(state, waiting) {
  if (state === told && RANK[state] && !DOORS.includes(state) && !number && waiting) speak(sentence(state, waiting));
  number = waiting;
}

// For ears: eyes see it in the line. In a place of its own, where what is said after every key does not drown it.
export function speak(text) {
  $("state-said").textContent = text;
}

function ask(state) {
  for (const part of $("signin").querySelectorAll("[data-for]")) part.hidden = part.dataset.for !== state;
  $("signin").setAttribute("aria-labelledby", `signin-${state}`);
  if (!$("signin").open) $("signin").showModal();
  $("signin").querySelector("[data-for]:not([hidden]) .primary").focus();
}
$("state-door").addEventListener("click", () => ask($("state").dataset.state));

export function start() {
  outbox.tell();
  // What the page brought and this device knows as answered is asked for anew.
  if (outbox.records.length || holding().length < desk.items.length) outbox.flush();
  whenBack(() => outbox.flush());
  // Leases live on while somebody looks; news of the loop and items for idle hands come by the same way.
  setInterval(() => {
    if (!document.hidden && (outbox.records.length || !holding().length || !away())) outbox.flush();
  }, 5000);
}
