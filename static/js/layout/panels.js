// What is shown beside the image: the chosen lines with their tags, what is being done, the hint, the tools' state.

import { wordsBefore } from "./shapes.js";

const common = (values) => (new Set(values).size === 1 ? values[0] : null);

/** How the text of the line parts at the mark: [words before it, all words]. */
export function partedAt({ cut, lines }) {
  const words = (lines.find((line) => line.id === cut.id)?.text ?? "").split(/\s+/u).filter(Boolean);
  return [cut.words ?? wordsBefore(words.join(" "), cut.share), words];
}

export class Panels {
  constructor(sheet, { $, t }) {
    Object.assign(this, { sheet, $, t });
  }

  /** `done` is what was done last, empty once something else is begun. */
  show(done) {
    this.#showChosen();
    this.showOpen();
    this.showHint(done);
    this.#showTools();
  }

  #showChosen() {
    const { sheet, $, t } = this;
    const lines = sheet.chosenLines;
    const one = lines.length === 1 ? lines[0] : null;
    const busy = sheet.mode === "add" || sheet.mode === "order";
    $("chosen").textContent = sheet.mode === "add" ? t("adding") : sheet.mode === "order" ? t("numbering")
      : one ? t("line", { number: one.number }) : lines.length ? t("lines", { count: lines.length }) : t("none");
    $("inspector").dataset.chosen = busy ? 0 : lines.length;
    $("chosen-text").textContent = one ? one.text || t("noText") : "";
    $("region").value = common(lines.map((line) => line.kind)) ?? "";
    $("production").value = common(lines.map((line) => line.production)) ?? "mixed";
    const off = sheet.readOnly || !lines.length;
    for (const id of ["region", "production", "up", "down"]) $(id).disabled = off;
    $("delete").setAttribute("aria-disabled", String(off));
    $("merge").setAttribute("aria-disabled", String(sheet.readOnly || lines.length < 2));
  }

  /** The panel of what is being done: where a line is split, a point is moved, a line drawn or numbered. */
  showOpen() {
    const { $, t } = this;
    const { mode, cut, point, line, drawing, numbering } = this.sheet;
    $("split-panel").hidden = mode !== "split" || !cut;
    if (cut) {
      const [count, words] = partedAt(this.sheet);
      $("split-before").textContent = words.slice(0, count).join(" ") || t("noText");
      $("split-after").textContent = words.slice(count).join(" ") || t("noText");
    }
    $("points-panel").hidden = mode !== "points" || !line;
    const points = point && line ? line[point.ring] : null;
    const spot = points?.[point.index];
    $("point-name").textContent = spot
      ? t(`${point.ring}Point`, { number: point.index + 1, total: points.length, x: spot[0], y: spot[1] }) : "";
    $("ending-panel").hidden = mode !== "add" && mode !== "order";
    $("end-now").setAttribute("aria-disabled", String((mode === "add" ? drawing : numbering).length < 2));
  }

  showHint(done) {
    const { t, sheet } = this;
    const { mode, chosen, drawing, numbering } = sheet;
    const text = sheet.readOnly ? t("hintReadOnly")
      : mode === "add" ? t(["hintAdd", "hintAddingOne"][drawing.length] ?? "hintAdding", { count: drawing.length })
      : mode === "split" ? t("hintSplit")
      : mode === "order" ? t("hintOrder", { count: numbering.length })
      : mode === "points" ? t("hintPoints")
      : chosen.length === 1 ? t("hintSelected", { number: sheet.line.number })
      : chosen.length ? t("hintSeveral", { count: chosen.length }) : t("hintSelect");
    const shown = done && mode === "select" ? `${done}. ${text}` : text;
    if (this.$("hint").textContent !== shown) this.$("hint").textContent = shown;
  }

  #showTools() {
    const { $, t, sheet } = this;
    for (const button of document.querySelectorAll("[data-mode].tool")) {
      button.setAttribute("aria-pressed", String(button.dataset.mode === sheet.mode));
      button.setAttribute("aria-disabled", String(sheet.readOnly && button.dataset.mode !== "select"));
    }
    $("several").setAttribute("aria-pressed", String(sheet.several));
    for (const key of ["undo", "redo"]) {
      const change = sheet.layout[key];
      $(key).setAttribute("aria-disabled", String(change === null || sheet.readOnly));
      $(key).title = change === null ? t(key === "undo" ? "nothingToUndo" : "nothingToRedo") : t(key, { change });
    }
  }
}
