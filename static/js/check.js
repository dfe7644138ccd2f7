// A spot check among many labels: letters find one, a digit or Enter takes it, as on the labelling page.

import { Finder } from "./label/find.js";

const input = document.getElementById("find");
const finder = input && new Finder(input, document.querySelectorAll(".answer .choice"));

function take(number) {
  const hit = finder.hit(number);
  hit?.click();
  if (hit?.querySelector("input")) finder.clear();
  return Boolean(hit);
}

document.addEventListener("keydown", (event) => {
  if (!finder || event.repeat || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target !== input && document.body.dataset.singleKeys === "off") return;
  const number = /^(?:Digit|Numpad)([1-9])$/.exec(event.code)?.[1];
  if (number && !finder.continues(Number(number)) && take(Number(number))) return event.preventDefault();
  if (event.key === "Enter" && event.target === input) {
    // Without this the browser would press the first label.
    event.preventDefault();
    if (input.value.trim()) take(1);
    else document.querySelector('.answer button[value="answer"]')?.click();
  } else if (event.key === "Escape") {
    finder.clear();
    document.getElementById("question").focus();
  } else if (event.key.length === 1 && /[\p{L}\p{N}]/u.test(event.key) && event.target !== input) {
    input.focus();
  }
});

if (input) input.closest(".find").hidden = false;
