// Marks and special characters beside the field: a toolbar that writes where the cursor is. The field's own keys lead
// there (Tab) and back (Esc); arrows move in it.

import { make } from "./element.js";

/** Write `before` and `after` around what is selected in `area`; undo by the browser's own keys takes it back. */
export function enclose(area, { before, after }) {
  const { selectionStart: from, selectionEnd: to, value } = area;
  const chosen = value.slice(from, to);
  area.focus({ preventScroll: true });
  // setRangeText would empty the field's undo history, and nothing else that keeps it has come in execCommand's place.
  if (!document.execCommand("insertText", false, before + chosen + after)) {
    area.setRangeText(before + chosen + after, from, to, "end");
    area.dispatchEvent(new InputEvent("input", { bubbles: true }));
  }
  // Where something is to be written between the two, the cursor stands there.
  const at = from + before.length + chosen.length + (chosen || !before ? after.length : 0);
  area.setSelectionRange(at, at);
}

/** The toolbar for `area`: `characters` of {before, after, label}; `name` says what it is. */
export function makePalette(area, characters, name) {
  const buttons = characters.map((character, i) => {
    const { before, after, label } = character;
    const button = make("button", {
      type: "button", className: "palette-key", tabIndex: i ? -1 : 0, title: label, ariaLabel: label,
      textContent: before + (after && before ? "…" : "") + after,
    });
    button.addEventListener("click", () => enclose(area, character));
    return button;
  });
  const bar = make("div", { className: "palette", ariaLabel: name }, ...buttons);
  bar.setAttribute("role", "toolbar");
  bar.addEventListener("pointerdown", (event) => event.preventDefault()); // the field keeps the focus and its selection
  bar.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.key === "Tab") return;
    event.stopPropagation(); // single keys of the screen would act on the line
    if (event.key === "Escape") {
      event.preventDefault();
      area.focus({ preventScroll: true });
      return;
    }
    const here = buttons.indexOf(document.activeElement);
    const next = { ArrowRight: here + 1, ArrowDown: here + 1, ArrowLeft: here - 1, ArrowUp: here - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    const target = buttons.at(next % buttons.length);
    for (const button of buttons) button.tabIndex = button === target ? 0 : -1;
    target.focus();
  });
  return bar;
}
