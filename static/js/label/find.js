// Find one of many labels by typing: the best first, nine of them by digit. How they are ranked: rank.js.

import { continues, entry, search } from "./rank.js";

const SHOWN = 9;
const PAUSE = 400; // milliseconds after which ears are told

const wordsOf = (node) => node.querySelector(".choice-name").firstChild.textContent.trim();
export const press = (node) => (node.querySelector("input") ?? node).click();

export class Finder {
  // told: what the server says of labels besides their names, by label id: { group, synonyms, description }
  constructor(input, nodes, told = {}) {
    this.input = input;
    this.rows = [...nodes].map((node) => {
      const known = told[node.dataset.label] ?? {};
      return { node, kbd: node.querySelector("kbd"), name: wordsOf(node), known, entry: entry(wordsOf(node), known) };
    });
    this.entries = this.rows.map((row) => row.entry);
    this.list = this.rows[0].node.parentElement;
    this.order = [...this.list.children]; // as the server put them
    this.now = this.order;
    const near = input.closest("form");
    this.none = near.querySelector(".find-none");
    this.count = near.querySelector(".find-count");
    this.said = near.querySelector(".find-said");
    this.first = () => []; // what stands before the list while nothing is typed: [{ node, kbd, digit }]
    this.shows = () => true; // (row, typed): whether groups let it be seen
    this.after = () => {};
    input.addEventListener("input", () => this.#typed());
    this.apply();
  }

  get typed() {
    return this.input.value.trim();
  }

  apply() {
    const typed = this.typed;
    // The hint goes as the page goes, what is typed as it is written.
    if (this.input.value) this.input.dir = "auto";
    else this.input.removeAttribute("dir");
    const found = search(this.entries, typed).map(({ at, level }) => ({ ...this.rows[at], level }));
    const rows = found.filter((row) => this.shows(row, typed));
    const shown = new Set(rows.map((row) => row.node));
    for (const { node } of this.rows) node.hidden = !shown.has(node);
    this.list.classList.toggle("typed", Boolean(typed));
    if (typed) rows.forEach(beside);
    this.#order(typed ? rows.map((row) => row.node) : []);
    this.hits = [...(typed ? [] : this.first()), ...rows];
    this.#number(typed);
    if (this.none) this.none.hidden = this.hits.length > 0;
    if (this.count) this.count.textContent = typed ? `${rows.length} / ${this.rows.length}` : this.rows.length;
    this.after(typed, found);
    this.list.scrollTop = 0;
  }

  // Hits stand in the page as they rank, so that Tab and ears meet them in that order.
  #order(front) {
    const moved = new Set(front);
    const wanted = front.length ? [...front, ...this.order.filter((node) => !moved.has(node))] : this.order;
    if (wanted.every((node, at) => node === this.now[at])) return;
    this.list.append(...wanted);
    this.now = wanted;
  }

  // While nothing is typed only what stands in front has digits: the list below shifts, and a hand remembers digits.
  #number(typed) {
    const taken = typed ? this.hits.slice(0, SHOWN).map((hit, at) => ({ ...hit, digit: at + 1 })) : this.hits.filter((hit) => hit.digit);
    this.byDigit = new Map(taken.map(({ digit, node }) => [digit, node]));
    const digits = new Map(taken.map(({ digit, node }) => [node, String(digit)]));
    for (const { node, kbd } of [...this.rows, ...this.hits]) {
      const digit = digits.get(node);
      kbd.hidden = !digit;
      if (digit && kbd.textContent !== digit) kbd.textContent = digit;
    }
    const best = typed ? this.hits[0]?.node : undefined;
    if (best === this.best) return;
    this.best?.classList.remove("best");
    best?.classList.add("best");
    this.best = best;
  }

  #typed() {
    this.apply();
    clearTimeout(this.telling);
    if (!this.said) return;
    this.telling = setTimeout(() => {
      const { found, enter, none } = this.said.dataset;
      if (!this.typed) this.said.textContent = "";
      else this.said.textContent = this.hits.length ? `${found} ${this.hits.length}. ${enter} ${this.hits[0].name}` : none;
    }, PAUSE);
  }

  // Whether a sign goes on with what was typed: names may hold digits, and then it searches instead of answering.
  continues(sign) {
    return continues(this.entries, this.input.value, sign);
  }

  // The label that a digit takes.
  hit(number) {
    return this.byDigit.get(number);
  }

  clear() {
    clearTimeout(this.telling);
    if (this.said) this.said.textContent = "";
    this.input.value = "";
    this.apply();
  }

  // Arrows walk through what is in view. Returns whether the key was for that.
  walk(key, from) {
    const stops = [...this.list.querySelectorAll(".choice:not([hidden])")];
    const here = stops.findIndex((stop) => stop.contains(from));
    if (here < 0 && from !== this.input) return false;
    const next = here < 0 ? (key === "ArrowDown" ? stops[0] : undefined) : target(stops, here, key);
    if (here < 0 && !next) return false;
    const goal = next ? next.querySelector("input") ?? next : this.input;
    goal.focus({ preventScroll: true });
    next?.scrollIntoView({ block: "nearest" });
    return true;
  }
}

// Beside a hit stands where it belongs, and what it was found by where that is not the name.
function beside({ node, known, level }) {
  const by = level === 5 ? (known.synonyms ?? []).join(", ") : level === 7 ? known.description : "";
  const text = [known.group, by].filter(Boolean).join(" · ");
  let small = node.querySelector(".also");
  if (!small && !text) return;
  if (!small) node.append((small = Object.assign(document.createElement("small"), { className: "also", dir: "auto" })));
  small.textContent = text;
}

// Sideways along the lines, up and down by what is seen; upwards out of the list lies the search (undefined).
function target(stops, here, key) {
  const last = stops.length - 1;
  const mirrored = getComputedStyle(stops[here]).direction === "rtl";
  const forwards = mirrored ? "ArrowLeft" : "ArrowRight";
  if (key === "Home") return stops[0];
  if (key === "End") return stops[last];
  if (key === "ArrowLeft" || key === "ArrowRight") return stops[Math.min(last, Math.max(0, here + (key === forwards ? 1 : -1)))];
  const box = stops[here].getBoundingClientRect();
  const down = key === "ArrowDown";
  const others = (down ? stops.slice(here + 1) : stops.slice(0, here).reverse()).map((stop) => [stop, stop.getBoundingClientRect()]);
  const beyond = others.filter(([, its]) => (down ? its.top >= box.bottom - 1 : its.bottom <= box.top + 1));
  const line = beyond.filter(([, its]) => Math.abs(its.top - beyond[0][1].top) < 2);
  line.sort(([, a], [, b]) => Math.abs(a.left - box.left) - Math.abs(b.left - box.left));
  if (line.length) return line[0][0];
  return down ? stops[Math.min(last, here + 1)] : undefined;
}
