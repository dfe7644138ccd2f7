// What an answer is about, in words: kept beside it, so that a person can read it later whatever has become of the item.

import { $, desk, labelName, words } from "./desk.js";

const LENGTH = 120;
const MANY = 60;
const seen = new Map(); // item id → how it reads, newest last

export function remember({ item }) {
  seen.delete(item.id);
  const shown = new DOMParser().parseFromString(item.html, "text/html").querySelector(".item-text");
  const text = shown?.textContent.trim() ?? "";
  seen.set(item.id, text.length > LENGTH ? `${text.slice(0, LENGTH)}…` : text || `${words.item} ${item.number}`);
  if (seen.size > MANY) seen.delete(seen.keys().next().value);
}

// What somebody said: the names of labels, or that it was skipped, flagged, taken back.
function said({ kind, labels }) {
  if (kind === "undo") return $("refused").dataset.undo;
  if (kind !== "answer") return words[kind] ?? kind;
  return labels.map(labelName).join(", ") || words.none;
}

export function describe(record) {
  return { text: seen.get(record.item) ?? "", said: said(record), project: desk.name };
}
