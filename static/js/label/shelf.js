// Where records lie on this device until they are dealt with: in order, under the name of a person and a project.
// Each has a key of its own: two tabs that wrote one list at the same moment would lose each other's records.

import * as spare from "./spare.js";

const WAITING = "annotator:";
const REFUSED = "annotator-refused:";
const ASIDE = "annotator-aside:";

export const waitingOf = (user, project) => new Shelf(`${WAITING}${user}:${project}`);
export const refusedOf = (user, project) => new Shelf(`${REFUSED}${user}:${project}`);

// The projects for which something of this person waits here.
export function projectsOf(user) {
  const found = keys().map((key) => key.split(":")).filter(([root, whose]) => `${root}:` === WAITING && whose === String(user));
  return [...new Set(found.map((parts) => Number(parts[2])))].filter((project) => project > 0);
}

// A private window or blocked cookies may refuse even to look.
function keys() {
  try {
    return Object.keys(localStorage);
  } catch {
    return [];
  }
}

export function look(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

export function read(key) {
  try {
    return JSON.parse(look(key));
  } catch {
    return null;
  }
}

// Whether it is on disk now.
export function write(key, value) {
  try {
    localStorage.setItem(key, typeof value === "string" ? value : JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}

export function remove(key) {
  try {
    localStorage.removeItem(key);
  } catch {
    // Where nothing can be written, nothing was.
  }
}

const isRecord = (value) => typeof value?.id === "string" && Number.isInteger(value.item) && typeof value.kind === "string";

// What could not be read, as it stood: [key, text].
export function unreadable(user) {
  return keys().filter((key) => key.startsWith(`${ASIDE}${WAITING}${user}:`) || key.startsWith(`${ASIDE}${REFUSED}${user}:`))
    .map((key) => [key, look(key)]);
}

// Events: «change» {record} another tab put a record here or took one away · «aside» something could not be read.
export class Shelf extends EventTarget {
  #name;
  #prefix;
  #memory = new Map(); // what the disk did not take, by key
  #last = 0;

  constructor(name) {
    super();
    this.#name = name;
    this.#prefix = `${name}:`;
    addEventListener("storage", ({ key, newValue }) => {
      if (key === name) this.#adopt(); // A page of an earlier version wrote.
      else if (key !== null && !key.startsWith(this.#prefix)) return;
      this.dispatchEvent(new CustomEvent("change", { detail: { record: parse(newValue) } }));
    });
    this.#adopt();
  }

  get name() {
    return this.#name;
  }

  // Whether all of it outlives this page.
  get durable() {
    return this.#memory.size === 0;
  }

  all() {
    const found = new Map(this.#memory);
    for (const key of keys()) {
      if (!key.startsWith(this.#prefix)) continue;
      const text = look(key);
      const record = parse(text);
      if (record) found.set(key, record);
      else if (text !== null) this.#putAside(key, text);
    }
    return [...found].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, record]) => record);
  }

  // On disk when this returns, or in memory where there is no disk to write on. The order is counted, never timed:
  // clocks jump.
  add(records) {
    this.#settle();
    for (const record of records) {
      const key = `${this.#prefix}${String(this.#next()).padStart(12, "0")}-${record.id}`;
      if (!write(key, record)) this.#memory.set(key, record);
      spare.put(key, record);
    }
  }

  drop(ids) {
    const gone = [...keys(), ...this.#memory.keys()]
      .filter((key) => key.startsWith(this.#prefix) && ids.has(key.slice(this.#prefix.length + 13)));
    for (const key of gone) {
      this.#memory.delete(key);
      remove(key);
    }
    if (gone.length) spare.drop(gone);
    this.#settle();
  }

  // There may be room again.
  #settle() {
    for (const [key, record] of this.#memory) if (write(key, record)) this.#memory.delete(key);
  }

  #next() {
    const taken = [...keys(), ...this.#memory.keys()].filter((key) => key.startsWith(this.#prefix));
    const numbers = taken.map((key) => Number(key.slice(this.#prefix.length, this.#prefix.length + 12)) || 0);
    this.#last = numbers.reduce((most, number) => Math.max(most, number), this.#last) + 1;
    return this.#last;
  }

  #putAside(key, text) {
    const again = crypto.getRandomValues(new Uint32Array(1))[0];
    const place = look(`${ASIDE}${key}`) === null ? `${ASIDE}${key}` : `${ASIDE}${key}:${again}`;
    if (!write(place, text)) return;
    remove(key);
    this.dispatchEvent(new CustomEvent("aside"));
  }

  // An earlier version kept one list under the bare name.
  #adopt() {
    const text = look(this.#name);
    if (text === null) return;
    const list = read(this.#name);
    if (!Array.isArray(list) || !list.every(isRecord)) return this.#putAside(this.#name, text);
    this.add(list);
    remove(this.#name);
  }
}

// A browser that was killed forgot some of it. What another tab got delivered in this moment goes out once more, and is
// a duplicate for the server.
for (const [key, record] of await spare.all()) if (!parse(look(key))) write(key, record);

function parse(text) {
  try {
    const value = JSON.parse(text);
    return isRecord(value) ? value : null;
  } catch {
    return null;
  }
}
