// How well a label answers to what was typed. No page in here: the same for any list of labels.
//
// Names come first: the whole name (0), its beginning (1), beginnings of words as typed (2) or in any order (3), anything
// inside (4). Then other words for it (5), its groups (6), its description (7). Shorter names first among equals.

const INSIDE = 4;
const NEVER = Infinity;

const LETTERS = { ß: "ss", ẞ: "ss", æ: "ae", Æ: "ae", œ: "oe", Œ: "oe", ø: "o", Ø: "o", ł: "l", Ł: "l", đ: "d", Đ: "d", ð: "d", Ð: "d", þ: "th", Þ: "th", ı: "i", "\u0640": "" };
// Where something begins: words, humps (cardArrival), numbers, and each sign of scripts that write no blanks.
const BEGINNING = /(?<![\p{L}\p{N}])[\p{L}\p{N}]|(?<=\p{Ll})\p{Lu}|(?<=\p{L})\p{N}|(?<=\p{N})\p{L}|[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/gu;

// One spelling for what people type alike: without accents and points, blanks for underscores.
const unmarked = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").replace(/[ßẞæÆœŒøØłŁđĐðÐþÞı\u0640]/g, (letter) => LETTERS[letter]);
export const plain = (text) => unmarked(text).toLowerCase().replace(/[\s_]+/g, " ").trim();

function field(text) {
  const spaced = unmarked(text).replace(/[\s_]+/g, " ").trim();
  const lower = spaced.toLowerCase();
  return { text: lower, starts: [...spaced.matchAll(BEGINNING)].map((found) => found.index), solid: lower.replace(/[^\p{L}\p{N}]+/gu, "") };
}

// What is looked at of one label.
export function entry(name, { group = "", synonyms = [], description = "" } = {}) {
  return { name: field(name), synonyms: synonyms.map(field), groups: group ? group.split(" / ").map(field) : [], description: field(description) };
}

const begins = ({ text, starts }, word) => starts.some((at) => text.startsWith(word, at));

function inOrder({ text, starts }, words) {
  let next = 0;
  return words.every((word) => {
    const at = starts.find((start) => start >= next && text.startsWith(word, start));
    next = (at ?? 0) + 1;
    return at !== undefined;
  });
}

function ofName(name, words, typed) {
  if (name.text === typed) return 0;
  if (name.text.startsWith(typed)) return 1;
  if (inOrder(name, words)) return 2;
  if (words.every((word) => begins(name, word))) return 3;
  const solid = words.join("");
  return words.every((word) => name.text.includes(word)) || (solid.length > 1 && name.solid.includes(solid)) ? INSIDE : NEVER;
}

// How far one word is from a label, wherever it stands.
function ofWord(label, word) {
  if (begins(label.name, word)) return 3;
  if (label.synonyms.some((synonym) => begins(synonym, word) || synonym.text.includes(word))) return 5;
  if (label.groups.some((group) => begins(group, word))) return 6;
  return begins(label.description, word) ? 7 : NEVER;
}

export function level(label, typed) {
  const words = typed.split(" ");
  const name = ofName(label.name, words, typed);
  if (name <= INSIDE) return name;
  return Math.max(5, ...words.map((word) => ofWord(label, word)));
}

// The labels that answer to what was typed, best first: [{ at, level }] with places in the list that was given.
export function search(labels, typed) {
  const wanted = plain(typed);
  return labels
    .map((label, at) => ({ at, level: wanted ? level(label, wanted) : INSIDE }))
    .filter((hit) => hit.level < NEVER)
    .sort((a, b) => a.level - b.level || (wanted ? labels[a.at].name.text.length - labels[b.at].name.text.length : 0) || a.at - b.at);
}

// Whether a sign goes on with a name: it then belongs to the search, be it a digit or not.
export function continues(labels, typed, sign) {
  if (!typed) return false;
  const wanted = plain(`${typed}${sign}`);
  const words = wanted.split(" ");
  const fits = (known) => ofName(known, words, wanted) < INSIDE;
  return labels.some((label) => fits(label.name) || label.synonyms.some(fits));
}
