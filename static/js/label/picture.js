// Looking at a picture: zoom, move, light; and what to do about one that does not load.

import { $, afterPaint, desk, on } from "./desk.js";
import { command } from "./keys.js";
import { say, sayQuietly } from "./stage.js";
import { Zoom } from "./zoom.js";

const STEP = 1.25;
const ARROW = 60; // pixels of the page
const words = $("viewing").dataset;
const tools = $("picture-tools");
const item = $("item");
let wheeled = 0;

const zoom = new Zoom(tell);

function tell() {
  if (!zoom.ready) return;
  $("zoom").textContent = `${zoom.percent} %`;
  tools.querySelector("[data-act=zoom_true]").setAttribute("aria-pressed", String(zoom.percent === 100));
}

// What the keys and the buttons do; false: there is no picture to do it with.
const acts = {
  zoom_in: (point) => aloud(zoom.by(STEP, point)),
  zoom_out: (point) => aloud(zoom.by(1 / STEP, point)),
  zoom_reset: () => aloud(zoom.reset()),
  zoom_true: (point) => aloud(zoom.toggle(point)),
};

function aloud(changed) {
  if (changed) sayQuietly(words.zoom.replace("{percent}", `${zoom.percent} %`));
  return zoom.ready;
}

function put() {
  const image = item.querySelector(".item-picture");
  zoom.put(image);
  if (!image) return;
  if (image.complete && image.naturalWidth) afterPaint(tell);
  else if (image.complete) failed(image);
  else waiting(image);
}

// A picture on its way, or one that did not come.

function sayInFrame(image, state, text, ...more) {
  const frame = image.parentElement;
  frame.dataset.state = state;
  frame.querySelector(".picture-words")?.remove();
  if (!text) return;
  const box = Object.assign(document.createElement("div"), { className: `picture-words ${state === "loading" ? "late" : ""}` });
  box.append(Object.assign(document.createElement("p"), { textContent: text }), ...more);
  frame.append(box);
}

function waiting(image) {
  sayInFrame(image, "loading", words.loading);
}

function failed(image) {
  const again = Object.assign(document.createElement("button"), { type: "button", className: "button", textContent: words.again });
  again.addEventListener("click", () => {
    retry(image);
    item.focus({ preventScroll: true });
  });
  sayInFrame(image, "failed", `${words.failed} ${words.remedy}`, again);
  say(`${words.failed} ${words.remedy}`);
}

function retry(image) {
  waiting(image);
  image.src = image.getAttribute("src");
}

const onStage = (image) => image.classList?.contains("item-picture") && item.contains(image);
item.addEventListener("error", ({ target }) => onStage(target) && failed(target), true);
item.addEventListener("load", ({ target }) => {
  if (!onStage(target)) return;
  sayInFrame(target, "shown", "");
  tell();
}, true);
addEventListener("online", () => {
  const image = item.querySelector('[data-state="failed"] .item-picture');
  if (image) retry(image);
});

// Wheel: nearer and farther at the cursor. Where it can go no farther, the page scrolls on.
const frameAt = (event) => (zoom.ready && event.target.closest?.(".picture") === zoom.frame ? zoom.frame : null);

item.addEventListener("wheel", (event) => {
  if (!frameAt(event) || !event.deltaY) return;
  const lines = [1, 16, 400][event.deltaMode];
  const changed = zoom.by(Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.002)), event);
  if (changed) wheeled = event.timeStamp;
  if (changed || event.ctrlKey || event.timeStamp - wheeled < 400) event.preventDefault();
}, { passive: false });

item.addEventListener("dblclick", (event) => frameAt(event) && acts.zoom_true(event));
item.addEventListener("dragstart", (event) => event.preventDefault());
item.addEventListener("mousedown", (event) => {
  if (event.button === 1 && frameAt(event)) event.preventDefault(); // The browser's own way to scroll.
});

// Fingers and mice: one moves, two pinch.
const fingers = new Map();

item.addEventListener("pointerdown", (event) => {
  const frame = frameAt(event);
  if (!frame || event.button > 1 || event.target.closest("button")) return;
  fingers.set(event.pointerId, event);
  if (!zoom.zoomed && fingers.size < 2) return;
  for (const id of fingers.keys()) frame.setPointerCapture(id);
  frame.dataset.held = "";
});

item.addEventListener("pointermove", (event) => {
  const before = fingers.get(event.pointerId);
  if (!before || !frameAt(event)) return;
  const other = [...fingers.values()].find(({ pointerId }) => pointerId !== event.pointerId);
  fingers.set(event.pointerId, event);
  if (!other) return void zoom.move(event.clientX - before.clientX, event.clientY - before.clientY);
  const middle = (one) => ({ clientX: (one.clientX + other.clientX) / 2, clientY: (one.clientY + other.clientY) / 2 });
  const apart = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
  zoom.by(apart(event) / Math.max(1, apart(before)), middle(before));
  zoom.move(middle(event).clientX - middle(before).clientX, middle(event).clientY - middle(before).clientY);
});

for (const end of ["pointerup", "pointercancel"]) {
  addEventListener(end, ({ pointerId }) => {
    fingers.delete(pointerId);
    if (!fingers.size && zoom.frame) delete zoom.frame.dataset.held;
  });
}

// Arrows move what is nearer than fits.
const ARROWS = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

item.addEventListener("keydown", (event) => {
  const way = ARROWS[event.key];
  if (!way || event.ctrlKey || event.metaKey || event.altKey) return;
  const far = event.shiftKey ? 4 * ARROW : ARROW;
  if (zoom.move(way[0] * far, way[1] * far)) event.preventDefault();
});

// Light: kept for this person while the tab lives, and never without a mark.
const LIGHT = `annotator-light:${desk.user}`;
const sliders = [$("brightness"), $("contrast")].filter(Boolean);

function light(values) {
  const [brightness, contrast] = values;
  const on = brightness !== 100 || contrast !== 100;
  item.style.setProperty("--light", on ? `brightness(${brightness}%) contrast(${contrast}%)` : "none");
  sliders.forEach((slider, at) => {
    slider.value = values[at];
    slider.parentElement.querySelector("output").textContent = `${values[at]} %`;
  });
  $("lit").hidden = !on;
  $("lit-words").textContent = words.light.replace("{brightness}", `${brightness} %`).replace("{contrast}", `${contrast} %`);
  try {
    if (on) sessionStorage.setItem(LIGHT, JSON.stringify(values));
    else sessionStorage.removeItem(LIGHT);
  } catch {
    // A browser that keeps nothing: it holds until the page is left.
  }
}

function keptLight() {
  try {
    const values = JSON.parse(sessionStorage.getItem(LIGHT));
    return Array.isArray(values) && values.length === 2 && values.every((value) => value >= 20 && value <= 300) ? values : [100, 100];
  } catch {
    return [100, 100];
  }
}

// One stop for Tab, arrows within.
function rove(event) {
  const stops = [...tools.querySelectorAll("button, summary")].filter((stop) => stop.offsetParent && !stop.closest(".menu-sheet"));
  const at = stops.indexOf(event.target);
  if (event.type === "keydown") {
    const forward = document.documentElement.dir === "rtl" ? "ArrowLeft" : "ArrowRight";
    const step = { Home: -at, End: stops.length - 1 - at, [forward]: 1 }[event.key] ?? (/^Arrow(Left|Right)$/.test(event.key) ? -1 : 0);
    if (at < 0 || !step) return;
    event.preventDefault();
    return stops[(at + step + stops.length) % stops.length].focus();
  }
  if (at >= 0) stops.forEach((stop, place) => { stop.tabIndex = place === at ? 0 : -1; });
}

function start() {
  for (const [name, act] of Object.entries(acts)) command(name, () => act());
  $("viewing").hidden = false;
  light(keptLight());
  for (const button of tools.querySelectorAll("[data-act]")) {
    const key = desk.keys[button.dataset.act];
    if (key) button.setAttribute("aria-keyshortcuts", key);
    const shown = button.querySelector("kbd");
    if (shown && key) Object.assign(shown, { hidden: false, textContent: key });
    button.addEventListener("click", () => acts[button.dataset.act]());
  }
  for (const slider of sliders) slider.addEventListener("input", () => light(sliders.map(({ value }) => Number(value))));
  for (const button of tools.querySelectorAll("[data-light-reset]")) {
    button.addEventListener("click", () => {
      light([100, 100]);
      (button.closest("details") ?? $("light")).querySelector("summary").focus();
    });
  }
  tools.addEventListener("keydown", rove);
  tools.addEventListener("focusin", rove);
  rove({ type: "focusin", target: tools.querySelector("[data-act]") });
  new ResizeObserver(() => zoom.settle()).observe(item);
  on("show", () => {
    $("light").open = false;
    put();
  });
}

start();
