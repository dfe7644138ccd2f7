// What the model suggests: shown as the policy says, and told with the answer how the person met it.

import { $, choices, desk, labelName, on } from "./desk.js";
import { finder } from "./choose.js";
import { active } from "./clock.js";
import { current } from "./stage.js";

const box = $("suggestion");
const words = box?.dataset;
let met = null; // of the item on the stage: {how, ms}
let newest = null;

// Only labels that this page still offers: one may have been retired since.
const known = (thought) => (thought?.labels?.length && thought.labels.every((pk) => choices.has(pk)) ? thought : null);

on("show", () => {
  met = { how: "unseen", ms: null };
  $("went-by").hidden = true;
  if (!box) return;
  box.hidden = false;
  for (const node of choices.values()) node.classList.remove("suggested");
  $("suggested").replaceChildren();
  $("take").hidden = true;
  $("reveal").hidden = desk.suggest === "always";
  if (desk.suggest === "always") disclose("always");
});

on("record", ({ record, item }) => {
  if (desk.suggest && item === current()) record.suggestion = met;
});

// The key, or the button: show what there is, then go where Enter takes it. So nothing is taken by one key that was not
// meant, and to agree costs no less than to differ: a label's own key answers at any time.
export function reveal() {
  if (!box || box.hidden) return false;
  if (met.how === "unseen") disclose("revealed");
  if (!$("take").hidden) $("take").focus();
}

function disclose(how) {
  const thought = known(current()?.thought);
  $("reveal").hidden = true;
  if (!thought) {
    $("suggested").textContent = words.silent;
    return;
  }
  met = { how, ms: how === "always" ? 0 : Math.round(active()) };
  $("suggested").replaceChildren(words.lead, " ", ...thought.labels.flatMap((pk) => [chip(pk, true), " "]), sureness(thought.p));
  for (const pk of thought.labels) choices.get(pk).classList.add("suggested");
  $("take").hidden = false;
  $("take").textContent = desk.multi ? words.tick : words.take;
  mark(thought.words ?? []);
}

function chip(pk, keyed = false) {
  const hue = [...choices.get(pk).classList].find((name) => name.startsWith("hue-")) ?? "";
  const shown = Object.assign(document.createElement("span"), { className: `chip ${hue}`, dir: "auto", textContent: labelName(pk) });
  const key = choices.get(pk).querySelector("kbd");
  if (keyed && key && !finder) shown.append(" ", key.cloneNode(true));
  return shown;
}

function sureness(p) {
  const word = p >= 0.9 ? words.sure : p >= 0.7 ? words.likely : p >= 0.5 ? words.maybe : words.guess;
  return Object.assign(document.createElement("span"), { className: "sureness", textContent: `${word} · ${share(p)}` });
}

// What is nearly certain is not called certain.
const share = (p) => $("thought").dataset.percent.replace("{n}", Math.min(Math.round(100 * p), 99));

function take() {
  const thought = known(current()?.thought);
  if (!thought) return;
  if (!desk.multi) return choices.get(thought.labels[0]).click();
  for (const [pk, node] of choices) {
    const tick = node.querySelector("input");
    if (tick.checked !== thought.labels.includes(pk)) tick.click();
  }
  $("item").focus({ preventScroll: true });
}

if (box) {
  const key = desk.keys.suggestion;
  const alt = Boolean(finder) && /[\p{L}\p{N}]/u.test(key);
  $("reveal").addEventListener("click", reveal);
  $("take").addEventListener("click", take);
  $("reveal").querySelector("kbd").hidden = !key;
  $("reveal").querySelector("kbd").textContent = alt ? `Alt ${key}` : key;
  if (key) $("reveal").setAttribute("aria-keyshortcuts", alt ? `Alt+${key}` : key);
}

// --- once it is answered ---

on("kept", ({ record }) => {
  newest = record.id;
  $("thought").hidden = true;
});

on("undone", () => { $("thought").hidden = true; });

on("verdict", ({ verdict, record }) => {
  const thought = known(verdict.thought);
  if (!thought || record?.id !== newest || record.kind === "undo") return;
  const line = $("thought");
  const same = record.labels.length === thought.labels.length && record.labels.every((pk) => thought.labels.includes(pk));
  const chips = thought.labels.flatMap((pk) => [chip(pk), " "]);
  line.replaceChildren(line.dataset.thought, " ", ...chips, `${share(thought.p)}. `);
  if (record.kind === "answer") line.append(same ? line.dataset.same : line.dataset.other);
  line.hidden = false;
});

// --- words that the model went by ---

// The server counts characters, browsers count half of an emoji as one.
function units(text, points) {
  let at = 0;
  let seen = 0;
  return points.map((point) => {
    for (; seen < point && at < text.length; seen++) at += text.codePointAt(at) > 0xffff ? 2 : 1;
    return at;
  });
}

function mark(ranges) {
  const text = $("item").querySelector(".item-text");
  if (!text || !ranges.length) return;
  const ends = units(text.textContent, ranges.toSorted((a, b) => a[0] - b[0]).flat());
  for (let at = ends.length - 2; at >= 0; at -= 2) wrap(text, ends[at], ends[at + 1]);
  $("went-by").hidden = false;
}

// From the last to the first, so that what comes before stays where it was.
function wrap(text, start, end) {
  const walk = document.createTreeWalker(text, NodeFilter.SHOW_TEXT);
  let before = 0;
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    const from = start - before;
    before += node.length;
    if (from < 0 || from >= node.length) continue;
    const range = document.createRange();
    range.setStart(node, from);
    range.setEnd(node, Math.min(from + end - start, node.length));
    range.surroundContents(Object.assign(document.createElement("mark"), { className: "went-by" }));
    return;
  }
}
