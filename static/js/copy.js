// A button with data-copy puts the text of the field that it names on the clipboard.
import { announce } from "./page.js";

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const field = document.getElementById(button.dataset.copy);
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
    announce(button.dataset.copied);
  } catch {
    announce(button.dataset.byHand);
  }
});
