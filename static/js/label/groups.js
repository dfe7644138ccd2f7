// Groups among many labels: headings that fold, and buttons that narrow the list to one of them.

import { $, desk } from "./desk.js";

const KEY = `annotator:folded:${desk.user}:${desk.project}`;
const within = (path, group) => path === group || path.startsWith(`${group} / `);

function kept() {
  try {
    const paths = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return new Set(Array.isArray(paths) ? paths : []);
  } catch {
    return new Set();
  }
}

function button(text, count, extra = {}) {
  const node = Object.assign(document.createElement("button"), { type: "button", ...extra });
  const name = Object.assign(document.createElement("span"), { dir: "auto", textContent: text });
  node.append(name, Object.assign(document.createElement("small"), { textContent: count }));
  return node;
}

export function groups(finder) {
  const heads = [...finder.list.querySelectorAll(".group-head")];
  if (!heads.length) return { after() {}, reset() {} };
  const folded = kept();
  let only = "";
  const paths = finder.rows.map((row) => row.known.group ?? "");
  const count = (group) => paths.filter((path) => within(path, group)).length;

  function fold(path) {
    if (!folded.delete(path)) folded.add(path);
    try {
      localStorage.setItem(KEY, JSON.stringify([...folded]));
    } catch {
      // Folded in this page all the same.
    }
    const top = finder.list.scrollTop;
    finder.apply();
    finder.list.scrollTop = top;
  }

  for (const head of heads) {
    const toggle = button(head.textContent, count(head.dataset.group), { className: "group-fold" });
    toggle.addEventListener("click", () => fold(head.dataset.group));
    head.replaceChildren(toggle);
  }

  const chips = $("group-chips");
  const tops = heads.filter((head) => head.dataset.level === "1").map((head) => head.dataset.group);
  const all = [button(chips.dataset.all, finder.rows.length), ...tops.map((top) => button(top, count(top)))];
  all.forEach((node, at) => {
    node.className = "button small";
    node.addEventListener("click", () => {
      only = at && only !== tops[at - 1] ? tops[at - 1] : "";
      finder.apply();
    });
  });
  chips.append(...all);
  chips.hidden = tops.length < 2;

  finder.shows = ({ known: { group = "" } }, typed) => {
    if (only && !within(group, only)) return false;
    return Boolean(typed) || ![...folded].some((path) => within(group, path));
  };

  return {
    // What is found in other groups alone is shown: nobody should miss it for a button pressed before.
    after(typed, found) {
      if (typed && only && found.length && !finder.hits.length) {
        only = "";
        return finder.apply();
      }
      for (const head of heads) {
        const path = head.dataset.group;
        const under = [...folded].some((other) => other !== path && within(path, other));
        head.hidden = Boolean(typed) || under || Boolean(only && !within(path, only));
        head.firstElementChild.setAttribute("aria-expanded", String(!folded.has(path)));
      }
      all.forEach((node, at) => node.setAttribute("aria-pressed", String(at ? only === tops[at - 1] : !only)));
    },
    reset() { only = ""; },
  };
}
