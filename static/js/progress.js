// The live line: asked for every few seconds, changed only when it says something new.

const live = document.getElementById("live");
const status = document.getElementById("status");
const facts = () => live.querySelector(".loop").dataset;
let { figures, round } = facts();
let shown = "";
let later;

// Nobody looks: nothing is asked.
live.addEventListener("htmx:beforeRequest", (event) => {
  if (document.hidden) event.preventDefault();
});

// The browser answers «not modified» with what it has: leave the page alone then.
live.addEventListener("htmx:beforeSwap", (event) => {
  const text = event.detail.serverResponse;
  if (text === shown) event.detail.shouldSwap = false;
  shown = text;
});

// Sums are kept at the server, for the longer the dearer they are: ask at once, and again until they are new for sure.
const AGAIN = [8000, 20000, 40000];
function refresh(times = AGAIN) {
  htmx.trigger("#figures", "fresh");
  clearTimeout(later);
  if (times.length) later = setTimeout(() => refresh(times.slice(1)), times[0]);
}

live.addEventListener("htmx:afterSwap", () => {
  const next = facts();
  if (next.figures === figures) return;
  refresh();
  if (next.round !== round) status.textContent = live.dataset.done;
  ({ figures, round } = next);
});

// What was unfolded, and where the cursor stood, survives new figures.
const named = (summary) => summary.textContent.trim();
let unfolded = [];
let focused = "";

document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.target.id !== "figures") return;
  unfolded = [...event.detail.target.querySelectorAll("details[open] > summary")].map(named);
  const active = document.activeElement.closest?.("#figures summary");
  focused = active ? named(active) : "";
});

document.addEventListener("htmx:afterSettle", (event) => {
  if (event.target.id !== "figures") return;
  for (const summary of event.target.querySelectorAll("summary")) {
    if (unfolded.includes(named(summary))) summary.parentElement.open = true;
    if (named(summary) === focused) summary.focus();
  }
});
