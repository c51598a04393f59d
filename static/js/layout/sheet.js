// The page's lines as this screen holds them: what the server has, what is chosen, and what is being drawn.
// Emits "lines" when the server's state was taken over, "chosen" when the choice changes, "mode" and "draft".

export class Sheet extends EventTarget {
  constructor(layout) {
    super();
    this.mode = "select"; // select · add · split · points · order
    this.chosen = []; // ids in reading order
    this.anchor = null; // where a stretch of chosen lines began
    this.at = null; // the line that was chosen last
    this.several = false;
    this.readOnly = true;
    this.draft = null; // {id, baseline, polygon}: a line that is being drawn anew
    this.drawing = []; // points of a line that is being added
    this.cross = null; // where the next of them would be set by keys
    this.cut = null; // {id, share, words}
    this.numbering = []; // ids in the order in which they were clicked
    this.point = null; // {ring: "baseline" | "polygon", index}
    this.take(layout, []);
  }

  emit(type, detail) { this.dispatchEvent(new CustomEvent(type, { detail })); }

  /** Take over what the server has; `touched` are the lines to choose. */
  take(layout, touched = []) {
    this.layout = layout;
    this.lines = layout.lines.map((line, i) => ({ ...line, number: i + 1 }));
    const here = new Set(this.lines.map((line) => line.id));
    if (this.draft && (this.draft.sent || !here.has(this.draft.id))) this.draft = null;
    const wanted = touched.filter((id) => here.has(id));
    this.chosen = wanted.length ? this.#inOrder(wanted) : this.#inOrder(this.chosen.filter((id) => here.has(id)));
    if (wanted.length) this.anchor = this.chosen[0];
    if (wanted.length || !here.has(this.at)) this.at = this.chosen.at(-1) ?? null;
    this.numbering = this.numbering.filter((id) => here.has(id));
    if (this.cut && !here.has(this.cut.id)) this.cut = null;
    this.emit("lines");
    this.emit("chosen", { reveal: wanted.length > 0 });
  }

  #inOrder(ids) {
    const wanted = new Set(ids);
    return this.lines.filter((line) => wanted.has(line.id)).map((line) => line.id);
  }

  byId(id) { return this.lines.find((line) => line.id === id) ?? null; }

  /** The one line that is chosen, as it is being drawn; null where none or several are. */
  get line() {
    if (this.chosen.length !== 1) return null;
    const line = this.byId(this.chosen[0]);
    return line && this.draft?.id === line.id ? { ...line, ...this.draft } : line;
  }

  get chosenLines() { return this.chosen.map((id) => this.byId(id)); }

  /** Choose a line; `add` keeps the others or takes this one out, `stretch` takes all from where the choice began. */
  choose(id, { add = false, stretch = false, reveal = true, focus = false } = {}) {
    if (stretch && this.anchor !== null && this.byId(this.anchor)) {
      const ends = [this.byId(this.anchor).number, this.byId(id).number].sort((a, b) => a - b);
      this.chosen = this.lines.filter((line) => line.number >= ends[0] && line.number <= ends[1]).map((line) => line.id);
    } else if (add || this.several) {
      this.chosen = this.chosen.includes(id) ? this.chosen.filter((each) => each !== id) : this.#inOrder([...this.chosen, id]);
      this.anchor = id;
    } else {
      this.chosen = [id];
      this.anchor = id;
    }
    this.at = id;
    this.emit("chosen", { reveal, focus });
  }

  chooseAll() {
    this.chosen = this.lines.map((line) => line.id);
    this.emit("chosen", { reveal: false });
  }

  chooseNone() {
    this.chosen = [];
    this.emit("chosen", { reveal: false });
  }

  /** Go to the line before or after the one that was chosen last. */
  step(by, { stretch = false } = {}) {
    if (!this.lines.length) return;
    const from = this.byId(this.at ?? this.chosen.at(-1))?.number;
    const to = from === undefined || !this.chosen.length ? (by > 0 ? 1 : this.lines.length) : Math.min(Math.max(from + by, 1), this.lines.length);
    const several = this.several;
    this.several = false;
    this.choose(this.lines[to - 1].id, { stretch, focus: true });
    this.several = several;
  }

  setMode(mode) {
    this.mode = mode;
    this.drawing = [];
    this.cross = null;
    this.numbering = [];
    this.cut = null;
    if (mode !== "points") this.point = null;
    this.emit("mode");
  }

  /** Draw the chosen line with other points, for the time being. */
  redraw(change) {
    const line = this.line;
    if (!line) return;
    this.draft = { id: line.id, baseline: line.baseline, polygon: line.polygon, ...change };
    this.emit("draft");
  }

  setReadOnly(readOnly) {
    this.readOnly = readOnly;
    this.emit("mode");
  }
}
