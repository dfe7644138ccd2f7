// The tabs of one person send in turn. Sending twice would do no harm, but would be work for nothing.

import { look, remove, write } from "./shelf.js";

const DEAD = 15_000; // a tab that has not moved for so long is gone: no request takes longer
const LOOK = 120;

const wait = (ms) => new Promise((done) => { setTimeout(done, ms); });

export async function inTurn(name, act) {
  // Over plain HTTP, browsers offer no locks.
  return navigator.locks ? navigator.locks.request(name, act) : byHand(`${name}#sending`, act);
}

// A note on the shared disk says who sends. Nobody's clock is asked: whose note has not changed while one looked is gone.
async function byHand(place, act) {
  const mine = crypto.getRandomValues(new Uint32Array(2)).join("-");
  let seen = null;
  let since = performance.now();
  for (;;) {
    const holder = look(place);
    if (holder !== seen) [seen, since] = [holder, performance.now()];
    if (holder === null || performance.now() - since > DEAD) {
      if (!write(place, mine)) break; // No disk, so no other tab sees these records either.
      await wait(LOOK / 4 + Math.random() * LOOK / 4);
      if (look(place) === mine) break;
    }
    await wait(LOOK / 2 + Math.random() * LOOK);
  }
  try {
    return await act();
  } finally {
    if (look(place) === mine) remove(place);
  }
}
