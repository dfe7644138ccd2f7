// Choosing labels and the other ways to answer: buttons, menus, several labels at once, finding one of many.

import { $, choices, desk, form, on, words } from "./desk.js";
import { Finder, press } from "./find.js";
import { current, say, submit, undo } from "./stage.js";
import { strip } from "./strip.js";

export const finder = $("find") ? new Finder($("find"), form.querySelectorAll(".choice"), desk.labels) : null;
const front = finder && strip(finder);
// Only where there is use for them.
const grouped = finder && document.querySelector(".group-head") ? (await import("./groups.js")).groups(finder) : null;
const above = finder && desk.multi ? (await import("./chosen.js")).chosen(finder, markChosen) : null;

if (finder) {
  if (matchMedia("(pointer: coarse)").matches) $("find").placeholder = $("find").dataset.touch;
  finder.after = (typed, found) => {
    front.hide(typed);
    grouped?.after(typed, found);
    if (desk.multi) front.mark();
  };
  finder.apply();
}

on("show", ({ item }) => {
  grouped?.reset();
  finder?.clear();
  turnOn(item.chosen ?? []);
});

on("undone", ({ records }) => {
  const own = records.length === 1 && records[0].item === current()?.id;
  turnOn(own && records[0].kind === "answer" ? records[0].labels : []);
});

// What was chosen before: where several may be, they are on again; a single one is marked.
function turnOn(labels) {
  for (const [pk, node] of choices) {
    if (desk.multi) node.querySelector("input").checked ||= labels.includes(pk);
    else if (labels.includes(pk)) node.setAttribute("aria-pressed", "true");
    else node.removeAttribute("aria-pressed");
  }
  markChosen();
}

function markChosen() {
  if (!desk.multi) return;
  for (const node of choices.values()) node.classList.toggle("chosen", node.querySelector("input").checked);
  above?.mark();
  front?.mark();
}

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

export function flag() {
  const note = form.elements.note.value.trim();
  if (note) return submit("flag", { note });
  $("note").focus();
  say(words.note);
}

// While something is open over the page, keys are for that.
const menuOpen = () => Boolean(document.querySelector(".desk details.menu[open]"));

export function openMenu(id) {
  const menu = $(id);
  menu.open = !menu.open;
  if (menu.open) menu.querySelector("textarea, button").focus();
  else $("item").focus({ preventScroll: true });
}

// A digit: a reason of the open menu, else a label. «sign» is what the key says: it may go on with a search instead.
// Under any other open menu it does nothing.
export function digit(number, sign) {
  if ($("skip").open) {
    $("skip").querySelectorAll("button")[number - 1]?.click();
    return true;
  }
  if (menuOpen()) return true;
  if (finder) return finder.continues(sign) ? false : pick(number);
  return label(String(number));
}

export function label(...keys) {
  if (menuOpen()) return false;
  const own = [...choices.values()].find((node) => node.dataset.key && keys.includes(node.dataset.key.toLowerCase()));
  if (own) press(own);
  return Boolean(own);
}

// The label with that digit among those in view.
export function pick(number) {
  const hit = menuOpen() ? null : finder.hit(number);
  if (hit) take(hit);
  return Boolean(hit);
}

function take(hit) {
  press(hit);
  if (desk.multi && finder.typed) finder.clear();
}

// While something is typed it takes a label, and never saves: on the button that saves, too.
export function enter(event) {
  const saves = finder?.typed && event.target.id === "send";
  if (menuOpen() || (!saves && event.target.closest("button, a, summary"))) return false;
  if (finder?.typed) return found(event.target.closest(".choice"));
  if (desk.multi) $("send").click();
  else if (finder && event.target === $("find")) say($("find").placeholder);
  return desk.multi;
}

function found(stop) {
  if (!finder.hits.length) say($("find").form.querySelector(".find-none").textContent);
  else take(stop ?? finder.hits[0].node);
  if (stop) $("find").focus(); // walked to by arrows
  return true;
}

// Letters go to the search without a click, and so do signs that are put together from several keys.
export function type(event, key) {
  if (event.target === $("find") || !(key === "Dead" || /^[\p{L}\p{N}]$/u.test(key))) return false;
  $("find").focus();
  return false;
}

export function escape(field) {
  const busy = field?.value || finder?.typed || form.querySelector("details[open]");
  if (!busy && !$("editing").hidden) return $("leave").click();
  for (const menu of document.querySelectorAll(".desk .menu[open], #answer details[open]")) menu.open = false;
  if (finder && (field === $("find") || finder.typed)) finder.clear();
  $("item").focus({ preventScroll: true });
}
