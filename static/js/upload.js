// Drop a file, see its name, and watch it go up. The form works without this.

function size(bytes) {
  const units = ["B", "kB", "MB", "GB"];
  let step = 0;
  while (bytes >= 1000 && step < units.length - 1) { bytes /= 1000; step += 1; }
  return `${bytes < 10 && step ? bytes.toFixed(1) : Math.round(bytes)} ${units[step]}`;
}

function name(input) {
  const words = input.closest("[data-drop]").querySelector("[data-words]");
  const file = input.files[0];
  if (!file) return;
  const strong = document.createElement("strong");
  strong.textContent = file.name;
  const small = document.createElement("span");
  small.className = "drop-hint";
  small.textContent = size(file.size);
  words.replaceChildren(strong, " ", small);
  input.closest("[data-drop]").classList.add("filled");
}

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-drop] input[type=file]")) name(event.target);
});

for (const [type, over] of [["dragenter", true], ["dragover", true], ["dragleave", false], ["drop", false]]) {
  document.addEventListener(type, (event) => {
    const zone = event.target.closest?.("[data-drop]");
    // A file that misses the field must not replace the page.
    if (event.dataTransfer?.types.includes("Files")) event.preventDefault();
    if (!zone) return;
    zone.classList.toggle("over", over);
    if (type !== "drop" || !event.dataTransfer.files.length) return;
    const input = zone.querySelector("input");
    input.files = event.dataTransfer.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  });
}

document.addEventListener("htmx:beforeRequest", (event) => {
  const form = event.target.closest?.("form[data-upload]");
  if (form?.querySelector("input[type=file]")?.files.length) form.querySelector("[data-progress]").hidden = false;
});

document.addEventListener("htmx:xhr:progress", (event) => {
  const form = event.target.closest?.("form[data-upload]");
  const { loaded, total, lengthComputable } = event.detail;
  if (!form || !lengthComputable || !total) return;
  const bar = form.querySelector("progress");
  const words = form.querySelector("[data-progress-words]");
  if (loaded < total) {
    bar.value = Math.round((100 * loaded) / total);
    words.textContent = `${size(loaded)} / ${size(total)}`;
  } else {
    bar.removeAttribute("value");
    words.textContent = bar.dataset.done;
  }
});

document.addEventListener("htmx:afterRequest", (event) => {
  const progress = event.target.closest?.("form[data-upload]")?.querySelector("[data-progress]");
  if (progress && !event.detail.successful) progress.hidden = true;
});
