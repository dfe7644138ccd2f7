// How one gets on: what the server knew when the page came, and what was done since.

import { $, desk, on } from "./desk.js";
import { active } from "./clock.js";
import { outbox } from "./line.js";

const box = $("pace");
const words = box.dataset;
const pace = desk.pace;
const COUNTED = ["answer", "cant_tell"];
const ENOUGH = 5; // timed answers from which there is a pace, as in projects.pace
const PAUSE = 1_800_000; // after half an hour without an answer, a session is a new one
const KEY = `annotator-session:${desk.user}:${desk.project}`;
const number = new Intl.NumberFormat(document.documentElement.lang || undefined);
const times = []; // seconds of what was answered here
const session = remembered();

function remembered() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEY));
    if (kept && Date.now() - kept.at < PAUSE) return kept;
  } catch {
    // Nothing is kept: it begins anew with each page.
  }
  return { answers: 0, ms: 0, at: Date.now() };
}

function keep() {
  session.at = Date.now();
  try {
    sessionStorage.setItem(KEY, JSON.stringify(session));
  } catch {
    // As above.
  }
}

const filled = (text, values) => text.replace(/\{(\w+)\}/g, (_all, name) => values[name]);

// The same steps as projects.pace.duration.
function duration(minutes) {
  if (minutes < 1) return words.under;
  if (minutes < 60) return filled(words.minutes, { n: number.format(minutes < 20 ? Math.round(minutes) : 5 * Math.round(minutes / 5)) });
  const whole = 5 * Math.round(minutes / 5);
  const [hours, rest] = [Math.floor(whole / 60), whole % 60];
  if (hours >= 10 || !rest) return filled(words.hours, { n: number.format(Math.round(minutes / 60)) });
  return filled(words.both, { h: number.format(hours), m: number.format(rest) });
}

const range = (low, high) => (low === high ? low : filled(words.range, { low, high }));

function show() {
  const now = active();
  $("pace-session").textContent = number.format(session.answers);
  $("pace-today").textContent = number.format(pace.today);
  $("pace-session-time").textContent = duration((session.ms + now) / 60_000);
  $("pace-today-time").textContent = duration((pace.todayMs + now) / 60_000);
  $("pace-left").textContent = range(number.format(pace.low), number.format(pace.high));
  $("pace-known").hidden = !pace.known;
  $("pace-unknown").hidden = pace.known;
  if (!pace.known) return;
  $("pace-minutes").textContent = pace.high ? range(duration((pace.low * pace.least) / 60), duration((pace.high * pace.most) / 60)) : "";
}

// Until the server knows a pace, the first answers of this page give one.
function learn(milliseconds) {
  if (pace.known) return;
  times.push(milliseconds / 1000);
  if (times.length < ENOUGH) return;
  const mean = times.reduce((sum, one) => sum + one, 0) / times.length;
  const spread = Math.sqrt(times.reduce((sum, one) => sum + (one - mean) ** 2, 0) / (times.length - 1));
  const error = (1.645 * spread) / Math.sqrt(times.length);
  Object.assign(pace, { known: true, least: Math.max(mean - error, mean / 2), most: mean + error });
  const sorted = [...times].sort((one, other) => one - other);
  $("pace-median").textContent = number.format(Math.round(10 * sorted[Math.floor(sorted.length / 2)]) / 10);
  $("pace-hourly").textContent = number.format(Math.round(3600 / mean));
}

function count(record, by) {
  if (!COUNTED.includes(record.kind)) return;
  session.answers = Math.max(0, session.answers + by);
  pace.today = Math.max(0, pace.today + by);
  pace.high = Math.max(0, pace.high - by);
  pace.low = Math.min(pace.high, Math.max(0, pace.low - by));
}

on("kept", ({ record, item }) => {
  if (!item.again) count(record, 1);
  session.ms += record.active_ms;
  pace.todayMs += record.active_ms;
  learn(record.active_ms);
  keep();
  show();
});

on("undone", ({ items, records }) => {
  records.forEach((record, at) => items[at]?.again || count(record, -1));
  keep();
  show();
});

// What still waits from an earlier page is not in what the server knew.
for (const record of outbox.records) {
  if (!COUNTED.includes(record.kind)) continue;
  pace.today += 1;
  pace.todayMs += record.active_ms ?? 0;
}

// The day begins where the person is: the next page tells the server where.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone) document.cookie = `zone=${encodeURIComponent(zone)}; path=/; max-age=31536000; samesite=lax`;

setInterval(() => document.hidden || show(), 15_000);
show();
