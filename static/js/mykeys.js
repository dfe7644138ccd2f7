// My keys: pressing a key in a field makes it that command's. Without this the field takes one typed sign.

const form = document.getElementById("my-keys");
const fields = [...form.querySelectorAll(".key-field")];

function put(field, key) {
  field.value = key;
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

// Two commands with one key are told at once; where the server has said so already, once.
function compare() {
  const keys = fields.map((field) => field.value.trim().toLowerCase());
  fields.forEach((field, at) => {
    const row = field.closest(".my-key");
    const other = fields.find((one, place) => place !== at && keys[at] && keys[place] === keys[at]);
    const told = row.querySelector(".clash");
    const text = other && !row.querySelector(".errorlist") ? form.dataset.twice.replace("{name}", other.labels[0].textContent) : "";
    row.classList.toggle("twice", Boolean(other));
    told.hidden = !text;
    if (told.textContent !== text) told.textContent = text;
  });
}

// What the server said of a key holds no longer when it is another, nor of one that it clashed with.
function outdated(row) {
  for (const one of [row, ...form.querySelectorAll(".twice")]) {
    one.querySelector(".errorlist")?.remove();
    one.classList.remove("wrong");
  }
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
  outdated(event.target.closest(".my-key"));
  compare();
});
form.addEventListener("focusin", (event) => { if (event.target.matches(".key-field")) event.target.select(); });
compare();
