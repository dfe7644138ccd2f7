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

fold();
if (form) requireNote();
