// Marks what a search found in a line's text.

/** Wrap the characters [start, end) of each of ``words`` in <mark>, whatever elements the text of ``paragraph`` is in. */
export function markFound(paragraph, words) {
  if (!paragraph) return;
  const walker = document.createTreeWalker(paragraph, NodeFilter.SHOW_TEXT);
  const pieces = [];
  let at = 0;
  while (walker.nextNode()) {
    pieces.push({ node: walker.currentNode, start: at, end: at + walker.currentNode.length });
    at += walker.currentNode.length;
  }
  for (const { node, start, end } of pieces) {
    for (const word of [...words].reverse()) {
      if (word.start >= end || word.end <= start) continue;
      const range = document.createRange();
      range.setStart(node, Math.max(word.start - start, 0));
      range.setEnd(node, Math.min(word.end, end) - start);
      range.surroundContents(document.createElement("mark"));
    }
  }
}
