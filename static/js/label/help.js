// Help while one works: what a label means, where the pointer rests or the focus is; boxes that stay as they were left;
// a note with an answer.

import { $, choices, desk, form, on } from "./desk.js";
import { look, write } from "./shelf.js";
import { current } from "./stage.js";

// --- boxes that a person closed stay closed ---

for (const box of document.querySelectorAll("details[data-remember]")) {
  const key = `annotator-box:${desk.user}:${box.dataset.remember}`;
  if (look(key) === "closed") box.open = false;
  box.addEventListener("toggle", () => write(key, box.open ? "open" : "closed"));
}

export function guidelines() {
  const box = $("guidelines");
  if (!box) return false;
  box.open = !box.open;
  if (!box.open) return;
  box.scrollIntoView({ block: "nearest" });
  box.querySelector("summary").focus({ preventScroll: true });
}

// --- what a label means ---

const tip = $("label-help");
const REST = 450; // milliseconds a pointer rests before something opens
const GRACE = 250; // and that it may take from the label to what opened
let shown = null; // the choice that it belongs to
let quiet = null; // one whose help was sent away: until the pointer or the focus comes anew
let timer = 0;

const helpOf = (node) => document.querySelector(`#guidelines [data-help="${node.dataset.label}"]`);
const control = (node) => node.querySelector("input") ?? node;

// Worth opening where it tells more than stands on the label already.
function tells(node) {
  const help = helpOf(node);
  if (!help) return false;
  if (help.querySelector(".example")) return true;
  const small = node.querySelector("small");
  return !small?.offsetParent || small.scrollHeight > small.clientHeight + 1 || small.textContent.trim().endsWith("…");
}

function open(node) {
  if (shown === node || quiet === node || !tip || !tells(node)) return;
  close();
  shown = node;
  tip.replaceChildren(...[...helpOf(node).children].map((part) => part.cloneNode(true)));
  for (const picture of tip.querySelectorAll("img")) picture.loading = "eager";
  tip.showPopover();
  place(node);
  control(node).setAttribute("aria-describedby", tip.id);
}

// Below the label, else above it: the item stays in view as long as it can. Never beyond the window.
function place(node) {
  const at = node.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = tip;
  const rtl = getComputedStyle(tip).direction === "rtl";
  const start = rtl ? innerWidth - at.right : at.left;
  const [below, above] = [at.bottom + 6, Math.max(8, at.top - height - 6)];
  tip.style.insetInlineStart = `${Math.max(8, Math.min(start, innerWidth - width - 8))}px`;
  tip.style.insetBlockStart = `${below + height + 8 < innerHeight ? below : above}px`;
}

function close() {
  clearTimeout(timer);
  if (!shown) return;
  control(shown).removeAttribute("aria-describedby");
  shown = null;
  tip.hidePopover();
}

function later(act, wait) {
  clearTimeout(timer);
  timer = setTimeout(act, wait);
}

if (tip) {
  for (const node of choices.values()) {
    node.addEventListener("pointerenter", (event) => {
      if (event.pointerType === "touch") return;
      if (shown === node) clearTimeout(timer);
      else later(() => open(node), REST);
    });
    node.addEventListener("pointerleave", () => {
      quiet = quiet === node ? null : quiet;
      later(close, GRACE);
    });
    node.addEventListener("focusin", (event) => {
      if (event.target.matches(":focus-visible")) open(node);
    });
    node.addEventListener("focusout", () => {
      quiet = quiet === node ? null : quiet;
      if (!tip.matches(":hover")) close();
    });
    node.addEventListener("pointerdown", () => sendAway(node));
  }
  tip.addEventListener("pointerenter", () => clearTimeout(timer));
  tip.addEventListener("pointerleave", () => later(close, GRACE));
  addEventListener("scroll", close, { passive: true });
  addEventListener("resize", close, { passive: true });
  // Before anything else: Escape sends the help away and leaves the focus where it is.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !shown) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    sendAway(shown);
  }, { capture: true });
}

function sendAway(node) {
  quiet = node;
  close();
}

// An answer was given, or another item came: what rests under the pointer was not asked for again.
on("show", () => {
  const under = [...choices.values()].find((node) => node.matches(":hover"));
  quiet = under ?? null;
  close();
});

// --- a note with an answer ---

const remark = $("remark");

export function note() {
  if (!remark) return false;
  $("note-box").open = true;
  remark.focus();
}

let about = null; // the item that was shown last
let typed = "";

if (remark) {
  // It is about the item on the stage, not about others that are labelled together with it.
  on("record", ({ record, item }) => {
    if (item.id === current()?.id && !record.note) record.note = remark.value.trim();
  });
  on("show", ({ item }) => {
    // Taken out of a card, an item comes singly with what was written about it.
    if (item.id === about) remark.value = typed;
    $("note-box").open = Boolean(remark.value);
    [about, typed] = [item.id, ""];
    const link = $("talk-link");
    if (link) link.href = desk.talk.replace("/0/", `/${item.number}/`);
  });
  on("again", ({ answer }) => { $("note-box").open = Boolean(remark.value) && answer.kind !== "flag"; });
  on("undone", ({ records }) => {
    const said = records.find(({ item }) => item === current()?.id);
    if (!said?.note || said.kind === "flag") return;
    remark.value = said.note;
    $("note-box").open = true;
  });
  // Enter ends the note and goes back to the item: the next key answers.
  remark.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    event.stopPropagation();
    $("item").focus({ preventScroll: true });
  });
  on("empty", () => { about = null; });
  form.addEventListener("reset", () => {
    typed = remark.value || typed;
    remark.value = "";
  });
}
