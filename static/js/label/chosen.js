// Several labels among many: what is on stands above the list, each with a way to take it off.

import { $, choices, labelName } from "./desk.js";

export function chosen(finder, changed) {
  const box = $("chosen");
  if (!box) return { mark() {} };

  function off(pk, at) {
    choices.get(pk).querySelector("input").checked = false;
    changed();
    // Whoever works by keys goes on beside what has gone.
    (box.querySelectorAll("button")[Math.min(at, box.querySelectorAll("button").length - 1)] ?? finder.input).focus({ preventScroll: true });
  }

  box.addEventListener("keydown", (event) => {
    if (event.key !== "Delete" && event.key !== "Backspace") return;
    event.preventDefault();
    event.target.closest("button")?.click();
  });

  return {
    mark() {
      const on = finder.rows.filter((row) => row.node.querySelector("input").checked);
      const lines = on.map(({ node, name }, at) => {
        const pk = Number(node.dataset.label);
        const hue = [...node.classList].find((one) => one.startsWith("hue-")) ?? "";
        const button = Object.assign(document.createElement("button"), { type: "button", className: `chip ${hue}` });
        button.append(Object.assign(document.createElement("span"), { dir: "auto", textContent: labelName(pk) }));
        button.setAttribute("aria-label", `${box.dataset.off} ${name}`);
        button.addEventListener("click", () => off(pk, at));
        const line = document.createElement("li");
        line.append(button);
        return line;
      });
      box.replaceChildren(...lines);
      $("chosen-none").hidden = lines.length > 0;
    },
  };
}
