// A running comparison: asked for every few seconds, changed only when there is news.

const status = document.getElementById("status");
const place = () => document.getElementById("what-if");
let shown = "";

document.addEventListener("htmx:beforeRequest", (event) => {
  // Nobody looks: nothing is asked.
  if (event.target === place() && document.hidden) event.preventDefault();
});

// The browser answers «not modified» with what it has: leave the page alone then.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.target !== place()) return;
  const text = event.detail.serverResponse;
  if (text === shown) event.detail.shouldSwap = false;
  shown = text;
});

document.addEventListener("htmx:afterSettle", () => {
  const { state, done } = place().dataset;
  if (state !== "done" || status.textContent === done) return;
  status.textContent = done;
  // The next one may be asked for.
  document.getElementById("compare").disabled = false;
});
