// Answers of this person that wait for other projects: told here, and sent from here to where they belong.

import { $, desk } from "./desk.js";
import { Outbox } from "./outbox.js";
import { projectsOf } from "./shelf.js";

const words = $("others").dataset;
const outboxes = new Map();

function open(project) {
  const url = desk.work.replace(`/${desk.project}/`, `/${project}/`);
  const outbox = new Outbox({ user: desk.user, project, url }, { ask: () => ({ want: 0, have: [] }) });
  outbox.addEventListener("state", draw);
  outbox.addEventListener("refused", draw);
  outbox.shelf.addEventListener("change", draw);
  outboxes.set(project, outbox);
  outbox.flush();
}

function look() {
  for (const project of projectsOf(desk.user)) {
    if (project !== desk.project && !outboxes.has(project)) open(project);
  }
  draw();
}

function draw() {
  const lines = [];
  for (const [project, outbox] of outboxes) {
    const [waiting, refused] = [outbox.records, outbox.refused.all()];
    if (waiting.length) lines.push(line(words.waiting, project, waiting));
    if (refused.length) lines.push(line(words.refused, project, refused));
  }
  $("others").replaceChildren(...lines);
  $("others").hidden = !lines.length;
}

function line(sentence, project, records) {
  const name = records.find((record) => record.about?.project)?.about.project ?? `#${project}`;
  const href = desk.label.replace(`/${desk.project}/`, `/${project}/`);
  const link = Object.assign(document.createElement("a"), { href, textContent: name, dir: "auto" });
  const [before, after] = sentence.replace("{n}", records.length).split("{project}");
  const made = document.createElement("li");
  made.append(before, link, after ?? "");
  return made;
}

look();
addEventListener("storage", look);
