// Time spent on an item with eyes on it: the page is in view and somebody did something within a minute.

const IDLE = 60_000;
const AWAY = 300_000; // from here on, leases are left to others

let spent = 0;
let since = performance.now();
let back = () => {};

function tick() {
  const now = performance.now();
  if (!document.hidden) spent += Math.min(now - since, IDLE);
  if (now - since > AWAY) back(); // The leases may have ended.
  since = now;
}
for (const sign of ["keydown", "pointerdown", "pointermove", "visibilitychange"]) {
  document.addEventListener(sign, tick, { passive: true });
}

export function active() {
  tick();
  return spent;
}

export function restart() {
  spent = 0;
  since = performance.now();
}

export const away = () => performance.now() - since >= AWAY;
export const whenBack = (listener) => { back = listener; };
