// What the parts of the labelling page share: what the server told, its words, and a bus that they talk by.
//
// Events: «show» {item} an item was put on the stage · «record» {record, item} is about to be kept, parts may add to it ·
// «kept» {record, item} is in the outbox, the next item is shown · «undone» {items, records} · «restored»
// {record, former} what was said before a correction stands again · «empty» {told} ·
// «verdict» {verdict, record} · «answer» the server's answer.

export const desk = JSON.parse(document.getElementById("desk-data").textContent);
export const words = document.getElementById("words").dataset;
export const $ = (id) => document.getElementById(id);
export const form = $("answer");

const bus = new EventTarget();
export const on = (name, listener) => bus.addEventListener(name, (event) => listener(event.detail));
export const emit = (name, detail = {}) => bus.dispatchEvent(new CustomEvent(name, { detail }));

// The choices of the form, by label id.
export const choices = new Map([...form.querySelectorAll(".choice")].map((node) => [Number(node.dataset.label), node]));
export const labelName = (pk) => choices.get(pk)?.querySelector(".choice-name").firstChild.textContent.trim() ?? "";

// Browsers offer randomUUID only over HTTPS and on this machine itself.
export function uuid() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

// After the next frame is on the screen: for what may measure, and nobody waits for.
export const afterPaint = (act) => requestAnimationFrame(() => setTimeout(act));
