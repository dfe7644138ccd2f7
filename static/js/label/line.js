// The way to the server: one outbox, the line that says how it stands, and answers that were not accepted.

import { announce } from "../page.js";
import { $, desk, emit, words } from "./desk.js";
import { away, whenBack } from "./clock.js";
import { Outbox } from "./outbox.js";

let holding = () => [];
// The stage says which items it holds: it is asked with every request.
export const holds = (items) => { holding = items; };

export const outbox = new Outbox(`annotator:${desk.user}:${desk.project}`, desk.work, {
  ask: () => ({ user: desk.user, want: desk.ahead + 1, have: holding() }),
  take(answer, sent) {
    for (const verdict of answer.verdicts) judged(verdict, sent.get(verdict.id));
    emit("answer", answer);
  },
});

outbox.addEventListener("state", ({ detail: { state, waiting } }) => {
  $("state").dataset.state = state;
  const text = !outbox.durable && waiting ? words.notkept : words[state];
  $("state-words").textContent = waiting && state !== "sending" ? `${text} ${waiting}` : text;
  $("state").querySelector("a")?.remove();
  if (state !== "signedout") return;
  const link = Object.assign(document.createElement("a"), { href: desk.signIn, target: "_blank", textContent: words.signin });
  $("state").append(link);
});

function judged(verdict, record) {
  emit("verdict", { verdict, record });
  if (verdict.status === "superseded") announce(verdict.message);
  if (verdict.status !== "rejected") return;
  const line = document.createElement("li");
  line.append(`${words.refused} ${verdict.message} `);
  if (record) line.append(Object.assign(document.createElement("a"), { href: `?item=${record.item}`, textContent: words.retry }));
  $("refused").append(line);
  $("refused").hidden = false;
  announce(verdict.message);
}

export function start() {
  const waiting = outbox.records.length;
  if (waiting) outbox.dispatchEvent(new CustomEvent("state", { detail: { state: "sending", waiting } }));
  if (waiting) outbox.flush();
  whenBack(() => outbox.flush());
  // Leases live on while somebody looks; news of the loop and items for idle hands come by the same way.
  setInterval(() => {
    if (!document.hidden && (!holding().length || !away())) outbox.flush();
  }, 5000);
}
