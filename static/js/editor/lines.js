// The text: one row a line, words marked by how sure the vote was, a field where the reviewer types.

import { make } from "./element.js";
import { makePalette } from "./palette.js";
import { isUnsure, tokens, typedDecisions, remark } from "./words.js";

const VERY_UNSURE = 0.4; // below it the underline is a wave

export class Lines {
  /**
   * `list` is the <ol>; `say` announces; `t` fills the wording; `act` holds take, confirm, why, conflict, and of comments
   * mark, which makes what a line shows of them, and talk, which opens them.
   */
  constructor(list, page, { say, t, act, drafts }) {
    Object.assign(this, { list, page, say, t, act, drafts });
    this.field = null;
    this.rows = page.lines.map((line, i) => this.#row(line, i));
    list.replaceChildren(...this.rows);
    page.addEventListener("line", ({ detail: line }) => this.#draw(page.lines.indexOf(line)));
    page.addEventListener("talk", ({ detail: line }) => this.#status(this.rows[page.lines.indexOf(line)], line));
    page.addEventListener("place", ({ detail }) => this.#move(detail ?? {}));
    page.addEventListener("readonly", () => this.redraw());
    list.addEventListener("click", (event) => this.#click(event));
  }

  redraw() { this.rows.forEach((_, i) => this.#draw(i)); }

  #row(line, i) {
    const row = make("li", { className: "line", dataset: { index: i, line: line.id } });
    this.#fill(row, line, i);
    return row;
  }

  #draw(i) {
    if (this.field?.line !== i) this.#fill(this.rows[i], this.page.lines[i], i);
    else this.#status(this.rows[i], this.page.lines[i]);
  }

  #fill(row, line, i) {
    const here = i === this.page.line;
    const hadFocus = row.contains(document.activeElement);
    const number = make("button", {
      type: "button", className: "line-number", tabIndex: -1, textContent: line.position,
      ariaLabel: this.t("line", { position: line.position }),
    });
    const text = make("div", { className: "line-text", dir: "auto" });
    line.words.forEach((word, j) => {
      if (j) text.append(" ");
      text.append(this.#word(word, j, here));
    });
    if (!line.words.length) text.append(make("button", { type: "button", className: "no-text", tabIndex: -1, textContent: this.t("emptyLine"), dataset: { edit: "" } }));
    const note = make("span", { className: "line-note" });
    row.replaceChildren(number, text, note);
    for (const said of line.checks ?? []) row.append(make("p", { className: "line-check", textContent: said }));
    this.#status(row, line);
    row.classList.toggle("line-current", here);
    if (here) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
    if (here && this.page.currentWord) row.append(...this.#alternatives());
    if (hadFocus) this.#focusWord();
  }

  #status(row, line) {
    const note = row.querySelector(".line-note");
    row.dataset.status = line.status;
    const words = { conflict: this.t("conflict"), refused: this.t("notSaved"), dirty: this.page.readOnly ? this.t("notSaved") : "", saved: "" };
    note.replaceChildren();
    if (line.status === "conflict") {
      note.append(make("button", { type: "button", className: "button button-small button-danger", textContent: words.conflict, dataset: { conflict: line.id } }));
    } else if (words[line.status]) {
      note.textContent = words[line.status];
    } else if (line.by) {
      note.append(make("span", { className: "line-by", title: line.byTitle, textContent: this.t("by", { name: line.by }) }));
    }
    if (line.late && line.status === "saved") note.append(make("span", { className: "line-late", textContent: ` · ${this.t("late")}` }));
    const mark = this.act.mark(line);
    if (mark) note.append(mark);
  }

  #word(word, j, here) {
    const unsure = isUnsure(word, this.page.below);
    const current = here && j === this.page.word;
    const button = make("button", {
      type: "button", className: "word", tabIndex: current ? 0 : -1, textContent: word.text, dataset: { word: j },
    });
    if (unsure) {
      button.classList.add(word.confidence < VERY_UNSURE ? "word-low" : "word-doubt");
      button.style.setProperty("--doubt", (1 - word.confidence / this.page.below).toFixed(2));
      button.setAttribute("aria-label", this.t("unsureWord", { word: word.text }));
    } else if (word.voted !== null && word.voted < this.page.below) {
      button.classList.add("word-settled");
    }
    if (current) {
      button.classList.add("word-current");
      button.setAttribute("aria-current", "true");
    }
    return button;
  }

  /** Who read a word so. `otherwise` says what it is when no pass did. */
  #passes(passes, otherwise = "noPasses") {
    if (passes.includes("vocabulary")) return this.t("vocabulary");
    if (!passes.length) return this.t(otherwise);
    const names = passes.map((name) => name.split("+")[0]).join(", ");
    return `${this.t("passes", { count: passes.length, total: Math.max(this.page.data.passes, passes.length) })} (${names})`;
  }

  #alternatives() {
    const word = this.page.currentWord;
    const unsure = isUnsure(word, this.page.below);
    if (this.page.readOnly || (!unsure && !word.alternatives.length)) return [];
    const choice = (key, text, note, dataset, extra = "") => make("li", {},
      make("button", { type: "button", className: "choice", tabIndex: -1, dataset },
        make("kbd", { textContent: key }), make("span", { className: `choice-text ${extra}`, dir: "auto", textContent: text }),
        make("span", { className: "choice-note", textContent: note })));
    const list = make("ol", { className: "choices" });
    list.setAttribute("role", "list");
    if (unsure) list.append(choice("0", word.text, `${this.t("asRead")} · ${this.#passes(word.passes, "composed")}`, { confirm: "" }));
    word.alternatives.slice(0, 9).forEach((other, k) => {
      list.append(choice(k + 1, other.text || this.t("nothing"), this.#passes(other.passes), { take: k }));
    });
    list.append(choice("e", this.t("edit"), "", { edit: "" }, "choice-verb"));
    if (word.index !== null) list.append(choice("w", this.t("why"), "", { why: "" }, "choice-verb"));
    return [list];
  }

  /** What a screen reader hears at the current place. */
  announce() {
    const { current: line, currentWord: word } = this.page;
    if (!line) return;
    const { number, total } = this.page.count();
    if (!word || number === null) {
      this.say(this.t("announceLine", { position: line.position, text: line.text || this.t("emptyLine") }));
      return;
    }
    const others = word.alternatives.slice(0, 9).map((other, k) =>
      this.t("announceAlternative", { key: k + 1, text: other.text || this.t("nothing"), passes: this.#passes(other.passes) }));
    this.say([this.t("announceWord", { number, total, position: line.position, word: word.text }), ...others].join(" "));
  }

  #move({ focus = true } = {}) {
    this.rows.forEach((row, i) => {
      if (i === this.page.line || row.classList.contains("line-current")) this.#draw(i);
    });
    const row = this.rows[this.page.line];
    if (!row) return;
    this.#reveal(row);
    if (focus && !this.field) this.#focusWord();
    this.announce();
  }

  /** Scroll the pane, never the window, so that the row stands clear of its edges. */
  #reveal(row) {
    const [top, bottom] = [row.offsetTop, row.offsetTop + row.offsetHeight];
    const margin = Math.min(96, this.list.clientHeight / 4);
    if (top < this.list.scrollTop + margin) this.list.scrollTop = top - margin;
    else if (bottom > this.list.scrollTop + this.list.clientHeight - margin) this.list.scrollTop = bottom + margin - this.list.clientHeight;
  }

  #focusWord() {
    const row = this.rows[this.page.line];
    (row?.querySelector(".word-current") ?? this.list).focus({ preventScroll: true });
  }

  #click(event) {
    const target = event.target;
    const row = target.closest(".line");
    if (!row || target.closest(".line-typing")) return;
    const i = Number(row.dataset.index);
    const choice = target.closest(".choice");
    if (target.closest("[data-conflict]")) this.act.conflict(this.page.lines[i]);
    else if (target.closest("[data-talk]")) this.act.talk(this.page.lines[i]);
    else if (choice && "take" in choice.dataset) this.act.take(Number(choice.dataset.take));
    else if (choice && "confirm" in choice.dataset) this.act.confirm();
    else if (choice && "why" in choice.dataset) this.act.why();
    else if (target.closest("[data-edit]")) this.edit(i, this.page.line === i ? this.page.word : null);
    else if (target.closest(".word-current")) this.edit(i, this.page.word);
    else if (target.closest(".word")) this.page.go(i, Number(target.closest(".word").dataset.word));
    else this.page.go(i, null);
  }

  /** Open a text field on a line, with one of its words selected if given. */
  edit(i = this.page.line, word = this.page.word) {
    const line = this.page.lines[i];
    if (!line || this.page.readOnly) return;
    if (this.field) this.commit();
    if (i !== this.page.line) this.page.go(i, word, { focus: false });
    const row = this.rows[i];
    const area = make("textarea", {
      className: "line-field", dir: "auto", rows: 1, value: line.text, spellcheck: false, autocapitalize: "off", autocomplete: "off",
      ariaLabel: this.t("editLine", { position: line.position }),
    });
    this.field = { line: i, area, from: line.text };
    const typing = make("div", { className: "line-typing" }, area, makePalette(area, this.page.data.palette, this.t("palette")));
    row.querySelector(".line-text").replaceChildren(typing);
    row.querySelector(".choices")?.remove();
    row.classList.add("line-editing");
    const grow = () => { area.style.height = "auto"; area.style.height = `${area.scrollHeight}px`; };
    area.addEventListener("input", () => {
      grow();
      this.drafts.keep(line, area.value);
    });
    typing.addEventListener("focusout", ({ relatedTarget }) => {
      if (this.field?.area === area && !typing.contains(relatedTarget)) this.commit();
    });
    area.focus({ preventScroll: true });
    grow();
    this.#reveal(row);
    if (word === null || !line.words[word]) area.setSelectionRange(area.value.length, area.value.length);
    else {
      const before = tokens(line.text).slice(0, word).join(" ");
      const start = before.length + (before ? 1 : 0);
      area.setSelectionRange(start, start + line.words[word].text.length);
    }
  }

  /** Close the field and keep its text. `read`: the whole line was read, so its other words are decided too. */
  commit({ read = false } = {}) {
    if (!this.field) return;
    const { line: i, area } = this.field;
    this.field = null;
    const line = this.page.lines[i];
    const text = area.value.normalize("NFC").replace(/\s+/gu, " ").trim();
    const after = remark(line.words, text);
    const decisions = typedDecisions(line.words, after);
    if (read) {
      const typed = new Set(decisions.map((decision) => decision.word));
      decisions.push(...readDecisions(after, this.page.below).filter((decision) => !typed.has(decision.word)));
    }
    this.rows[i].classList.remove("line-editing");
    const sent = this.page.change(line, text, decisions);
    if (!sent && line.status === "saved") this.drafts.drop(line);
    if (!sent) this.#draw(i);
    if (this.page.word !== null && !line.words[this.page.word]) this.page.word = null;
    this.#draw(i);
  }

  /** Close the field and forget what was typed in it. */
  restore() {
    if (!this.field) return;
    const { line: i } = this.field;
    const line = this.page.lines[i];
    this.field = null;
    this.rows[i].classList.remove("line-editing");
    if (line.status === "saved") this.drafts.drop(line);
    else this.drafts.keep(line);
    this.#draw(i);
    this.#focusWord();
  }
}

/** The doubtful words of a line that was read through as a whole. */
export const readDecisions = (words, below) =>
  words.filter((word) => word.index !== null && isUnsure(word, below))
    .map((word) => ({ word: word.index, kind: "read", after: word.text }));
