// What stands beside the item: how far the work is, why it was asked, the last answers.

import { $, choices, labelName, on, words } from "./desk.js";
import { sayQuietly } from "./stage.js";

let newest = null;

on("answer", ({ progress, quiz }) => {
  $("quiz").hidden = !quiz;
  $("quiz-words").textContent = quiz;
  if (!progress) return;
  $("retrain").max = progress.batch;
  $("retrain").value = progress.since;
  $("retrain-count").textContent = `${progress.since}/${progress.batch}`;
  $("retrain-words").textContent = progress.sentence;
  $("done").max = Math.max(progress.items, 1);
  $("done").value = progress.labelled;
  $("labelled").textContent = progress.labelled;
  $("items").textContent = progress.items;
  $("mine").textContent = progress.mine;
  if (!$("shift-done") || !progress.shift) return;
  $("shift-words").textContent = progress.shift;
  $("shift-done").value = progress.shift_done;
});

on("verdict", ({ verdict, record }) => {
  if (verdict.why && record?.id === newest) $("why").textContent = verdict.why;
  if (verdict.status !== "stored") return;
  // Only in the batch before joining is there something to say.
  $("lesson").textContent = verdict.message;
  $("lesson").hidden = !verdict.message;
  if (verdict.message) sayQuietly(verdict.message);
});

function said({ kind, labels }) {
  if (kind !== "answer") return words[kind] ?? kind;
  return labels.map(labelName).join(", ") || words.none;
}

on("kept", ({ item, record }) => {
  newest = record.id;
  const line = document.createElement("li");
  const shown = new DOMParser().parseFromString(item.html, "text/html").querySelector(".item-text");
  const text = shown?.textContent.trim() ?? "";
  const link = Object.assign(document.createElement("a"), { href: `?item=${item.id}`, className: "past", dir: "auto" });
  link.textContent = text.slice(0, 80) || `${words.item} ${item.number}`;
  const hue = [...(choices.get(record.labels[0])?.classList ?? [])].find((name) => name.startsWith("hue-")) ?? "";
  const chip = Object.assign(document.createElement("span"), { className: `chip ${hue}`, textContent: said(record) });
  line.append(link, " ", chip);
  line.dataset.item = item.id;
  $("history").querySelector(`[data-item="${item.id}"]`)?.remove();
  $("history").prepend(line);
  while ($("history").children.length > 8) $("history").lastElementChild.remove();
  sayQuietly(`${said(record)}. ${words.next}`);
});

on("undone", ({ items }) => {
  for (const item of items) $("history").querySelector(`[data-item="${item.id}"]`)?.remove();
});
