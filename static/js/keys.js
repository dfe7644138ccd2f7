// A key clicks the button that declares it in aria-keyshortcuts; nothing else is bound.
// A page that wants this adds the script in its «scripts» block, as the last: a key then finds the page ready. The label
// page has its own.

const typing = "input:not([type=checkbox], [type=radio], [type=button]), select, textarea, [contenteditable]";

document.addEventListener("keydown", (event) => {
  if (document.body.dataset.singleKeys === "off") return;
  if (event.repeat || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest(typing)) return;
  const open = document.querySelector("dialog[open]");
  const digit = /^(?:Digit|Numpad)(\d)$/.exec(event.code)?.[1];
  // Digits by their place on the keyboard, so that layouts that shift them work too; the rest by what they say.
  for (const key of [digit, event.key.length === 1 ? event.key.toLowerCase() : event.key]) {
    if (!key || key === " " || key === "Enter" || key === "Tab") continue;
    const target = (open ?? document).querySelector(`[aria-keyshortcuts~="${CSS.escape(key)}" i]:not(:disabled)`);
    if (!target) continue;
    event.preventDefault();
    target.click();
    return;
  }
});
