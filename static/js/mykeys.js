// My keys: pressing a key in a field makes it that command's. Without this the field takes one typed sign.

const form = document.getElementById("my-keys");
const fields = [...form.querySelectorAll(".key-field")];

function put(field, key) {
  field.value = key;
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

// Two commands with one key are seen at once; the server says it in words.
function compare() {
  const keys = fields.map((field) => field.value.trim().toLowerCase());
  fields.forEach((field, at) => {
    const twice = keys[at] !== "" && keys.indexOf(keys[at]) !== keys.lastIndexOf(keys[at]);
    field.closest(".my-key").classList.toggle("twice", twice);
  });
}

form.addEventListener("keydown", (event) => {
  const field = event.target.closest(".key-field");
  if (!field || event.isComposing || event.keyCode === 229 || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Backspace" || event.key === "Delete") put(field, "");
  else if (event.key.length === 1 && event.key !== " ") put(field, event.key.toLowerCase());
  else return;
  event.preventDefault();
});

// Where a keyboard on glass names no keys, the last sign counts.
form.addEventListener("input", (event) => {
  if (!event.target.matches(".key-field")) return;
  const signs = [...event.target.value.trim()];
  if (signs.length > 1) event.target.value = signs.at(-1).toLowerCase();
  compare();
});
form.addEventListener("focusin", (event) => { if (event.target.matches(".key-field")) event.target.select(); });
compare();
