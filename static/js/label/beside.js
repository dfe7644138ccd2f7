// What stands beside the item: how far the work is, why it was asked, what the batch before joining teaches.

import { $, on } from "./desk.js";
import { sayQuietly } from "./stage.js";

let newest = null;
const unknown = $("why").textContent;

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
  $("done-gauge").hidden = !progress.items;
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

on("kept", ({ record }) => { newest = record.id; });
on("undone", () => {
  newest = null;
  $("why").textContent = unknown;
});
