// The page as the editor holds it: lines with their text, what the server has of them, and where the reviewer is.
// Emits "line" (detail: the line) when one changes, "place" when the reviewer moves, "readonly" when that changes.

import { isUnsure, remark, wasUnsure } from "./words.js";

export class Page extends EventTarget {
  constructor(data, settings) {
    super();
    this.data = data;
    this.settings = settings;
    // saved: nothing to send · dirty: to be sent · conflict: the reviewer must choose · refused: the server will not
    const late = new Set(data.lateLines); // changed after the approval
    this.lines = data.lines.map((line) => ({ ...line, late: late.has(line.id), status: "saved", decisions: [], plain: {} }));
    this.line = this.lines.length ? 0 : -1;
    this.word = null;
    this.readOnly = true;
    this.read = new Set(); // lines that were read through, by id
    this.past = [];
    this.future = [];
  }

  get current() { return this.lines[this.line] ?? null; }
  get currentWord() { return this.current && this.word !== null ? this.current.words[this.word] ?? null : null; }
  get below() { return this.settings.markBelow; }
  byId(id) { return this.lines.find((line) => line.id === id); }
  emit(type, detail) { this.dispatchEvent(new CustomEvent(type, { detail })); }
  unsaved() { return this.lines.filter((line) => line.status !== "saved"); }

  setReadOnly(readOnly) {
    this.readOnly = readOnly;
    this.emit("readonly");
  }

  /** Go to a line, and to one of its words if `word` is a number. */
  go(line, word = null, options = {}) {
    if (line < 0 || line >= this.lines.length) return false;
    this.line = line;
    this.word = word;
    this.emit("place", options);
    return true;
  }

  /** All undecided doubtful words in reading order, as [line, word]. */
  unsure() {
    return this.lines.flatMap((line, i) => line.words.flatMap((word, j) => (isUnsure(word, this.below) ? [[i, j]] : [])));
  }

  /** {left, total, number}: `number` is the place of the current word among all doubtful ones, or null. */
  count() {
    const left = this.unsure();
    const all = this.lines.flatMap((line) => line.words).filter((word) => wasUnsure(word, this.below)).length;
    const at = left.findIndex(([line, word]) => line === this.line && word === this.word);
    const total = Math.max(all, left.length);
    return { left: left.length, total, number: at < 0 ? null : total - left.length + at + 1 };
  }

  /** The undecided doubtful word after (direction 1) or before (-1) the current place, round the end; false if none. */
  hop(direction) {
    const places = this.unsure();
    if (!places.length) return false;
    const here = [this.line, this.word ?? -0.5];
    const order = (a, b) => a[0] - b[0] || a[1] - b[1];
    const found = direction > 0
      ? places.find((place) => order(place, here) > 0) ?? places[0]
      : places.findLast((place) => order(place, here) < 0) ?? places.at(-1);
    return this.go(...found);
  }

  /** Change a line's text, or only decide about words of it. Returns false when nothing is to be sent. */
  change(line, text, decisions = [], { remember = true, force = false } = {}) {
    if (this.readOnly && !force) return false;
    const tidy = text.normalize("NFC").replace(/\s+/gu, " ").trim();
    if (tidy === line.text && !decisions.length) return false;
    if (tidy !== line.text && remember) {
      this.past.push({ id: line.id, before: line.text, after: tidy });
      this.future = [];
    }
    line.words = remark(line.words, tidy);
    line.text = tidy;
    const decided = new Set(decisions.map((decision) => decision.word));
    line.words = line.words.map((word) => (decided.has(word.index) ? { ...word, settled: true } : word));
    line.decisions.push(...decisions);
    if (line.status !== "conflict") line.status = "dirty";
    this.emit("line", line);
    return true;
  }

  undo() { return this.#step(this.past, this.future, "before"); }
  redo() { return this.#step(this.future, this.past, "after"); }

  #step(from, to, side) {
    const step = this.readOnly ? null : from.pop();
    if (!step) return null;
    to.push(step);
    const line = this.byId(step.id);
    this.change(line, step[side], [], { remember: false });
    this.go(this.lines.indexOf(line));
    return line;
  }

  /** The server's answer to a save of what was `sent`. */
  acknowledge(line, answer, sent) {
    const { revision } = line;
    line.revision = answer.revision;
    line.by = answer.by;
    line.byTitle = answer.byTitle;
    line.checks = answer.checks;
    if (this.data.state === "reviewed" && answer.revision > revision) line.late = true;
    line.decisions = line.decisions.slice(sent.decisions.length);
    if (line.text === sent.text && !line.decisions.length) {
      line.text = answer.text;
      line.words = answer.words;
      line.status = "saved";
    } else {
      line.status = "dirty";
    }
    this.emit("line", line);
  }
}
