// Keys. Letters act outside fields only, and can be switched off; what they do depends on what is being done.

const inField = (element) =>
  element instanceof HTMLElement &&
  (element.isContentEditable || element.matches("input:not([type=checkbox]), textarea, select"));
const onControl = (element) => element instanceof Element && element.matches("button, a[href], summary, [role=separator], input");

const SINGLE = {
  a: ["mode", "add"], s: ["mode", "split"], p: ["mode", "points"], o: ["mode", "order"],
  m: ["merge"], x: ["several"], u: ["undo"], U: ["redo"], w: ["outline"],
  "+": ["zoom", 1.35], "=": ["zoom", 1.35], "-": ["zoom", 1 / 1.35], f: ["fit"], h: ["overlay"],
};
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const add = (event) => {
  if (ARROWS[event.key]) return ["cross", ARROWS[event.key], event.shiftKey];
  return { " ": ["setPoint"], Enter: ["finish"], Backspace: ["takePointBack"] }[event.key];
};
const split = (event) => {
  if (event.key === "ArrowLeft" || event.key === "ArrowRight") return ["moveCut", ARROWS[event.key][0], event.shiftKey];
  return { Enter: ["finish"], "[": ["moveWord", -1], "]": ["moveWord", 1] }[event.key];
};
const points = (event) => {
  if (!event.target.closest?.(".handle")) return null;
  if (ARROWS[event.key]) return ["nudge", ARROWS[event.key].map((by) => by * (event.shiftKey ? 10 : 1))];
  return { i: ["insertPoint"], Delete: ["removePoint"], Backspace: ["removePoint"] }[event.key];
};
const order = (event) => ({ Enter: ["finish"], " ": ["number"], Backspace: ["numberBack"] })[event.key];
const OF_MODE = { add, split, points, order };

export function listen(verbs, sheet, settings) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || document.querySelector("dialog[open]")) return;
    const verb = verbOf(event, sheet, settings);
    if (!verb) return;
    event.preventDefault();
    const [name, ...rest] = verb;
    verbs[name](...rest);
  });
}

function verbOf(event, sheet, settings) {
  const { target, key } = event;
  if (inField(target)) return null;
  const control = event.ctrlKey || event.metaKey;
  if (control && key.toLowerCase() === "z") return [event.shiftKey ? "redo" : "undo"];
  if (control && key.toLowerCase() === "y") return ["redo"];
  if (control && key.toLowerCase() === "a") return ["all"];
  if (event.altKey && (key === "ArrowUp" || key === "ArrowDown")) return ["move", key === "ArrowUp" ? -1 : 1];
  if (control && key === " " && target.closest?.("[role=option]")) return ["toggle"];
  if (control || event.altKey) return null;
  if (key === "Escape") return ["escape"];
  // Enter and Space press the button that has the focus; arrows move the separator.
  const presses = onControl(target) && (key === "Enter" || key === " " || (ARROWS[key] && target.getAttribute("role") === "separator"));
  if (presses) return null;
  const own = OF_MODE[sheet.mode]?.(event);
  if (own) return own;
  if (key === "Delete") return ["remove"];
  if (key === "ArrowDown" || key === "ArrowUp") return ["step", key === "ArrowDown" ? 1 : -1, event.shiftKey];
  if (key === "Home" || key === "End") return target.closest?.("[role=option]") ? ["jump", key === "End"] : null;
  return settings.singleKeys ? SINGLE[key] ?? null : null;
}
