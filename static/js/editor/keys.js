// Keys. Single keys work outside text fields only, and can be switched off; keys with Ctrl work everywhere.

const inText = (element) =>
  element instanceof HTMLElement &&
  (element.isContentEditable || element.matches("input:not([type=checkbox], [type=radio], [type=range]), textarea, select"));

/** `verbs` by name; `lines` knows whether a field is open; `settings.singleKeys` switches the single ones. */
export function listen(verbs, lines, settings) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || document.querySelector("dialog[open]")) return;
    const verb = withModifier(event) ?? (lines.field && event.target === lines.field.area ? inField(event) : outside(event, settings));
    if (!verb || !verbs[verb.name]) return;
    event.preventDefault();
    verbs[verb.name](...(verb.with ?? []));
  });
}

function withModifier(event) {
  const control = event.ctrlKey || event.metaKey;
  if (control && event.key === "Enter") return { name: "approve" };
  // On a Mac the system keeps Ctrl+Space for itself.
  if ((event.ctrlKey && event.code === "Space") || (event.altKey && event.key === "Enter")) return { name: "skip" };
  if (event.ctrlKey && event.key === "ArrowDown") return { name: "line", with: [1] };
  if (event.ctrlKey && event.key === "ArrowUp") return { name: "line", with: [-1] };
  if (control && !inText(event.target) && event.key.toLowerCase() === "z") return { name: event.shiftKey ? "redo" : "undo" };
  if (control && !inText(event.target) && event.key.toLowerCase() === "y") return { name: "redo" };
  return null;
}

function inField(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  if (event.key === "Enter") return { name: "read" };
  if (event.key === "Escape") return { name: "restore" };
  return null;
}

const SINGLE = {
  n: { name: "hop", with: [1] },
  N: { name: "hop", with: [-1] },
  0: { name: "confirm" },
  e: { name: "edit" },
  u: { name: "unclear" },
  w: { name: "why" },
  x: { name: "illegible" },
  c: { name: "comment" },
  C: { name: "commentPage" },
  "+": { name: "zoom", with: [1.35] },
  "=": { name: "zoom", with: [1.35] },
  "-": { name: "zoom", with: [1 / 1.35] },
  f: { name: "fit" },
  r: { name: "rotate" },
  h: { name: "overlay" },
  i: { name: "light" },
};

function outside(event, settings) {
  if (event.ctrlKey || event.metaKey || event.altKey || inText(event.target)) return null;
  const target = event.target instanceof Element ? event.target : document.body;
  if (event.key === "F2") return { name: "edit" };
  if (target.matches("input, summary, [role=separator]")) return null;
  const inPane = target.closest("#lines") !== null || target === document.body || target.id === "content";
  if (event.key === "ArrowDown") return { name: "line", with: [1] };
  if (event.key === "ArrowUp") return { name: "line", with: [-1] };
  if (inPane && event.key === "ArrowRight") return { name: "word", with: [1] };
  if (inPane && event.key === "ArrowLeft") return { name: "word", with: [-1] };
  if (inPane && event.key === "Enter" && !target.closest(".choice, .no-text, .line-talk")) return { name: "read" };
  if (!settings.singleKeys) return null;
  if (/^[1-9]$/.test(event.key)) return { name: "take", with: [Number(event.key) - 1] };
  return SINGLE[event.key] ?? null;
}
