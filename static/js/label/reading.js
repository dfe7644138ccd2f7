// Reading a text: as large and wide as the person likes, and never unaware that there is more of it.

import { $, afterPaint, desk, on } from "./desk.js";

const root = document.documentElement;
const item = $("item");
const tools = $("text-tools");

// What a person likes is said on the root of the page, and rendered there the next time. What the server has not
// heard yet waits on this device.
const UNSENT = `annotator-reading:${desk.user}`;
const NAMES = ["size", "width", "lines"];
const attribute = (name) => `text${name[0].toUpperCase()}${name.slice(1)}`;
const chosen = () => Object.fromEntries(NAMES.map((name) => [name, root.dataset[attribute(name)]]));

function show(values) {
  for (const name of NAMES) if (values[name]) root.dataset[attribute(name)] = values[name];
  for (const button of tools.querySelectorAll(".segmented button")) {
    button.setAttribute("aria-pressed", String(root.dataset[attribute(button.name)] === button.value));
  }
}

function unsent(values) {
  try {
    if (values === undefined) return JSON.parse(localStorage.getItem(UNSENT));
    if (values) localStorage.setItem(UNSENT, JSON.stringify(values));
    else localStorage.removeItem(UNSENT);
  } catch {
    // A browser that keeps nothing: it is told once, and else forgotten with the page.
  }
  return null;
}

async function send() {
  const values = unsent();
  if (!values || !navigator.onLine) return;
  const body = new URLSearchParams({ ...values, user: desk.user });
  const headers = { "X-CSRFToken": document.cookie.match(/(?:^|; )csrftoken=([^;]*)/)?.[1] ?? "" };
  try {
    const answer = await fetch(tools.dataset.keep, { method: "POST", body, headers, keepalive: true });
    const sent = JSON.stringify(values) === JSON.stringify(unsent());
    if (sent && (answer.ok || answer.status === 422)) unsent(null);
  } catch {
    // Nobody answers: it goes out with the next choice, or when the network is back.
  }
}

// More below: seen once the item is on the screen, for to measure before would keep it from getting there.
let more = false;

function measure() {
  const scrolls = item.scrollHeight > item.clientHeight + 1;
  more = scrolls && item.scrollTop + item.clientHeight < item.scrollHeight - 8;
  item.toggleAttribute("data-more", more);
  $("more").hidden = !more;
  $("whole").hidden = !scrolls && !("whole" in item.dataset);
  item.tabIndex = scrolls ? 0 : -1;
}

// The whole of a long text gets its place once its beginning is on the screen.
function lay() {
  item.dataset.laid = "";
  measure();
}

function page(down) {
  const far = 0.85 * item.clientHeight;
  item.scrollBy({ top: down ? far : -far });
}

// Whole or in a box: stays so from item to item.
function whole() {
  const all = item.toggleAttribute("data-whole");
  $("whole").setAttribute("aria-pressed", String(all));
  measure();
  item.focus({ preventScroll: true });
}

// From a button or the search, too, these scroll the text.
function keys(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
  if (!/^Page(Up|Down)$/.test(event.key) || event.target.closest("textarea, select, .menu-sheet, dialog, .scrolls")) return;
  if (event.target === item || item.contains(event.target) || item.scrollHeight <= item.clientHeight + 1) return;
  page(event.key === "PageDown");
  event.preventDefault();
}

function start() {
  $("viewing").hidden = false;
  show(unsent() ?? {});
  send();
  addEventListener("online", send);
  tools.addEventListener("click", ({ target }) => {
    const button = target.closest(".segmented button");
    if (!button) return;
    show({ [button.name]: button.value });
    unsent(chosen());
    send();
  });
  $("more").addEventListener("click", () => {
    page(true);
    item.focus({ preventScroll: true });
  });
  $("whole").addEventListener("click", whole);
  document.addEventListener("keydown", keys);
  item.addEventListener("scroll", () => afterPaint(measure), { passive: true });
  new ResizeObserver(() => afterPaint(measure)).observe(item);
  on("show", () => {
    $("reading").open = false;
    delete item.dataset.laid;
    afterPaint(lay);
  });
}

start();
