// What every page needs: menus that close, dialogs that open, words when a request fails, the theme.

const status = document.getElementById("status");
let fading;

// Say something to eyes and ears. The text goes away by itself, so that it can be said again.
export function announce(text) {
  clearTimeout(fading);
  status.textContent = "";
  requestAnimationFrame(() => { status.textContent = text; });
  fading = setTimeout(() => { status.textContent = ""; }, 6000);
}

// Where the navigation is wider than the window, show where one is.
document.querySelector(".site-nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
  const opener = event.target.closest("[data-dialog]");
  if (opener) document.getElementById(opener.dataset.dialog)?.showModal();
  if (event.target.closest("[data-close]")) event.target.closest("dialog")?.close();
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const leave = event.target.closest?.("form")?.querySelector("[data-escape]");
  if (leave && !event.isComposing) return leave.click();
  const menu = event.target.closest?.("details.menu[open]") ?? document.querySelector("details.menu[open]");
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});

// A form may leave limits to the server, but what a field cannot read never gets there: say so, where it is folded away too.
document.addEventListener("submit", (event) => {
  const unread = [...event.target.elements].find((field) => field.validity?.badInput);
  if (!unread) return;
  event.preventDefault();
  for (let box = unread.closest("details"); box; box = box.parentElement.closest("details")) box.open = true;
  unread.reportValidity();
});

// What scrolls must be reachable by key, too.
function reachable(within = document) {
  for (const box of within.querySelectorAll(".table-wrap, .split > aside, .stage-item, .scrolls, pre")) {
    const scrolls = box.scrollWidth > box.clientWidth + 1 || box.scrollHeight > box.clientHeight + 1;
    if (scrolls && !box.hasAttribute("tabindex")) box.tabIndex = 0;
  }
}
reachable();
document.addEventListener("htmx:afterSettle", () => reachable());

document.addEventListener("themechange", (event) => {
  const theme = event.detail.value;
  document.documentElement.dataset.theme = theme;
  for (const button of document.querySelectorAll('button[name="theme"]')) {
    button.setAttribute("aria-pressed", String(button.value === theme));
  }
});

document.addEventListener("htmx:sendError", () => announce(status.dataset.unreachable));
document.addEventListener("htmx:timeout", () => announce(status.dataset.unreachable));
document.addEventListener("htmx:responseError", (event) => {
  const code = event.detail.xhr.status;
  announce(code === 403 || code === 404 ? status.dataset.forbidden : status.dataset.failed);
});

// A session that ended answers a fragment with the sign-in page: go there instead of putting it into this page.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr } = event.detail;
  if (!xhr.responseURL || !/^\s*<!doctype/i.test(xhr.responseText.slice(0, 200))) return;
  if (event.detail.target === document.body) return;
  const away = xhr.responseURL.includes("/account/");
  // Somebody asks for a whole page to take a part of it.
  if (!away && event.detail.requestConfig.elt.hasAttribute("hx-select")) return;
  event.detail.shouldSwap = false;
  location.assign(xhr.status < 400 && away ? location.href : xhr.responseURL);
});
