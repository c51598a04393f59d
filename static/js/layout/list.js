// The lines in reading order, as a list: chosen by click or keys, moved by their grip. Emits "order" with ids, "pick".

export class List extends EventTarget {
  constructor(element, sheet, { t }) {
    super();
    Object.assign(this, { element, sheet, t });
    this.rows = new Map();
    sheet.addEventListener("lines", () => this.#build());
    sheet.addEventListener("chosen", ({ detail }) => this.#mark(detail));
    sheet.addEventListener("mode", () => this.#mark({}));
    element.addEventListener("click", (event) => {
      const row = event.target.closest("[data-line]");
      if (!row || this.moved) return;
      this.dispatchEvent(new CustomEvent("pick", { detail: { line: sheet.byId(Number(row.dataset.line)), event } }));
    });
    element.addEventListener("pointerdown", (event) => {
      const grip = event.target.closest(".grip");
      if (grip && event.button === 0 && !sheet.readOnly) this.#drag(event, grip);
    });
    this.#build();
    this.#mark({});
  }

  #build() {
    const focused = this.element.contains(document.activeElement);
    const rows = this.sheet.lines.map((line) => this.#row(line));
    this.rows = new Map(rows.map((row) => [Number(row.dataset.line), row]));
    const scrolled = this.element.scrollTop;
    this.element.replaceChildren(...rows);
    this.element.scrollTop = scrolled;
    this.element.hidden = !rows.length;
    this.refocus = focused;
  }

  #row(line) {
    const row = document.createElement("li");
    row.setAttribute("role", "option");
    row.className = "layout-line";
    row.dataset.line = line.id;
    const part = (name, text) => {
      const element = document.createElement("span");
      element.className = name;
      element.textContent = text;
      row.append(element);
      return element;
    };
    part("layout-number num", line.number);
    const text = part(line.text ? "layout-text" : "layout-text faint", line.text || this.t("noText"));
    text.dir = "auto";
    const notes = [];
    if (line.kind !== "text" && line.kind !== "paragraph") notes.push(["tag", this.t(`kind:${line.kind}`)]);
    if (line.production) notes.push(["tag", this.t(`production:${line.production}`)]);
    if (line.typed) notes.push(["tag tag-typed", this.t("typed", { name: line.by })]);
    if (line.waits) notes.push(["tag tag-waits", this.t("waits")]);
    const holder = part("layout-notes", "");
    for (const [name, words] of notes) {
      const note = document.createElement("span");
      note.className = name;
      note.textContent = words;
      holder.append(note, " ");
    }
    const grip = part("grip", "⠿");
    grip.setAttribute("aria-hidden", "true");
    return row;
  }

  #mark({ reveal = false, focus = false }) {
    const chosen = new Set(this.sheet.chosen);
    const order = this.sheet.mode === "order";
    const at = chosen.has(this.sheet.at) ? this.sheet.at : this.sheet.chosen.at(-1) ?? this.sheet.lines[0]?.id;
    for (const [id, row] of this.rows) {
      const place = this.sheet.numbering.indexOf(id);
      row.setAttribute("aria-selected", String(chosen.has(id)));
      row.tabIndex = id === at ? 0 : -1;
      row.querySelector(".layout-number").textContent = order ? (place >= 0 ? place + 1 : "·") : this.sheet.byId(id).number;
    }
    const row = this.rows.get(at);
    if (row && (focus || this.refocus)) row.focus({ preventScroll: true });
    this.refocus = false;
    if (row && (reveal || focus)) row.scrollIntoView({ block: "nearest" });
  }

  focus() { (this.element.querySelector('[tabindex="0"]') ?? this.element).focus(); }

  /** Drag the chosen lines, or the one that is gripped, to another place. */
  #drag(event, grip) {
    event.preventDefault();
    const id = Number(grip.closest("[data-line]").dataset.line);
    const moving = this.sheet.chosen.includes(id) ? this.sheet.chosen : [id];
    const rest = this.sheet.lines.map((line) => line.id).filter((each) => !moving.includes(each));
    let before = null; // the id that the lines would stand before; undefined: at the end
    grip.setPointerCapture(event.pointerId);
    for (const each of moving) this.rows.get(each).classList.add("moving");
    const move = (motion) => {
      const list = this.element.getBoundingClientRect();
      if (motion.clientY < list.top + 24) this.element.scrollTop -= 12;
      if (motion.clientY > list.bottom - 24) this.element.scrollTop += 12;
      before = rest.find((each) => {
        const box = this.rows.get(each).getBoundingClientRect();
        return motion.clientY < box.top + box.height / 2;
      });
      for (const each of rest) this.rows.get(each).classList.toggle("drop-before", each === before);
      this.rows.get(rest.at(-1))?.classList.toggle("drop-after", before === undefined);
      this.moved = true;
    };
    const end = () => {
      grip.removeEventListener("pointermove", move);
      for (const row of this.rows.values()) row.classList.remove("moving", "drop-before", "drop-after");
      setTimeout(() => { this.moved = false; }); // the click that follows is none
      if (before === null) return;
      const at = before === undefined ? rest.length : rest.indexOf(before);
      const order = [...rest.slice(0, at), ...moving, ...rest.slice(at)];
      this.dispatchEvent(new CustomEvent("order", { detail: { order, chosen: moving } }));
    };
    grip.addEventListener("pointermove", move);
    grip.addEventListener("lostpointercapture", end, { once: true });
  }
}
