// Answers on their way: kept on this device until the server has answered for each id, and sent in order.
// The outbox belongs to a person and a project, not to the machine.

import { refusedOf, waitingOf } from "./shelf.js";
import { inTurn } from "./turns.js";

const PIECE = 20; // the server takes so many at once
const TIMEOUT = 10_000;
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 10_000; // with somebody before the page, who soon has nothing to do
const LONGEST_HIDDEN = 30_000;
const KNOCK = 5000; // how often we look whether somebody signed in again
const MOST_ALIVE = 30_000; // bytes: browsers finish so much after a page is gone
const DONE = new Set(["stored", "duplicate", "superseded"]);

// Events: «state» {state, waiting} · «refused» {record, message}
// States: saved, sending · offline: nobody answers · trouble: the server fails or is busy · signedout, another: nobody
// or somebody else is signed in · shut: this person does not find the project any more.
export class Outbox extends EventTarget {
  #url;
  #user;
  #exchange;
  #shelf;
  #refused;
  #condition = "fine";
  #pause = FIRST_PAUSE;
  #piece = PIECE;
  #timer = 0;
  #busy = false;
  #again = false;

  // exchange: { ask() → extra fields of a request, take(answer, sent) → what came back, about(record) → what of it is for
  // people, and is not sent }
  constructor({ user, project, url }, exchange) {
    super();
    this.#user = user;
    this.#url = url;
    this.#exchange = exchange;
    this.#shelf = waitingOf(user, project);
    this.#refused = refusedOf(user, project);
    this.#shelf.addEventListener("change", () => this.#changedElsewhere());
    for (const wake of ["online", "pageshow", "focus"]) addEventListener(wake, () => this.#wake());
    addEventListener("offline", () => this.#become("offline"));
    document.addEventListener("visibilitychange", () => document.hidden || this.#wake());
    addEventListener("pagehide", () => this.#last());
    addEventListener("beforeunload", (event) => {
      if (!this.durable) event.preventDefault();
    });
  }

  get records() {
    return this.#shelf.all();
  }

  // Whether what waits survives this page: a private window or a full disk keeps nothing.
  get durable() {
    return this.#shelf.durable && this.#refused.durable;
  }

  get refused() {
    return this.#refused;
  }

  get shelf() {
    return this.#shelf;
  }

  get state() {
    if (this.#condition !== "fine") return this.#condition;
    return this.records.length ? "sending" : "saved";
  }

  // Keep records before anything else happens; «flush» sends them.
  keep(records) {
    this.#shelf.add(records.map((record) => ({ ...record, about: this.#exchange.about?.(record) })));
    this.tell();
  }

  tell() {
    this.dispatchEvent(new CustomEvent("state", { detail: { state: this.state, waiting: this.records.length } }));
  }

  // Send what waits, and ask for more items; calls that come meanwhile lead to one more turn. After a failure it is tried
  // again by itself, a little later each time: only «now» does not wait for that.
  async flush(now = false) {
    if (this.#busy) {
      this.#again = true;
      return;
    }
    if (this.#timer && !now) return;
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#busy = true;
    try {
      // A turn for each piece, so that no tab waits for all of another's.
      do await inTurn(this.#shelf.name, () => this.#send());
      while (this.records.length);
    } catch (error) {
      this.#fail(error);
    }
    this.#busy = false;
    if (this.#again && !this.#timer) this.flush();
    this.#again = false;
  }

  async #send() {
    const records = this.#shelf.all().slice(0, this.#piece);
    let answer;
    try {
      answer = await this.#post({ submissions: records.map(plain), ...this.#exchange.ask() });
    } catch (error) {
      // Not one answer that cannot be read holds up the others: they go singly until it is found.
      if (error.unread === undefined) throw error;
      if (records.length > 1) return void (this.#piece = 1);
      if (!records.length) throw error;
      // Whoever refuses without a word may refuse everything: then it is not this answer's fault, and this fails, too.
      if (!error.unread) await this.#post({ submissions: [], want: 0, have: [] });
      answer = { verdicts: [{ id: records[0].id, status: "rejected", message: error.unread }] };
    }
    this.#settle(answer, new Map(records.map((record) => [record.id, record])));
    if (answer.held || answer.items) this.#exchange.take?.(answer, records);
  }

  // Forget nothing but what the server answered for; what it refused is kept for the person to look at.
  #settle(answer, sent) {
    const known = answer.verdicts.filter(({ id, status }) => sent.has(id) && (DONE.has(status) || status === "rejected"));
    if (sent.size && !known.length) throw new Error("the server answered for none of what was sent");
    for (const { id, status, message } of known) {
      if (status !== "rejected") continue;
      const record = { ...sent.get(id), message };
      this.#refused.drop(new Set([id]));
      this.#refused.add([record]);
      this.dispatchEvent(new CustomEvent("refused", { detail: { record, message } }));
    }
    this.#shelf.drop(new Set(known.map(({ id }) => id)));
    this.#pause = FIRST_PAUSE;
    if (!this.records.length) this.#piece = PIECE;
    this.#become("fine");
    for (const verdict of known) this.#exchange.judge?.(verdict, sent.get(verdict.id));
  }

  #fail(error) {
    this.#become(error.condition ?? "trouble");
    const longest = document.hidden ? LONGEST_HIDDEN : LONGEST_PAUSE;
    const knocks = ["signedout", "another", "shut"].includes(this.#condition);
    const pause = Math.max(knocks ? KNOCK : this.#pause, error.pause ?? 0);
    this.#timer = setTimeout(() => this.flush(true), pause * (0.75 + Math.random() / 2));
    this.#pause = Math.min(this.#pause * 2, longest);
  }

  #become(condition) {
    this.#condition = condition;
    this.tell();
  }

  #wake() {
    if (this.records.length || this.#condition !== "fine" || this.#exchange.idle?.()) this.flush(true);
  }

  // Another tab kept something or got it delivered: then it will work from here, too.
  #changedElsewhere() {
    this.tell();
    if (this.#condition !== "fine" && !this.records.length) this.flush(true);
  }

  async #post(body) {
    const text = JSON.stringify({ user: this.#user, ...body });
    let response;
    try {
      response = await fetch(this.#url, { ...request(text), signal: AbortSignal.timeout(TIMEOUT) });
    } catch (error) {
      throw failed(error.name === "TimeoutError" ? "trouble" : "offline");
    }
    if (response.ok) return response.json();
    throw await refusal(response);
  }

  // The page goes: send what waits once more, from the first on, since what is under way may not arrive. Nobody hears the
  // answer, so nothing is forgotten; the next page gets it.
  #last() {
    const records = this.#shelf.all().slice(0, PIECE);
    if (!records.length) return;
    const text = JSON.stringify({ user: this.#user, submissions: records.map(plain), want: 0, have: [] });
    const sent = request(text);
    if (sent.keepalive) fetch(this.#url, sent).catch(() => {});
  }
}

// What the server is told of a record.
function plain(record) {
  const { about, message, former, ...rest } = record;
  return rest;
}

function request(text) {
  return {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRFToken": csrf() },
    body: text,
    credentials: "same-origin",
    redirect: "manual", // a gate before the site sends to its own sign-in
    keepalive: new Blob([text]).size < MOST_ALIVE,
  };
}

function failed(condition, more = {}) {
  return Object.assign(new Error(condition), { condition, ...more });
}

async function refusal(response) {
  const told = await response.json().catch(() => ({}));
  if (response.type === "opaqueredirect") return failed("signedout");
  if ([401, 403, 419].includes(response.status)) return failed(told.signed_in ? "another" : "signedout");
  if (response.status === 404) return failed("shut");
  if ([400, 413, 422].includes(response.status)) return failed("trouble", { unread: told.message ?? "" });
  return failed("trouble", { pause: 1000 * Math.min(Number(response.headers.get("Retry-After")) || 0, 60) });
}

// Read at send time: it changes when somebody signs in again in another tab.
function csrf() {
  const cookie = document.cookie.split("; ").find((part) => part.startsWith("csrftoken="));
  return cookie?.slice("csrftoken=".length) ?? document.querySelector("[name=csrfmiddlewaretoken]")?.value ?? "";
}
