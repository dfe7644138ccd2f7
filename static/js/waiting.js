// Answers that wait on this device are sent from any page, and before somebody signs out.

import { announce } from "./page.js";
import { Outbox } from "./label/outbox.js";
import { projectsOf, waitingOf } from "./label/shelf.js";

const { user, answers } = document.getElementById("waiting").dataset;
const unsent = document.getElementById("unsent"); // on the page that signs out

const shelves = new Map(); // by project; each listens as long as the page lives

function shelfOf(project) {
  if (!shelves.has(project)) shelves.set(project, waitingOf(user, project));
  return shelves.get(project);
}

const count = () => projectsOf(user).reduce((sum, project) => sum + shelfOf(project).all().length, 0);

function send() {
  for (const project of projectsOf(user)) {
    const url = answers.replace("/0/", `/${project}/`);
    const outbox = new Outbox({ user: Number(user), project, url }, { ask: () => ({ want: 0, have: [] }) });
    shelves.set(project, outbox.shelf);
    outbox.addEventListener("state", ({ detail: { state } }) => show(state));
    outbox.addEventListener("refused", ({ detail: { message } }) => message && announce(message));
    outbox.flush();
  }
}

// The page that signs out says what waits, and when nothing does any more.
function show(state) {
  if (!unsent) return;
  const left = count();
  const { sending, stuck, sent } = unsent.dataset;
  const words = left ? (["sending", "saved"].includes(state) ? sending : stuck) : sent;
  unsent.hidden = false;
  unsent.classList.toggle("warning", left > 0);
  unsent.classList.toggle("success", left === 0);
  if (unsent.textContent !== words.replace("{n}", left)) unsent.textContent = words.replace("{n}", left);
}

// The labelling page sends by itself.
if (!document.getElementById("desk") && projectsOf(user).length) send();

document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-signs-out]") || !count()) return;
  event.preventDefault();
  location.assign(event.target.action);
});
