// What stands first among many labels while nothing is typed: likely ones, where the policy allows, and those used last.
// The used ones have digits of their own, whatever else is likely: a hand that knows one never answers otherwise with it.

import { $, choices, desk, labelName, on } from "./desk.js";
import { press } from "./find.js";

const LIKELY = 5;
const RECENT = 3;
const KEY = `annotator:recent:${desk.user}:${desk.project}`;

// Used labels keep their places, so their digits stay; a new one takes the place of the one not used for longest.
let places = [];
let used = []; // the same labels, newest first

function remember() {
  try {
    localStorage.setItem(KEY, JSON.stringify({ places, used }));
  } catch {
    // A full disk: this page still knows.
  }
}

function recall() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    if (Array.isArray(kept.places) && Array.isArray(kept.used)) ({ places, used } = kept);
  } catch {
    // Written by something else: begin anew.
  }
  places = places.filter((pk) => choices.has(pk)).slice(0, RECENT);
  used = used.filter((pk) => places.includes(pk));
  for (const pk of desk.recent ?? []) {
    if (places.length < RECENT && choices.has(pk) && !places.includes(pk)) {
      places.push(pk);
      used.push(pk);
    }
  }
}

function use(pk) {
  if (!choices.has(pk)) return;
  used = [pk, ...used.filter((other) => other !== pk)];
  if (places.includes(pk)) return;
  const oldest = used[RECENT];
  if (places.length < RECENT) places.push(pk);
  else places[places.indexOf(oldest)] = pk;
  used = used.slice(0, RECENT);
}

// A copy of a choice: the label itself stays where the eye knows it.
function copy(pk) {
  const of = choices.get(pk);
  const hue = [...of.classList].find((name) => name.startsWith("hue-")) ?? "";
  const node = Object.assign(document.createElement("button"), { type: "button", className: `choice copy ${hue}` });
  const kbd = document.createElement("kbd");
  node.append(kbd, Object.assign(document.createElement("span"), { className: "choice-name", dir: "auto", textContent: labelName(pk) }));
  node.addEventListener("click", () => press(of));
  return { node, kbd, of, name: labelName(pk) };
}

function fill(box, pks, before = 0) {
  const copies = pks.map((pk, at) => ({ ...copy(pk), digit: before + at + 1 }));
  box.querySelectorAll(".copy").forEach((old) => old.remove());
  box.append(...copies.map(({ node }) => node));
  box.hidden = !copies.length;
  return copies;
}

export function strip(finder) {
  let likely = [];
  let shown = "";
  let copies = [];

  function front() {
    const first = likely.filter((pk) => choices.has(pk)).slice(0, LIKELY);
    const wanted = JSON.stringify([first, places]);
    if (wanted !== shown) copies = [...fill($("likely"), first), ...fill($("recent"), places, desk.likely ? LIKELY : 0)];
    shown = wanted;
    return copies;
  }

  recall();
  finder.first = front;
  on("show", ({ item }) => { likely = item.thought?.likely ?? []; });
  on("kept", ({ record }) => {
    if (record.kind !== "answer") return;
    record.labels.forEach(use);
    remember();
    if (!finder.typed) finder.apply();
  });
  return {
    hide(typed) {
      for (const box of [$("likely"), $("recent")]) box.classList.toggle("away", Boolean(typed));
    },
    mark() {
      for (const { node, of } of copies) if (desk.multi) node.setAttribute("aria-pressed", String(of.querySelector("input").checked));
    },
  };
}
