// Words of a line and the marks on them. Pure functions; the server's review/marks.py has the last word after a save.

export const tokens = (text) => text.split(/\s+/u).filter(Boolean);

/** A word that the vote was unsure of and nobody has decided. */
export const isUnsure = (word, below) => !word.settled && word.confidence !== null && word.confidence < below;

/** A word that the vote was unsure of, decided or not. */
export const wasUnsure = (word, below) => word.voted !== null && word.voted < below;

const typed = (text, span = null) => ({
  text, index: null, confidence: null, voted: null, settled: true, span, passes: [], alternatives: [],
});

const inPlaceOf = (word, text) => ({
  ...word,
  text,
  confidence: null,
  settled: true,
  passes: word.alternatives.find((other) => other.text === text)?.passes ?? [],
  alternatives: [{ text: word.text, passes: word.passes }, ...word.alternatives].filter((other) => other.text !== text),
});

/** The marks of `words` carried over to `text`: what stands unchanged at both ends keeps them. */
export function remark(words, text) {
  const next = tokens(text);
  let head = 0;
  while (head < words.length && head < next.length && words[head].text === next[head]) head += 1;
  let tail = 0;
  while (
    tail < words.length - head && tail < next.length - head &&
    words[words.length - 1 - tail].text === next[next.length - 1 - tail]
  ) tail += 1;
  const old = words.slice(head, words.length - tail);
  const fresh = next.slice(head, next.length - tail);
  const middle = old.length === fresh.length
    ? fresh.map((token, i) => (old[i].text === token ? old[i] : inPlaceOf(old[i], token)))
    : fresh.map((token) => typed(token, union(old)));
  return [...words.slice(0, head), ...middle, ...words.slice(words.length - tail)];
}

function union(words) {
  const edges = words.flatMap((word) => word.span ?? []);
  return edges.length ? [Math.min(...edges), Math.max(...edges)] : null;
}

/** What to tell the server of words that a person typed in place of voted ones. */
export const typedDecisions = (before, after) => {
  const stood = new Map(before.filter((word) => word.index !== null).map((word) => [word.index, word.text]));
  return after
    .filter((word) => word.index !== null && stood.has(word.index) && stood.get(word.index) !== word.text)
    .map((word) => ({ word: word.index, kind: "typed", after: word.text }));
};

const UNCLEAR = "[?]";
export const ILLEGIBLE = "[…]";

/** The next step of the mark for doubt: word → word[?] → […] → the word again (`plain`). */
export function nextUnclear(text, plain) {
  if (text === ILLEGIBLE) return plain;
  return text.endsWith(UNCLEAR) ? ILLEGIBLE : text + UNCLEAR;
}
