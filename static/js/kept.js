// What is written on a decision form and not yet stored stays in this tab: comments, skips and refusals lose nothing.

const form = document.querySelector("form[data-kept]");
const place = form && `decision:${form.dataset.kept}`;
const SENT = "decision:sent";
const fields = () => [...form.querySelectorAll("#note, #line")];
const boxes = () => [...document.querySelectorAll('input[type="checkbox"][name="seen"]')];

function keep() {
  const texts = Object.fromEntries(fields().map((field) => [field.id, field.value]));
  const out = boxes().filter((box) => !box.checked).map((box) => box.value);
  const empty = !out.length && Object.values(texts).every((text) => !text);
  if (empty) sessionStorage.removeItem(place);
  else sessionStorage.setItem(place, JSON.stringify({ texts, out }));
}

function restore() {
  const { texts, out } = JSON.parse(sessionStorage.getItem(place) ?? '{"texts": {}, "out": []}');
  for (const field of fields()) {
    if (field.value || !texts[field.id]) continue;
    field.value = texts[field.id];
    const folded = field.closest("details");
    if (folded) folded.open = true;
  }
  for (const box of boxes()) if (out.includes(box.value)) box.checked = false;
}

// A page that says what was decided just before follows only on a form that was stored.
const sent = sessionStorage.getItem(SENT);
if (sent && document.querySelector("#last, #together")) sessionStorage.removeItem(sent);
sessionStorage.removeItem(SENT);

if (form) {
  restore();
  keep();
  document.addEventListener("input", (event) => {
    if (event.target.matches('#note, #line, [name="seen"]')) keep();
  });
  form.addEventListener("submit", () => sessionStorage.setItem(SENT, place));
}
