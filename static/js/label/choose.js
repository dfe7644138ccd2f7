// Choosing labels and the other ways to answer: buttons, menus, several labels at once, finding one of many.

import { $, choices, desk, form, on, words } from "./desk.js";
import { Finder } from "./find.js";
import { say, submit, undo } from "./stage.js";

export const finder = $("find") ? new Finder($("find"), form.querySelectorAll(".choice")) : null;

on("show", () => {
  finder?.clear();
  markChosen();
});

on("undone", ({ records }) => {
  for (const pk of desk.multi && records.length === 1 ? records[0].labels : []) {
    const box = choices.get(pk)?.querySelector("input");
    if (box) box.checked = true;
  }
  markChosen();
});

function markChosen() {
  if (!desk.multi) return;
  for (const node of choices.values()) node.classList.toggle("chosen", node.querySelector("input").checked);
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

export function openMenu(id) {
  const menu = $(id);
  menu.open = !menu.open;
  if (menu.open) menu.querySelector("textarea, button").focus();
  else $("item").focus({ preventScroll: true });
}

// A digit: a reason of the open menu, else a label.
export function digit(number) {
  if ($("skip").open) {
    $("skip").querySelectorAll("button")[number - 1]?.click();
    return true;
  }
  if (finder?.continues(number)) return false;
  const label = finder ? finder.hit(number) : form.querySelector(`[aria-keyshortcuts="${number}"]`);
  label?.click();
  return Boolean(label);
}

export function enter(event) {
  if (event.target.closest("button, a, summary")) return false;
  if (finder && $("find").value.trim() && finder.hit(1)) {
    finder.hit(1).click();
    if (desk.multi) finder.clear();
    return true;
  }
  if (!desk.multi) return false;
  $("send").click();
  return true;
}

// Letters go to the search without a click.
export function type(event, key) {
  if (key.length !== 1 || key === " " || event.target === $("find") || !/[\p{L}\p{N}]/u.test(key)) return false;
  $("find").focus();
  return false;
}

export function escape(field) {
  for (const menu of form.querySelectorAll("details[open]")) menu.open = false;
  if (finder && field === $("find")) finder.clear();
  $("item").focus({ preventScroll: true });
}
