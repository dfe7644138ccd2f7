// Time spent on an item with eyes on it: the page is in view and somebody did something within a minute.

const IDLE = 60_000;
const AWAY = 300_000; // from here on, leases are left to others

let spent = 0;
let since = performance.now();
let seen = !document.hidden;
let back = () => {};

// Count up to now what passed in view; what passed out of view counts for nothing.
function tick() {
  const now = performance.now();
  if (seen) spent += Math.min(now - since, IDLE);
  seen = !document.hidden;
  if (now - since > AWAY) back(); // The leases may have ended.
  since = now;
}
for (const sign of ["keydown", "pointerdown", "pointermove", "wheel", "scroll", "visibilitychange"]) {
  document.addEventListener(sign, tick, { passive: true, capture: sign === "scroll" });
}

// Milliseconds so far on what is on the stage. To ask is no sign of anybody being there.
export function active() {
  return spent + (seen ? Math.min(performance.now() - since, IDLE) : 0);
}

export function restart() {
  spent = 0;
  since = performance.now();
  seen = !document.hidden;
}

export const away = () => performance.now() - since >= AWAY;
export const whenBack = (listener) => { back = listener; };
