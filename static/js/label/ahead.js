// What is done before its turn: items are built, their pictures loaded and decoded; and how many to have here.

import { desk, on } from "./desk.js";

const REMEMBERED = 16; // pictures that stay decoded: what comes next, and what undo brings back
const DECODED = 25_000_000; // pixels; a larger picture is loaded only, for six of them would fill the memory
const MOST = 20;

const built = new WeakMap(); // item → an element that holds what is shown of it
const pictures = new Map(); // address → picture, oldest use first

// Build an item in the page, but out of sight: there its picture loads.
export function build(item) {
  if (built.has(item)) return built.get(item);
  const holder = document.createElement("div");
  holder.innerHTML = item.html;
  built.set(item, holder);
  for (const picture of holder.querySelectorAll("img")) {
    picture.decoding = "sync"; // It is decoded by then; item and picture come in one frame.
    remember(picture);
    const pixels = Number(picture.getAttribute("width")) * Number(picture.getAttribute("height"));
    if (pixels < DECODED) picture.decode().catch(() => {});
  }
  return holder;
}

// Hand out what was built, once: on the stage, others add to it.
export function take(item) {
  const nodes = [...build(item).childNodes];
  built.delete(item);
  return nodes;
}

function remember(picture) {
  pictures.delete(picture.src);
  pictures.set(picture.src, picture);
  if (pictures.size > REMEMBERED) pictures.delete(pictures.keys().next().value);
}

// How many items to hold: as many as are answered while two requests are on their way, and no fewer than five ahead.
// A slow network is told by how long the page itself took, later by each answer.
const page = performance.getEntriesByType("navigation")[0];
let way = page ? page.responseStart - page.requestStart : 0; // milliseconds there and back
let pace = 400; // milliseconds from answer to answer
let asked = 0;
let kept = 0;

export function wanted() {
  asked = performance.now();
  return Math.min(MOST, desk.ahead + 1 + Math.ceil((2 * way) / pace));
}

// Whether the first items will not last until more are here.
export const farAway = () => way > 2 * pace;

on("answer", () => { way = performance.now() - asked; });
on("kept", () => {
  const now = performance.now();
  if (kept && now - kept < 5000) pace = Math.max(150, 0.8 * pace + 0.2 * (now - kept));
  kept = now;
});
