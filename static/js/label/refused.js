// Answers that the server did not accept, with the reason, until the person deals with them; and what this device held
// and could not read.

import { $, desk, on, words as all } from "./desk.js";
import { outbox, speak } from "./line.js";
import { remove, unreadable } from "./shelf.js";

const list = $("refused-list");
const words = $("refused").dataset;

function element(name, more = {}, ...inside) {
  const made = Object.assign(document.createElement(name), more);
  made.append(...inside);
  return made;
}

const away = (act) => element("button", { type: "button", className: "button small", textContent: words.putAway, onclick: act });

function refusedLine(record) {
  const text = element("q", { dir: "auto", textContent: record.about?.text || `${all.item} ${record.item}` });
  const chip = element("span", { className: "chip", dir: "auto", textContent: record.about?.said || record.kind });
  const why = element("p", { className: "refused-why", textContent: record.message || words.unread });
  const address = `${desk.label}?item=${record.item}`;
  const again = element("a", { href: address, className: "button small primary", textContent: words.again });
  const put = away(() => { outbox.refused.drop(new Set([record.id])); draw(true); });
  const what = record.note ? [element("p", { dir: "auto", className: "refused-note", textContent: record.note })] : [];
  return element("li", {}, element("p", {}, text, " ", chip), ...what, why, element("div", { className: "row" }, again, put));
}

function unreadableLine([key, text]) {
  const raw = element("code", { textContent: String(text).slice(0, 300) });
  const put = away(() => { remove(key); draw(true); });
  return element("li", {}, element("p", { textContent: words.unreadable }), raw, element("div", { className: "row" }, put));
}

function draw(here = false) {
  const lines = [...outbox.refused.all().map(refusedLine), ...unreadable(desk.user).map(unreadableLine)];
  list.replaceChildren(...lines);
  $("refused").hidden = !lines.length;
  $("refused-count").textContent = lines.length;
  $("state-refused").hidden = !lines.length;
  $("state-refused").textContent = words.count.replace("{n}", lines.length);
  if (here) (list.querySelector("button") ?? $("item")).focus({ preventScroll: !lines.length });
}

outbox.addEventListener("refused", ({ detail: { message } }) => {
  draw();
  speak(`${words.refused} ${message || words.unread}`);
});

// An answer to the same item was accepted since: the refused one is dealt with.
on("verdict", ({ verdict, record }) => {
  if (verdict.status === "rejected") return;
  const settled = outbox.refused.all().filter((old) => old.item === record.item);
  if (settled.length) outbox.refused.drop(new Set(settled.map((old) => old.id)));
  if (settled.length) draw();
});

outbox.refused.addEventListener("change", () => draw());
for (const shelf of [outbox.shelf, outbox.refused]) {
  shelf.addEventListener("aside", () => {
    draw();
    speak(words.unreadable);
  });
}
draw();
