// The screen of a page's lines: puts image, list, keys, saving and the claim together.

import { Claim } from "../editor/claim.js";
import { Notices } from "../editor/notices.js";
import { loadSettings } from "../editor/settings.js";
import { makeSplit } from "../editor/split.js";
import { Canvas } from "./canvas.js";
import { Drawing } from "./drawing.js";
import { listen } from "./keys.js";
import { List } from "./list.js";
import { Panels, partedAt } from "./panels.js";
import { pointVerbs } from "./points.js";
import { Reading } from "./reading.js";
import { Sender } from "./sender.js";
import { boundsOf, lengthOf, nearestOn } from "./shapes.js";
import { Sheet } from "./sheet.js";

const $ = (id) => document.getElementById(id);
const data = JSON.parse($("page-data").textContent);
const names = (kind, table) => Object.fromEntries(Object.entries(table).map(([value, label]) => [`${kind}:${value}`, label]));
const texts = { ...data.texts, ...names("kind", data.kinds), ...names("production", data.productions) };
const t = (key, values = {}) => (texts[key] ?? key.split(":").at(-1)).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
const settings = loadSettings();
const sheet = new Sheet(data.layout);
const sender = new Sender(sheet, data.urls);
const notices = new Notices($("notices"));
const panels = new Panels(sheet, { $, t });
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
  panels.showHint(done);
});
sender.addEventListener("refused", ({ detail }) => {
  tell(t("refused", { message: detail }));
});
sender.addEventListener("conflict", ({ detail: { message, again } }) => {
  // A change that was sent twice because no answer came may have been made the first time.
  notices.show("conflict", "warn", again ? t("perhapsMade") : message);
  if (sheet.mode !== "select") sheet.setMode("select");
});
sender.addEventListener("held", ({ detail }) => lost(detail));
sender.addEventListener("stake", ({ detail }) => {
  if (detail.operation) askToDelete(detail.operation.lines);
  else askToGoBack(detail);
});

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

/** Say why nothing happens, for eyes and ears. */
function tell(text) {
  notices.show("refused", "warn", text);
  clearTimeout(telling);
  telling = setTimeout(() => notices.hide("refused"), 6000);
}
let telling = null;

const editable = () => {
  if (sheet.readOnly) tell(t("hintReadOnly"));
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
    if (!sheet.line) { tell(t("chooseFirst")); return; }
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

async function finishCut() {
  const { cut } = sheet;
  if (!cut) return;
  const ok = await send({ kind: "split", line: cut.id, share: cut.share, words: cut.words });
  if (ok) { sheet.setMode("select"); list.focus(); }
}

async function finishOrder() {
  const { numbering } = sheet;
  if (numbering.length < 2) { sheet.setMode("select"); tell(t("orderNone")); return; }
  // They follow the first of them, which stays where it is among the others.
  const rest = sheet.lines.map((line) => line.id).filter((id) => !numbering.includes(id));
  const ahead = sheet.lines.filter((line) => line.number < sheet.byId(numbering[0]).number && !numbering.includes(line.id)).length;
  const ok = await send({ kind: "order", lines: [...rest.slice(0, ahead), ...numbering, ...rest.slice(ahead)] });
  if (ok) { sheet.setMode("select"); list.focus(); }
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

/** Words that a person typed would lose their line by an undo or redo. */
function askToGoBack({ url, message }) {
  $("back-text").textContent = message;
  $("back-sure").onclick = () => {
    $("back-dialog").close();
    if (url === data.urls.undo) sender.undo(true);
    else sender.redo(true);
  };
  $("back-dialog").showModal();
}

const tools = { sheet, image: data.image, canvas: () => canvas, t, say, tell, editable };
const drawing = new Drawing(tools, {
  async send(baseline) {
    if (await send({ kind: "add", baseline })) { sheet.setMode("select"); list.focus(); }
  },
});

const verbs = {
  ...drawing.verbs,
  ...pointVerbs(tools, () => sendDrawn(SETTLED)),
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
    if (!ids.length) { tell(t("chooseFirst")); return; }
    if (sheet.chosenLines.some((line) => line.typed)) askToDelete(ids);
    else await send({ kind: "delete", lines: ids });
  },
  async merge() {
    if (!editable()) return;
    const lines = sheet.chosenLines;
    if (lines.length < 2) { tell(t("chooseTwo")); return; }
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
    if (sheet.layout.undo === null) tell(t("nothingToUndo"));
    else await sender.undo();
  },
  async redo() {
    settle();
    if (!editable()) return;
    if (sheet.layout.redo === null) tell(t("nothingToRedo"));
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
    if (sheet.mode === "add") drawing.finish();
    else if (sheet.mode === "split") finishCut();
    else if (sheet.mode === "order") finishOrder();
  },
  // --- splitting by keys ---
  moveCut(by, far) {
    const { cut } = sheet;
    if (!cut) return;
    const pixels = by * (far ? 50 : 5);
    cut.share = Math.min(0.99, Math.max(0.01, cut.share + pixels / (lengthOf(sheet.byId(cut.id).baseline) || 1)));
    cut.words = null;
    sheet.emit("mode");
    const [count, words] = partedAt(sheet);
    say(t("cutAt", {
      percent: Math.round(cut.share * 100), number: sheet.byId(cut.id).number,
      before: words.slice(0, count).join(" "), after: words.slice(count).join(" "),
    }));
  },
  moveWord(by) {
    if (!sheet.cut) return;
    const [count, words] = partedAt(sheet);
    sheet.cut.words = Math.min(Math.max(count + by, 0), words.length);
    sheet.emit("mode");
    say($("split-panel").textContent.replace(/\s+/gu, " "));
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
  if (await send({ kind: "order", lines: order, moved: chosen.length === 1 ? chosen[0] : null })) {
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
  canvas.addEventListener("again", () => { if (sheet.mode === "add") drawing.finish(); });
  canvas.addEventListener("drawn", () => sendDrawn());
  canvas.addEventListener("point", () => panels.showOpen());
} else missing();
const shares = { get split() { return settings.layoutSplit ?? 66; }, set split(share) { settings.layoutSplit = share; } };
makeSplit($("separator"), $("split"), shares, () => {});

function pick({ spot, line, event }) {
  if (sheet.mode === "add") {
    drawing.add(spot);
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

function show() {
  panels.show(done);
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
