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
  note.required = Boolean(chosen) && !("said" in chosen.dataset);
}

form?.addEventListener("change", (event) => {
  if (event.target.name === "label") document.getElementById("other").checked = true;
  requireNote();
});

function show(words) {
  for (const choice of choices) {
    const hit = words.every((word) => choice.dataset.name.includes(word));
    choice.hidden = !hit;
  }
}

if (find) {
  find.hidden = false;
  find.addEventListener("input", () => show(find.value.toLowerCase().split(/\s+/).filter(Boolean)));
  find.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    const first = choices.find((choice) => !choice.hidden);
    if (!first) return;
    const input = first.querySelector("input");
    input.click();
    input.focus();
  });
}

// Opened by hand: the cursor goes where one types, or to the first label.
others?.querySelector("summary").addEventListener("click", () => {
  requestAnimationFrame(() => {
    if (others.open) (find ?? others.querySelector("input")).focus();
  });
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && event.target.closest("#decision textarea, #decision input[type=search]")) {
    event.preventDefault();
    heading.focus();
    return;
  }
  if (document.body.dataset.singleKeys === "off" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key !== "w" || !note || event.target.closest("input[type=search], textarea, dialog[open]")) return;
  event.preventDefault();
  note.focus();
});

if (form) requireNote();
