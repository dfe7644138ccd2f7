// Find one of many labels: word beginnings first, then anything inside; digits count what is in view.

const SHOWN = 9;

const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

// 0: the whole name · 1: the name begins so · 2: each typed word begins a word · 3: somewhere inside · none: Infinity
function distance(name, words, typed) {
  if (name === typed) return 0;
  if (name.startsWith(typed)) return 1;
  const parts = name.split(/[^\p{L}\p{N}]+/u);
  if (words.every((word) => parts.some((part) => part.startsWith(word)))) return 2;
  return words.every((word) => name.includes(word)) ? 3 : Infinity;
}

export class Finder {
  constructor(input, choices) {
    this.input = input;
    this.choices = [...choices].map((node, order) => ({
      node,
      order,
      kbd: node.querySelector("kbd"),
      name: plain(node.querySelector(".choice-name").firstChild.textContent.trim()),
    }));
    this.parent = this.choices[0].node.parentElement;
    this.none = input.parentElement.querySelector(".find-none");
    input.addEventListener("input", () => this.apply());
    this.apply();
  }

  apply() {
    const typed = plain(this.input.value.trim());
    const words = typed.split(/\s+/).filter(Boolean);
    const ranked = this.choices
      .map((choice) => ({ ...choice, rank: words.length ? distance(choice.name, words, typed) : 3 }))
      .sort((a, b) => a.rank - b.rank || (words.length ? a.name.length - b.name.length : 0) || a.order - b.order);
    this.hits = ranked.filter((choice) => choice.rank < Infinity);
    ranked.forEach(({ node, kbd, rank }, at) => {
      node.hidden = rank === Infinity;
      kbd.hidden = at >= SHOWN || rank === Infinity;
      kbd.textContent = String(at + 1);
      this.parent.append(node);
    });
    this.none.hidden = this.hits.length > 0;
  }

  // Whether a digit goes on with what was typed: names may hold digits, and then it searches instead of answering.
  continues(number) {
    const typed = plain(this.input.value).trimStart();
    if (!typed) return false;
    const words = `${typed}${number}`.split(/\s+/);
    return this.choices.some((choice) => distance(choice.name, words, `${typed}${number}`) < Infinity);
  }

  hit(number) {
    return number <= SHOWN ? this.hits[number - 1]?.node : undefined;
  }

  clear() {
    this.input.value = "";
    this.apply();
  }
}
