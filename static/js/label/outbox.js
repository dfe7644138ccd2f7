// Answers on their way: kept in this browser until the server has answered for each id.
// The outbox belongs to a person and a project, not to the machine.

const PIECE = 20; // the server takes so many at once
const TIMEOUT = 10_000;
const LONGEST_PAUSE = 30_000;

export class Outbox extends EventTarget {
  #key;
  #url;
  #exchange;
  #memory = null;
  #pause = 1000;
  #timer = 0;
  #busy = false;
  #again = false;

  // exchange: { ask() → extra fields of a request, take(answer, sent) → what came back }
  constructor(key, url, exchange) {
    super();
    this.#key = key;
    this.#url = url;
    this.#exchange = exchange;
    for (const wake of ["online", "pageshow"]) addEventListener(wake, () => this.flush());
    document.addEventListener("visibilitychange", () => document.hidden || this.flush());
    addEventListener("beforeunload", (event) => {
      if (this.#memory?.length) event.preventDefault();
    });
  }

  get records() {
    if (this.#memory) return this.#memory;
    try {
      return JSON.parse(localStorage.getItem(this.#key) ?? "[]");
    } catch {
      return [];
    }
  }

  // Whether the records survive this page: a private window or a full disk keeps nothing.
  get durable() {
    return this.#memory === null;
  }

  #write(records) {
    if (this.#memory) {
      this.#memory = records;
      return;
    }
    try {
      localStorage.setItem(this.#key, JSON.stringify(records));
    } catch {
      this.#memory = records;
    }
  }

  // Keep records before anything else happens; «flush» sends them.
  keep(records) {
    this.#write([...this.records, ...records]);
    this.#tell("sending");
  }

  #forget(ids) {
    this.#write(this.records.filter((record) => !ids.has(record.id)));
  }

  // Send what waits, and ask for more items; calls that come meanwhile lead to one more turn.
  async flush() {
    if (this.#busy) {
      this.#again = true;
      return;
    }
    this.#busy = true;
    clearTimeout(this.#timer);
    try {
      // Two tabs of one person take turns, so no record is sent by both.
      if (navigator.locks) await navigator.locks.request(this.#key, () => this.#send());
      else await this.#send();
      this.#pause = 1000;
    } catch (error) {
      this.#tell(error.signedOut ? "signedout" : "offline");
      this.#timer = setTimeout(() => this.flush(), this.#pause * (0.75 + Math.random() / 2));
      this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE);
      this.#again = false;
    }
    this.#busy = false;
    if (this.#again) {
      this.#again = false;
      this.flush();
    }
  }

  async #send() {
    do {
      const records = this.records.slice(0, PIECE);
      const answer = await this.#post({ submissions: records, ...this.#exchange.ask() });
      this.#forget(new Set(answer.verdicts.map((verdict) => verdict.id)));
      this.#exchange.take(answer, new Map(records.map((record) => [record.id, record])));
      this.#tell(this.records.length ? "sending" : "saved");
    } while (this.records.length);
  }

  async #post(body) {
    const response = await fetch(this.#url, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRFToken": csrf() },
      body: JSON.stringify(body),
      credentials: "same-origin",
      redirect: "error",
      signal: AbortSignal.timeout(TIMEOUT),
    });
    if (response.ok) return response.json();
    throw Object.assign(new Error(`answer ${response.status}`), {
      signedOut: [401, 403, 404].includes(response.status),
    });
  }

  #tell(state) {
    this.dispatchEvent(new CustomEvent("state", { detail: { state, waiting: this.records.length } }));
  }
}

// Read at send time: it changes when somebody signs in again in another tab.
function csrf() {
  const cookie = document.cookie.split("; ").find((part) => part.startsWith("csrftoken="));
  return cookie?.slice("csrftoken=".length) ?? document.querySelector("[name=csrfmiddlewaretoken]")?.value ?? "";
}
