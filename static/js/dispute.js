// The decision form: find a label, require a note where nobody voted for the answer, and leave a field with Escape.
// Keys press what declares them in aria-keyshortcuts (keys.js); without this script the form works as it stands.

const form = document.getElementById("decision");
const others = document.getElementById("others");
const find = document.getElementById("find");
const note = document.getElementById("note");
const heading = document.getElementById("heading");
const choices = [...(others?.querySelectorAll(".choice") ?? [])];

// What nobody voted for needs a note: the browser then asks for it before anything is sent.
function requireNote() {
  const chosen = form.querySelector('input[name="choice"]:checked');
  const unsaid = chosen?.value === "both" && form.querySelector('input[name="accept"]:checked:not([data-voted])');
  note.required = Boolean(chosen) && (!("said" in chosen.dataset) || Boolean(unsaid));
}

// Arrows walk through the answers: only who means one is taken on to its boxes.
let byArrow = false;

form?.addEventListener("change", (event) => {
  if (event.target.name === "label") document.getElementById("other").checked = true;
  requireNote();
  if (event.target.value === "both" && !byArrow) form.querySelector('input[name="accept"]')?.focus();
  // Who has chosen may know what the model says.
  if (event.target.name === "choice") document.getElementById("model-open")?.click();
});

function show(words) {
  for (const choice of choices) choice.hidden = !words.every((word) => choice.dataset.name.includes(word));
}

if (find) {
  find.hidden = false;
  find.addEventListener("input", () => show(find.value.toLowerCase().split(/\s+/).filter(Boolean)));
  find.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    const left = choices.filter((choice) => !choice.hidden);
    const first = left.find((choice) => choice.dataset.name.startsWith(find.value.toLowerCase())) ?? left[0];
    if (!first) return;
    const input = first.querySelector("input");
    input.click();
    input.focus();
  });
}

// A browser cannot point at a field that is folded away: such fields take no part until they are unfolded.
function fold() {
  for (const input of others?.querySelectorAll("input") ?? []) input.disabled = !others.open && !input.checked;
}

// Opened by hand: the cursor is at once where one types, or on the first label.
others?.querySelector("summary").addEventListener("click", (event) => {
  event.preventDefault();
  others.open = !others.open;
  fold();
  if (others.open) (find ?? others.querySelector("input")).focus();
});

// What is unfolded to be filled in has the cursor at once: whoever types on must not press keys of the page.
for (const box of document.querySelectorAll(".gap-line, .ask-lead")) {
  box.querySelector("summary").addEventListener("click", (event) => {
    event.preventDefault();
    box.open = !box.open;
    if (box.open) box.querySelector("select, textarea").focus();
  });
}

// While several are acceptable, the letter of a vote ticks its label; the key would otherwise take that answer alone.
function tick(event) {
  byArrow = event.key.startsWith("Arrow");
  if (document.body.dataset.singleKeys === "off" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (!form?.querySelector('[name="choice"][value="both"]:checked') || document.querySelector("dialog[open]")) return;
  if (event.repeat || event.target.closest("input[type=search], select, textarea") || event.key.length > 1) return;
  const vote = form.querySelector(`.vote input[aria-keyshortcuts="${CSS.escape(event.key.toLowerCase())}"]`);
  const box = vote && form.querySelector(`[name="accept"][value="${CSS.escape(vote.value.replace("labels:", ""))}"]`);
  if (!box) return;
  event.preventDefault();
  event.stopPropagation();
  box.click();
  box.focus();
}

document.addEventListener("keydown", tick, { capture: true });

const places = { w: note, q: document.getElementById("remark") };

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && event.target.closest("main :is(textarea, select, input[type=search])")) {
    event.preventDefault();
    heading.focus();
    return;
  }
  if (document.body.dataset.singleKeys === "off" || event.ctrlKey || event.metaKey || event.altKey) return;
  const place = places[event.key];
  if (!place || event.target.closest("input[type=search], select, textarea, dialog[open]")) return;
  event.preventDefault();
  place.focus();
});

// How many a decision on several is for: what is ticked, and what is not shown.
function count() {
  const number = document.querySelectorAll('input[name="seen"]:is([type="hidden"], :checked)').length;
  for (const place of document.querySelectorAll(".how-many")) place.textContent = number.toLocaleString();
}

document.addEventListener("change", (event) => {
  if (event.target.name === "seen") count();
});

fold();
if (document.querySelector(".how-many")) count();
if (form) requireNote();
