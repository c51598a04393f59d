// The screen of a page's lines: puts image, list, keys, saving and the claim together.

import { Claim } from "../editor/claim.js";
import { Notices } from "../editor/notices.js";
import { loadSettings } from "../editor/settings.js";
import { makeSplit } from "../editor/split.js";
import { Canvas } from "./canvas.js";
import { listen } from "./keys.js";
import { List } from "./list.js";
import { Reading } from "./reading.js";
import { Sender } from "./sender.js";
import { boundsOf, lengthOf, nearestOn, wordsBefore } from "./shapes.js";
import { Sheet } from "./sheet.js";

const $ = (id) => document.getElementById(id);
const data = JSON.parse($("page-data").textContent);
const names = (kind, table) => Object.fromEntries(Object.entries(table).map(([value, label]) => [`${kind}:${value}`, label]));
const texts = { ...data.texts, ...names("kind", data.kinds), ...names("production", data.productions) };
const t = (key, values = {}) => (texts[key] ?? key.split(":").at(-1)).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
const settings = loadSettings(0);
const sheet = new Sheet(data.layout);
const sender = new Sender(sheet, data.urls);
const notices = new Notices($("notices"));
const SETTLED = 700; // milliseconds after the last key that moved a point

let announced = 0;
const say = (text) => {
  announced += 1;
  $("say").textContent = announced % 2 ? text : `${text}\u00a0`; // the same words twice are announced twice
};

// --- Sending changes ---

let done = ""; // what was done last, shown where the hint stands until something else is begun

function send(operation) {
  settle();
  return sender.change(operation);
}

let settling = null;
/** Send the points that were moved, a moment after the last of them. */
function sendDrawn(wait = 0) {
  clearTimeout(settling);
  settling = setTimeout(settle, wait);
}
function settle() {
  clearTimeout(settling);
  settling = null;
  const { draft } = sheet;
  if (!draft || draft.sent) return;
  draft.sent = true;
  const operation = { kind: "reshape", line: draft.id, baseline: draft.baseline, polygon: draft.polygon };
  // Behind a change that is kept it was not sent, and goes when that one has gone.
  sender.change(operation).then((ok) => { if (!ok && sender.kept?.operation !== operation) draft.sent = false; });
}

sender.addEventListener("status", () => {
  showTrouble(sender.trouble);
  showSaving();
  // Points that were moved while the last change was on its way.
  if (!sender.unsaved && sheet.draft && !sheet.draft.sent) sendDrawn();
});
sender.addEventListener("done", ({ detail }) => {
  done = detail;
  notices.hide("conflict");
  say(`${detail}.`);
  showHint();
});
sender.addEventListener("refused", ({ detail }) => {
  notices.show("refused", "bad", t("refused", { message: detail }));
  setTimeout(() => notices.hide("refused"), 8000);
});
sender.addEventListener("conflict", ({ detail }) => {
  notices.show("conflict", "warn", detail);
  if (sheet.mode !== "select") sheet.setMode("select");
});
sender.addEventListener("held", ({ detail }) => lost(detail));
sender.addEventListener("stake", ({ detail }) => askToDelete(detail.operation.lines));

function showTrouble(kind) {
  if (!kind) notices.hide("trouble");
  else if (kind === "signed-out") {
    notices.show("trouble", "bad", t("signedOut"), [{ text: t("signIn"), href: data.urls.login, blank: true }, { text: t("tryNow"), run: retry }]);
  } else notices.show("trouble", "warn", t(kind === "offline" ? "offline" : "serverDown"), [{ text: t("tryNow"), run: retry }]);
}
function retry() {
  if (sheet.readOnly && !sender.kept) claim.take();
  sender.retry();
}
function showSaving() {
  const status = $("saving");
  const kept = sender.kept !== null;
  status.dataset.state = kept ? "unsaved" : sender.busy ? "busy" : "saved";
  status.textContent = kept ? t("unsaved") : sender.busy ? t("saving") : sheet.readOnly ? t("readOnly") : done ? t("savedNow") : t("saved");
}
window.addEventListener("beforeunload", (event) => {
  settle();
  if (sender.unsaved) event.preventDefault();
});

// --- What a person can do ---

const editable = () => {
  if (sheet.readOnly) say(t("hintReadOnly"));
  return !sheet.readOnly;
};

function setMode(mode) {
  if (mode !== "select" && !editable()) return;
  if (mode === sheet.mode && mode !== "select") mode = "select";
  settle();
  done = "";
  if ((mode === "split" || mode === "points") && !sheet.chosen.length && sheet.lines.length) sheet.choose(sheet.lines[0].id);
  if ((mode === "split" || mode === "points") && sheet.chosen.length > 1) sheet.choose(sheet.at ?? sheet.chosen[0]);
  if (mode === "split" || mode === "points") {
    if (!sheet.line) { say(t("chooseFirst")); return; }
    canvas?.reveal();
  }
  sheet.setMode(mode);
  if (mode === "split") startCut();
  if (mode === "points") canvas?.focusPoint("baseline", 0);
  if (mode === "add" || mode === "order") $("image").focus({ preventScroll: true });
  say($("hint").textContent);
}

function startCut(share = 0.5) {
  sheet.cut = { id: sheet.line.id, share, words: null };
  sheet.emit("mode");
}

/** How the text of the line parts at the mark: [words before it, all words]. */
function parted() {
  const { cut } = sheet;
  const words = (sheet.byId(cut.id)?.text ?? "").split(/\s+/u).filter(Boolean);
  return [cut.words ?? wordsBefore(words.join(" "), cut.share), words];
}

async function finishCut() {
  const { cut } = sheet;
  if (!cut) return;
  const ok = await send({ kind: "split", line: cut.id, share: cut.share, words: cut.words });
  if (ok) { sheet.setMode("select"); list.focus(); }
}

async function finishLine() {
  if (sheet.cross && !same(sheet.cross, sheet.drawing.at(-1)) && sheet.crossMoved) verbs.setPoint();
  const baseline = sheet.drawing;
  if (baseline.length < 2) { say(t("tooFewPoints")); return; }
  const ok = await send({ kind: "add", baseline });
  if (ok) { sheet.setMode("select"); list.focus(); }
}

async function finishOrder() {
  const { numbering } = sheet;
  if (numbering.length < 2) { sheet.setMode("select"); say(t("orderNone")); return; }
  // They follow the first of them, which stays where it is among the others.
  const rest = sheet.lines.map((line) => line.id).filter((id) => !numbering.includes(id));
  const ahead = sheet.lines.filter((line) => line.number < sheet.byId(numbering[0]).number && !numbering.includes(line.id)).length;
  const ok = await send({ kind: "order", lines: [...rest.slice(0, ahead), ...numbering, ...rest.slice(ahead)] });
  if (ok) { sheet.setMode("select"); list.focus(); }
}

const same = (a, b) => Boolean(a && b) && Math.hypot(a[0] - b[0], a[1] - b[1]) < 3;

/** Where the cross starts: under the chosen line, else in the middle of what is seen. */
function startOfCross() {
  const last = sheet.drawing.at(-1);
  if (last) return last;
  const line = sheet.line ?? sheet.lines.at(-1);
  if (!line) return [Math.round(data.image.width * 0.1), Math.round(data.image.height * 0.1)];
  const [x, y] = line.baseline[0];
  return [x, Math.min(y + Math.round(boundsOf(line.polygon).height * 1.3), data.image.height - 2)];
}

function askToDelete(ids) {
  const typed = sheet.lines.filter((line) => ids.includes(line.id) && line.typed);
  const numbers = typed.map((line) => line.number).join(", ");
  $("delete-text").textContent = t(typed.length === 1 ? "deleteOne" : "deleteMany", { numbers, text: typed[0]?.text ?? "" });
  $("delete-sure").onclick = () => {
    $("delete-dialog").close();
    send({ kind: "delete", lines: ids, sure: true });
  };
  $("delete-dialog").showModal();
}

const verbs = {
  mode: setMode,
  escape() {
    if (sheet.mode === "select") { sheet.several = false; sheet.chooseNone(); return; }
    const back = sheet.mode;
    settle();
    sheet.setMode("select");
    if (back === "points" || back === "split") list.focus();
  },
  step(by, stretch) { sheet.step(by, { stretch }); if (sheet.mode === "split" && sheet.line) startCut(); },
  jump(end) { const line = end ? sheet.lines.at(-1) : sheet.lines[0]; if (line) sheet.choose(line.id, { focus: true }); },
  toggle() {
    const id = Number(document.activeElement?.dataset.line);
    if (id) sheet.choose(id, { add: true, focus: true });
  },
  all() { sheet.chooseAll(); },
  several() { sheet.several = !sheet.several; sheet.emit("mode"); },
  async remove() {
    if (!editable()) return;
    const ids = sheet.chosen;
    if (!ids.length) { say(t("chooseFirst")); return; }
    if (sheet.chosenLines.some((line) => line.typed)) askToDelete(ids);
    else await send({ kind: "delete", lines: ids });
  },
  async merge() {
    if (!editable()) return;
    const lines = sheet.chosenLines;
    if (lines.length < 2) { notices.show("refused", "warn", t("chooseTwo")); setTimeout(() => notices.hide("refused"), 6000); return; }
    const withText = lines.filter((line) => line.text);
    if (withText.some((line) => line.typed) && withText.some((line) => !line.typed)) { askForText(lines); return; }
    await send({ kind: "merge", lines: sheet.chosen });
  },
  async move(by) {
    if (!editable() || !sheet.chosen.length) return;
    const chosen = new Set(sheet.chosen);
    const ids = sheet.lines.map((line) => line.id);
    const rest = ids.filter((id) => !chosen.has(id));
    const edge = by < 0 ? ids.findIndex((id) => chosen.has(id)) : ids.findLastIndex((id) => chosen.has(id));
    const neighbour = ids[edge + by];
    if (neighbour === undefined) return;
    const at = rest.indexOf(neighbour) + (by > 0 ? 1 : 0);
    await reorder([...rest.slice(0, at), ...sheet.chosen, ...rest.slice(at)], sheet.chosen);
  },
  async undo() {
    settle();
    if (!editable()) return;
    if (sheet.layout.undo === null) say(t("nothingToUndo"));
    else await sender.undo();
  },
  async redo() {
    settle();
    if (!editable()) return;
    if (sheet.layout.redo === null) say(t("nothingToRedo"));
    else await sender.redo();
  },
  zoom(factor) { canvas?.zoom(factor); },
  fit() { canvas?.fit(); },
  overlay() {
    if (!canvas) return;
    const shown = canvas.toggleOverlay();
    $("overlay").setAttribute("aria-pressed", shown);
    say(t(shown ? "overlayOn" : "overlayOff"));
  },
  async outline() {
    if (!editable() || !sheet.line) return;
    const { id, baseline } = sheet.line;
    sheet.draft = null;
    await send({ kind: "reshape", line: id, baseline });
  },
  finish() {
    if (sheet.mode === "add") finishLine();
    else if (sheet.mode === "split") finishCut();
    else if (sheet.mode === "order") finishOrder();
  },
  // --- adding by keys ---
  cross([dx, dy], far) {
    const step = far ? 100 : 10;
    const [x, y] = sheet.cross ?? startOfCross();
    const within = (value, most) => Math.min(Math.max(value, 0), most - 1);
    sheet.cross = sheet.cross || !sheet.drawing.length ? [x, y] : [...sheet.drawing.at(-1)];
    sheet.cross = [within(sheet.cross[0] + dx * step, data.image.width), within(sheet.cross[1] + dy * step, data.image.height)];
    sheet.crossMoved = true;
    canvas?.show(sheet.cross);
    sheet.emit("mode");
    say(t("crossAt", { x: sheet.cross[0], y: sheet.cross[1] }));
  },
  setPoint() {
    sheet.cross ??= startOfCross();
    if (!same(sheet.cross, sheet.drawing.at(-1))) sheet.drawing = [...sheet.drawing, [...sheet.cross]];
    sheet.crossMoved = false;
    sheet.emit("mode");
    say($("hint").textContent);
  },
  takePointBack() { sheet.drawing = sheet.drawing.slice(0, -1); sheet.emit("mode"); },
  // --- splitting by keys ---
  moveCut(by, far) {
    const { cut } = sheet;
    if (!cut) return;
    const pixels = by * (far ? 50 : 5);
    cut.share = Math.min(0.99, Math.max(0.01, cut.share + pixels / (lengthOf(sheet.byId(cut.id).baseline) || 1)));
    cut.words = null;
    sheet.emit("mode");
    const [count, words] = parted();
    say(t("cutAt", {
      percent: Math.round(cut.share * 100), number: sheet.byId(cut.id).number,
      before: words.slice(0, count).join(" "), after: words.slice(count).join(" "),
    }));
  },
  moveWord(by) {
    if (!sheet.cut) return;
    const [count, words] = parted();
    sheet.cut.words = Math.min(Math.max(count + by, 0), words.length);
    sheet.emit("mode");
    say($("split-panel").textContent.replace(/\s+/gu, " "));
  },
  // --- points by keys ---
  nudge([dx, dy]) {
    const { point, line } = sheet;
    if (!point || !line || !editable()) return;
    const within = (value, most) => Math.min(Math.max(value, 0), most - 1);
    const points = line[point.ring].map(([x, y], i) =>
      i === point.index ? [within(x + dx, data.image.width), within(y + dy, data.image.height)] : [x, y]);
    sheet.redraw({ [point.ring]: points });
    sendDrawn(SETTLED);
  },
  insertPoint() {
    if (!sheet.point || !editable()) return;
    canvas?.insert();
    sendDrawn(SETTLED);
  },
  removePoint() {
    const { point, line } = sheet;
    if (!point || !line || !editable()) return;
    const points = line[point.ring];
    if (points.length <= (point.ring === "baseline" ? 2 : 3)) {
      say(t(point.ring === "baseline" ? "fewestBaseline" : "fewestPolygon"));
      return;
    }
    sheet.point = { ring: point.ring, index: Math.min(point.index, points.length - 2) };
    sheet.redraw({ [point.ring]: points.filter((_, i) => i !== point.index) });
    sendDrawn(SETTLED);
  },
  nextPoint(by) {
    const { point, line } = sheet;
    if (!line) return;
    const all = ["baseline", "polygon"].flatMap((ring) => line[ring].map((_, index) => ({ ring, index })));
    const at = point ? all.findIndex((each) => each.ring === point.ring && each.index === point.index) : -1;
    sheet.point = all[(at + by + all.length) % all.length];
    sheet.emit("draft");
  },
  // --- numbering ---
  number() {
    const id = sheet.at ?? sheet.chosen.at(-1);
    if (id) number(sheet.byId(id));
  },
  numberBack() { sheet.numbering = sheet.numbering.slice(0, -1); sheet.emit("mode"); },
};

function number(line) {
  if (!line) return;
  sheet.numbering = sheet.numbering.includes(line.id) ? sheet.numbering.filter((id) => id !== line.id) : [...sheet.numbering, line.id];
  sheet.emit("mode");
  say(`${sheet.numbering.length}: ${t("lineSays", { number: line.number, text: line.text || t("noText") })}`);
}

async function reorder(order, chosen) {
  if (!editable()) return;
  if (await send({ kind: "order", lines: order })) {
    sheet.chosen = sheet.lines.filter((line) => chosen.includes(line.id)).map((line) => line.id);
    sheet.emit("chosen", { reveal: true });
  }
}

function askForText(lines) {
  const boxes = lines.map((line) => ({ line, box: boundsOf(line.polygon) }));
  const apart = boxes.every(({ box: a }, i) => boxes.every(({ box: b }, j) =>
    i === j || Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x) < 0.5 * Math.min(a.width, b.width)));
  const order = apart ? boxes.sort((a, b) => a.box.x - b.box.x) : boxes;
  $("merge-text").value = order.map(({ line }) => line.text).filter(Boolean).join(" ");
  const ids = lines.map((line) => line.id);
  $("merge-sure").onclick = () => {
    $("merge-dialog").close();
    send({ kind: "merge", lines: ids, text: $("merge-text").value });
  };
  $("merge-dialog").showModal();
}

// --- Image and list ---

const list = new List($("lines"), sheet, { t });
list.addEventListener("pick", ({ detail: { line, event } }) => {
  if (sheet.mode === "order") number(line);
  else {
    if (sheet.mode !== "select" && sheet.mode !== "split" && sheet.mode !== "points") sheet.setMode("select");
    settle();
    sheet.choose(line.id, { add: event.ctrlKey || event.metaKey, stretch: event.shiftKey, focus: true });
    if (sheet.mode === "split") { if (sheet.line) startCut(); else sheet.setMode("select"); }
    if (sheet.mode === "points") sheet.setMode("select");
  }
});
list.addEventListener("order", ({ detail }) => reorder(detail.order, detail.chosen));

let canvas = null;
const missing = () => notices.show("image", "warn", t("imageMissing"));
if (data.image.width && window.OpenSeadragon) {
  canvas = new Canvas($("image"), sheet, data.image, { t, missing });
  canvas.addEventListener("pick", ({ detail }) => pick(detail));
  canvas.addEventListener("again", () => { if (sheet.mode === "add") finishLine(); });
  canvas.addEventListener("drawn", () => sendDrawn());
  canvas.addEventListener("point", () => showPanels());
} else missing();
const shares = { get split() { return settings.layoutSplit ?? 66; }, set split(share) { settings.layoutSplit = share; } };
makeSplit($("separator"), $("split"), shares, () => {});

function pick({ spot, line, event }) {
  if (sheet.mode === "add") {
    if (!same(spot, sheet.drawing.at(-1))) sheet.drawing = [...sheet.drawing, spot];
    sheet.cross = null;
    sheet.emit("mode");
  } else if (sheet.mode === "order") number(line);
  else if (sheet.mode === "split") {
    if (!line) return;
    sheet.several = false;
    if (!sheet.line || sheet.line.id !== line.id) sheet.choose(line.id, { reveal: false });
    startCut(Math.min(0.99, Math.max(0.01, nearestOn(line.baseline, spot).share)));
    // Text of the machine is read again anyway; where a person's is parted they look first.
    if (!line.typed) finishCut();
  } else if (line) {
    settle();
    if (sheet.mode === "points") sheet.setMode("select");
    sheet.choose(line.id, { add: event.ctrlKey || event.metaKey, stretch: event.shiftKey, reveal: false });
    list.rows.get(line.id)?.scrollIntoView({ block: "nearest" });
  } else if (sheet.mode === "select" && !sheet.several) sheet.chooseNone();
}

// --- What is shown beside it ---

const common = (values) => (new Set(values).size === 1 ? values[0] : null);

function showInspector() {
  const lines = sheet.chosenLines;
  const one = lines.length === 1 ? lines[0] : null;
  $("chosen").textContent = sheet.mode === "add" ? t("adding") : sheet.mode === "order" ? t("numbering") : one ? t("line", { number: one.number }) : lines.length ? t("lines", { count: lines.length }) : t("none");
  $("inspector").dataset.chosen = sheet.mode === "add" || sheet.mode === "order" ? 0 : lines.length;
  $("chosen-text").textContent = one ? one.text || t("noText") : "";
  $("region").value = common(lines.map((line) => line.kind)) ?? "";
  $("production").value = common(lines.map((line) => line.production)) ?? "mixed";
  const off = sheet.readOnly || !lines.length;
  for (const id of ["region", "production", "up", "down"]) $(id).disabled = off;
  $("delete").setAttribute("aria-disabled", String(off));
  $("merge").setAttribute("aria-disabled", String(sheet.readOnly || lines.length < 2));
  showPanels();
}

function showPanels() {
  const { mode, cut, point, line } = sheet;
  $("split-panel").hidden = mode !== "split" || !cut;
  if (cut) {
    const [count, words] = parted();
    $("split-before").textContent = words.slice(0, count).join(" ") || t("noText");
    $("split-after").textContent = words.slice(count).join(" ") || t("noText");
  }
  $("points-panel").hidden = mode !== "points" || !line;
  const points = point && line ? line[point.ring] : null;
  const spot = points?.[point.index];
  $("point-name").textContent = spot
    ? t(point.ring === "baseline" ? "baselinePoint" : "polygonPoint", { number: point.index + 1, total: points.length, x: spot[0], y: spot[1] }) : "";
  $("ending-panel").hidden = mode !== "add" && mode !== "order";
  const enough = mode === "add" ? sheet.drawing.length : sheet.numbering.length;
  $("end-now").setAttribute("aria-disabled", String(enough < 2));
}

function showHint() {
  const { mode, chosen, drawing, numbering } = sheet;
  const text = sheet.readOnly ? t("hintReadOnly")
    : mode === "add" ? t(drawing.length ? "hintAdding" : "hintAdd", { count: drawing.length })
    : mode === "split" ? t("hintSplit")
    : mode === "order" ? t("hintOrder", { count: numbering.length })
    : mode === "points" ? t("hintPoints")
    : chosen.length === 1 ? t("hintSelected", { number: sheet.line.number })
    : chosen.length ? t("hintSeveral", { count: chosen.length }) : t("hintSelect");
  const shown = done && mode === "select" ? `${done}. ${text}` : text;
  if ($("hint").textContent !== shown) $("hint").textContent = shown;
}

function showTools() {
  for (const button of document.querySelectorAll("[data-mode].tool")) {
    button.setAttribute("aria-pressed", String(button.dataset.mode === sheet.mode));
    button.setAttribute("aria-disabled", String(sheet.readOnly && button.dataset.mode !== "select"));
  }
  $("several").setAttribute("aria-pressed", String(sheet.several));
  for (const [id, key] of [["undo", "undo"], ["redo", "redo"]]) {
    const change = sheet.layout[key];
    $(id).setAttribute("aria-disabled", String(change === null || sheet.readOnly));
    $(id).title = change === null ? t(key === "undo" ? "nothingToUndo" : "nothingToRedo") : t(key, { change });
  }
}

function show() {
  showInspector();
  showHint();
  showTools();
  showSaving();
  reading.show();
}

$("no-lines").textContent = t("noLines");
const reading = new Reading(sheet, data.urls, { $, t, say, notices, claim: () => claim, editable });
sheet.addEventListener("lines", () => { $("no-lines").hidden = sheet.lines.length > 0; });
for (const name of ["lines", "chosen", "mode", "draft"]) sheet.addEventListener(name, show);
sheet.addEventListener("chosen", ({ detail }) => {
  if (!detail.reveal && !detail.focus) return;
  if (sheet.line && detail.focus) done = "";
});

$("region").addEventListener("change", () => send({ kind: "tag", lines: sheet.chosen, region: $("region").value }));
$("production").addEventListener("change", () => send({ kind: "tag", lines: sheet.chosen, production: $("production").value }));

// --- Holding the page ---

function lost(message) {
  claim.lose();
  sheet.setReadOnly(true);
  document.body.dataset.held = "false";
  if (reading.busy) return; // the page is with the readers
  notices.show("held", "warn", message, [{ text: t("findOther"), href: data.urls.queue }, { text: t("tryClaim"), run: () => claim.take() }]);
}
const claim = new Claim({ data, unsaved: () => (sender.unsaved ? [1] : []) }, {
  held() {
    notices.hide("held");
    sheet.setReadOnly(false);
    document.body.dataset.held = "true";
    sender.retry();
  },
  lost,
  trouble(kind) { if (!sender.trouble) showTrouble(kind); },
});

// --- Buttons ---

const clicks = {
  several: verbs.several, merge: verbs.merge, delete: verbs.remove, undo: verbs.undo, redo: verbs.redo,
  up: () => verbs.move(-1), down: () => verbs.move(1), outline: verbs.outline,
  "zoom-in": () => verbs.zoom(1.35), "zoom-out": () => verbs.zoom(1 / 1.35), fit: verbs.fit, overlay: verbs.overlay,
  "split-left": () => verbs.moveCut(-1), "split-right": () => verbs.moveCut(1),
  "word-left": () => verbs.moveWord(-1), "word-right": () => verbs.moveWord(1), "split-now": finishCut,
  "end-now": verbs.finish, "give-up": verbs.escape,
};
for (const [id, run] of Object.entries(clicks)) $(id).addEventListener("click", () => run());
for (const button of document.querySelectorAll("[data-mode].tool")) button.addEventListener("click", () => setMode(button.dataset.mode));
for (const button of document.querySelectorAll("[data-nudge]")) {
  button.addEventListener("click", () => verbs.nudge(button.dataset.nudge.split(",").map(Number)));
}
const ofPoint = { previous: () => verbs.nextPoint(-1), next: () => verbs.nextPoint(1), insert: verbs.insertPoint, remove: verbs.removePoint };
for (const button of document.querySelectorAll("[data-point]")) button.addEventListener("click", ofPoint[button.dataset.point]);
$("single-keys").checked = settings.singleKeys;
$("single-keys").addEventListener("change", () => { settings.singleKeys = $("single-keys").checked; });

listen(verbs, sheet, settings);
if (data.layout.inReview) await claim.take();
$("no-lines").hidden = sheet.lines.length > 0;
show();
reading.follow();
document.body.dataset.ready = "";
