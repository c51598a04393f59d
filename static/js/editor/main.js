// The review editor: puts image, text, keys, saving and the claim together.

import { Claim } from "./claim.js";
import { Comments } from "./comments.js";
import { Drafts } from "./drafts.js";
import { listen } from "./keys.js";
import { leavingDialogs } from "./leaving.js";
import { Lines, readDecisions } from "./lines.js";
import { Notices } from "./notices.js";
import { Page } from "./page.js";
import { Saver } from "./saver.js";
import { Trouble, post } from "./server.js";
import { loadSettings } from "./settings.js";
import { makeSplit } from "./split.js";
import { Unplaced } from "./unplaced.js";
import { Viewer } from "./viewer.js";
import { ILLEGIBLE, isUnsure, nextUnclear, tokens } from "./words.js";
import { showWhy } from "../why.js";

const $ = (id) => document.getElementById(id);
const data = JSON.parse($("page-data").textContent);
const t = (key, values = {}) => data.texts[key].replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
const settings = loadSettings({ markBelow: data.unsureBelow });
const page = new Page(data, settings);
const drafts = new Drafts(data.user, data.id);
const saver = new Saver(page, drafts);
const notices = new Notices($("notices"));

let announced = 0;
const say = (text) => {
  announced += 1;
  // The same words twice are announced twice.
  $("say").textContent = announced % 2 ? text : `${text}\u00a0`;
};

// --- Time at work: seconds in which the reviewer did something within the last half minute, with the tab in front ---

const IDLE = 30_000;
let [activeSeconds, lastSign] = [0, Date.now()];
for (const sign of ["keydown", "pointerdown", "pointermove", "wheel"]) {
  document.addEventListener(sign, () => { lastSign = Date.now(); }, { passive: true });
}
setInterval(() => {
  if (!document.hidden && Date.now() - lastSign < IDLE) activeSeconds += 1;
}, 1000);

// --- What the reviewer can do ---

const doubtfulOnly = () => settings.mode === "doubtful_words";

function advance() {
  if (page.hop(1)) return;
  page.word = null;
  page.go(page.line);
  say(t("noneLeft"));
}

function replaceWord(text, kind) {
  const { current: line, currentWord: word } = page;
  if (!word) return;
  const words = tokens(line.text);
  words.splice(page.word, 1, ...(text ? [text] : []));
  const decisions = word.index === null ? [] : [{ word: word.index, kind, after: text }];
  page.change(line, words.join(" "), decisions);
}

/** Go by lines; a field that is open moves along. */
function stepLine(direction) {
  const typing = lines.field !== null;
  if (typing) lines.commit();
  if (!page.go(page.line + direction, null) && direction > 0) say(t("lastLine"));
  else if (typing) lines.edit(page.line, null);
}

const verbs = {
  hop(direction) {
    if (lines.field) lines.commit();
    if (!page.hop(direction)) say(t("noneLeft"));
  },
  take(k) {
    const other = page.currentWord?.alternatives[k];
    if (!other || page.readOnly) return;
    replaceWord(other.text, "alternative");
    if (!other.text) page.word -= 1; // the word is gone, and the next one stands in its place
    advance();
  },
  confirm() {
    const word = page.currentWord;
    if (!word || page.readOnly) return;
    if (isUnsure(word, page.below)) page.change(page.current, page.current.text, [{ word: word.index, kind: "confirmed", after: word.text }]);
    advance();
  },
  unclear() {
    const { current: line, currentWord: word } = page;
    if (!word || page.readOnly) return;
    // What the word was before it was marked, for the way back.
    line.plain[page.word] ??= word.text.replace(/\[\?\]$/, "");
    replaceWord(nextUnclear(word.text, line.plain[page.word]), "unclear");
    page.go(page.line, page.word);
  },
  why() {
    const word = page.currentWord;
    if (!word) return;
    if (word.index === null) { say(t("noWhy")); return; }
    const url = data.urls.why.replace("/0/words/0/", `/${page.current.id}/words/${word.index}/`);
    showWhy(`${url}?below=${Math.round(settings.markBelow * 100)}`);
  },
  illegible() {
    const line = page.current;
    if (!line || page.readOnly) return;
    const decisions = line.words.filter((word) => word.index !== null)
      .map((word) => ({ word: word.index, kind: "unclear", after: "" }));
    page.word = null;
    page.change(line, ILLEGIBLE, decisions);
    page.go(page.line, null);
  },
  comment() { if (page.current) comments.show(page.current); },
  commentPage() { comments.show(null); },
  edit() { lines.edit(); },
  restore() { lines.restore(); },
  read() {
    const line = page.current;
    if (!line) return;
    page.read.add(line.id);
    if (lines.field) lines.commit({ read: true });
    else page.change(line, line.text, readDecisions(line.words, page.below));
    if (doubtfulOnly() && page.hop(1)) return;
    if (page.go(page.line + 1, null)) return;
    page.go(page.line, null);
    say(t("lastLine"));
  },
  line: stepLine,
  word(direction) {
    const line = page.current;
    if (!line || !line.words.length) return;
    const next = page.word === null ? (direction > 0 ? 0 : line.words.length - 1) : page.word + direction;
    if (next >= 0 && next < line.words.length) page.go(page.line, next);
    else if (page.go(page.line + direction, null)) page.go(page.line, direction > 0 ? 0 : Math.max(page.current.words.length - 1, 0));
  },
  undo() { redone(page.undo(), "nothingToUndo"); },
  redo() { redone(page.redo(), "nothingToRedo"); },
  zoom(factor) { viewer?.zoom(factor); },
  fit() { viewer?.fit(); },
  rotate() { viewer?.rotate(); },
  overlay() {
    const shown = viewer?.toggleOverlay();
    $("overlay").setAttribute("aria-pressed", shown);
  },
  light() {
    const name = t(viewer?.nextLight() ?? "lightNormal");
    $("light").title = name;
    $("light").setAttribute("aria-label", name);
    say(name);
  },
  approve() {
    if (!data.inReview) return;
    const { left, total } = page.count();
    const unread = doubtfulOnly() ? 0 : page.lines.filter((line) => line.text && !page.read.has(line.id)).length;
    const missing = unplaced.lines;
    const { displaced } = unplaced;
    const changed = data.changedLines;
    const talked = comments.open;
    if (page.readOnly || !(left || missing || displaced || changed || unread || talked)) { approveNow(); return; }
    $("approve-unread").textContent = unread ? t("unreadLines", { left: unread, total: page.lines.length }) : "";
    $("approve-comments").textContent = talked === 0 ? "" : talked === 1 ? t("commentsOpenOne") : t("commentsOpenMany", { count: talked });
    $("approve-changed").textContent = changed === 0 ? "" : changed === 1 ? t("changedOne") : t("changedMany", { count: changed });
    $("approve-left").textContent = left ? t("approveUnseen", { left, total }) : "";
    $("approve-unplaced").textContent = missing === 0 ? "" : missing === 1 ? t("unplacedOne") : t("unplacedMany", { count: missing });
    $("approve-displaced").textContent = displaced === 0 ? "" : displaced === 1 ? t("displacedOne") : t("displacedMany", { count: displaced });
    $("approve-dialog").showModal();
  },
  skip() {
    if (!data.inReview) return;
    lines.commit();
    $("skip-dialog").showModal();
  },
};

function redone(line, otherwise) {
  say(line ? t("undone", { position: line.position }) : t(otherwise));
}

const LEFT = "longhand:left"; // what the next page says of this one
let news = sessionStorage.getItem(LEFT);
sessionStorage.removeItem(LEFT);
const tellNextPage = (text) => sessionStorage.setItem(LEFT, text);

let leaving = false;

/** Save everything, end the work on this page, open the next; a sentence where that was refused. */
async function leave(url, fields) {
  if (leaving || (page.readOnly && url !== data.urls.skip)) return t("approveFirst");
  leaving = true;
  lines.commit();
  try {
    if (!page.readOnly && !(await saver.settled())) {
      notices.show("approve", "warn", t("approveFirst"));
      askConflict();
      return t("approveFirst");
    }
    const following = new URLSearchParams(data.filter);
    const answer = await post(url, {
      ...Object.fromEntries(following), ...fields, active_seconds: activeSeconds,
    });
    claim.lose();
    if (url === data.urls.approve) tellNextPage(t("approved", { page: data.title }));
    location.assign(answer.next);
    return null;
  } catch (error) {
    if (!(error instanceof Trouble)) throw error;
    if (error.kind === "held") lost(error.message);
    else if (error.kind === "refused") notices.show("approve", "bad", error.message);
    else showTrouble(error.kind);
    return error.body.message ?? t(error.kind === "offline" ? "offline" : "serverDown");
  } finally {
    leaving = false;
  }
}

leavingDialogs(data.urls, leave);

// --- Image and text ---

const comments = new Comments(page, { t, say, settle: () => lines.commit() });

const lines = new Lines($("lines"), page, {
  say, t, drafts,
  act: { take: verbs.take, confirm: verbs.confirm, why: verbs.why, conflict: (line) => askConflict(line), mark: (line) => comments.mark(line), talk: (line) => comments.show(line) },
});
const unplaced = new Unplaced(page, { say, t, commit: () => lines.commit() });
if (!page.lines.length) {
  $("no-lines").textContent = t("noLines");
  $("no-lines").hidden = false;
}

let viewer = null;
if (data.image.width && window.OpenSeadragon) {
  viewer = new Viewer($("image"), page, () => notices.show("image", "warn", t("imageMissing")));
  viewer.addEventListener("pick", ({ detail }) => page.go(...detail));
} else {
  notices.show("image", "warn", t("imageMissing"));
}
makeSplit($("separator"), $("split"), settings, () => {});

// --- Saving, as it is seen ---

function showSaving() {
  const unsaved = page.unsaved().length;
  const seconds = saver.savedAt ? Math.round((Date.now() - saver.savedAt) / 1000) : null;
  const status = $("saving");
  status.dataset.state = unsaved ? (saver.busy && !saver.trouble ? "busy" : "unsaved") : "saved";
  if (unsaved && saver.busy && !saver.trouble) status.textContent = t("saving");
  else if (unsaved) status.textContent = unsaved === 1 ? t("unsavedOne") : t("unsavedMany", { count: unsaved });
  else if (seconds === null) status.textContent = news ?? t("notYet");
  else if (seconds < 2) status.textContent = t("savedNow");
  else status.textContent = seconds < 90 ? t("savedSeconds", { seconds }) : t("savedMinutes", { minutes: Math.round(seconds / 60) });
}
setInterval(showSaving, 1000);

function showTrouble(kind) {
  if (!kind) notices.hide("trouble");
  else if (kind === "signed-out") {
    notices.show("trouble", "bad", t("signedOut"), [{ text: t("signIn"), href: data.urls.login, blank: true }, { text: t("tryNow"), run: retry }]);
  } else {
    notices.show("trouble", "warn", t(kind === "offline" ? "offline" : "serverDown"), [{ text: t("tryNow"), run: retry }]);
  }
}

function retry() {
  if (page.readOnly) claim.take();
  saver.now();
}

saver.addEventListener("status", () => {
  if (saver.trouble || !saver.busy) showTrouble(saver.trouble);
  showSaving();
});
saver.addEventListener("held", ({ detail }) => { claim.lose(); lost(detail); });
saver.addEventListener("refused", ({ detail: { line, message, code } }) => {
  const actions = code === "line-gone" ? [{ text: t("reload"), run: () => location.reload() }] : [];
  notices.show("refused", "bad", t("refused", { line: line.position, message }), actions);
});
saver.addEventListener("conflict", ({ detail: line }) => askConflict(line));
page.addEventListener("line", () => {
  showSaving();
  showCount();
  if (page.unsaved().length) return;
  for (const name of ["approve", "refused"]) notices.hide(name);
  setTimeout(() => notices.hide("restored"), 6000);
});
window.addEventListener("beforeunload", (event) => {
  lines.commit();
  if (page.lines.some((line) => line.status === "dirty" || line.status === "conflict")) event.preventDefault();
});

/** Show both texts of a line; nothing is decided until the reviewer has. */
function askConflict(line = page.lines.find((each) => each.status === "conflict")) {
  const dialog = $("conflict");
  if (!line || line.status !== "conflict" || dialog.open) return;
  page.go(page.lines.indexOf(line), null, { focus: false });
  $("conflict-line").textContent = t("line", { position: line.position });
  $("conflict-mine").textContent = line.text || t("emptyLine");
  $("conflict-theirs").textContent = line.theirs.text || t("emptyLine");
  $("conflict-by").textContent = line.theirs.by;
  const choose = (mine) => {
    saver.resolve(line, mine);
    dialog.close();
    askConflict();
  };
  $("keep-mine").onclick = () => choose(true);
  $("take-theirs").onclick = () => choose(false);
  dialog.showModal();
}

// --- Holding the page ---

function lost(message) {
  lines.commit();
  page.setReadOnly(true);
  notices.show("held", "warn", message, [{ text: t("findOther"), href: data.urls.queue }, { text: t("tryClaim"), run: () => claim.take() }]);
  showEditable();
}

const claim = new Claim(page, {
  held() {
    notices.hide("held");
    page.setReadOnly(false);
    showEditable();
    saver.now();
  },
  lost,
  trouble(kind) { if (!saver.trouble) showTrouble(kind); },
});

function showEditable() {
  document.body.classList.toggle("read-only", page.readOnly);
  document.body.dataset.held = String(!page.readOnly);
  for (const id of ["approve", "nothing"]) $(id)?.setAttribute("aria-disabled", String(page.readOnly));
}

// --- Count, mode, threshold and the other switches ---

function showCount() {
  const { left, total, number } = page.count();
  const text = total === 0 ? t("unsureNone") : left === 0 ? t("unsureDone", { total })
    : number === null ? t("unsureLeft", { left, total }) : t("unsureOf", { number, total });
  $("count").textContent = text;
  $("meter").style.setProperty("--done", total ? `${(100 * (total - left)) / total}%` : "100%");
}
page.addEventListener("place", showCount);

function showMode() {
  const { mode } = settings;
  for (const button of document.querySelectorAll("[data-mode]")) {
    button.setAttribute("aria-pressed", button.dataset.mode === mode);
  }
  if ($("approve-mode")) $("approve-mode").textContent = t(mode);
}
for (const button of document.querySelectorAll("[data-mode]")) button.addEventListener("click", () => {
  settings.mode = button.dataset.mode;
  showMode();
});

const showBelow = () => { $("below-value").textContent = `${Math.round(settings.markBelow * 100)} %`; };
$("below").value = Math.round(settings.markBelow * 100);
$("below").addEventListener("input", () => {
  settings.markBelow = Number($("below").value) / 100;
  showBelow();
  lines.redraw();
  showCount();
});
$("single-keys").checked = settings.singleKeys;
$("single-keys").addEventListener("change", () => { settings.singleKeys = $("single-keys").checked; });
if ($("guidelines")) {
  $("guidelines").open = settings.guidelines;
  $("guidelines").addEventListener("toggle", () => { settings.guidelines = $("guidelines").open; });
}

function approveNow() {
  const read = JSON.stringify([...page.read]);
  leave(data.urls.approve, { mode: settings.mode, read_lines: read, passed_words: page.count().left });
}

const clicks = {
  approve: verbs.approve,
  "approve-sure": () => { $("approve-dialog").close(); approveNow(); },
  skip: verbs.skip,
  previous: () => verbs.hop(-1),
  next: () => verbs.hop(1),
  "zoom-in": () => verbs.zoom(1.35),
  "zoom-out": () => verbs.zoom(1 / 1.35),
  fit: verbs.fit,
  rotate: verbs.rotate,
  light: verbs.light,
  overlay: verbs.overlay,
  undo: verbs.undo,
  redo: verbs.redo,
  history: showHistory,
  comments: verbs.commentPage,
  nothing: () => { if (!page.readOnly) $("nothing-dialog").showModal(); },
  "nothing-sure": () => {
    $("nothing-dialog").close();
    leave(data.urls.approve, { mode: "whole_page", nothing_to_read: "on" });
  },
};
for (const [id, run] of Object.entries(clicks)) $(id)?.addEventListener("click", run);

async function showHistory() {
  if (!page.current) return;
  lines.commit();
  await saver.settled(2000);
  const body = $("history-body");
  body.textContent = "";
  $("history-dialog").showModal();
  try {
    const response = await fetch(data.urls.history.replace("/0/", `/${page.current.id}/`), { redirect: "error" });
    if (!response.ok) throw new Trouble("server");
    body.innerHTML = await response.text();
  } catch {
    body.textContent = t("offline");
  }
}

listen(verbs, lines, settings);
showMode();
showBelow();
showEditable();
const { restored, homeless } = saver.restore();
for (const draft of homeless) {
  // Its line is gone from the page: the reviewer says where the words belong.
  const name = `homeless-${draft.id}`;
  const settle = () => { drafts.drop(draft); notices.hide(name); };
  notices.show(name, "warn", t("homeless", { text: draft.text }), [
    { text: t("useHere"), run: () => { if (!page.readOnly && unplaced.use(draft.text)) settle(); } },
    { text: t("dismiss"), run: settle },
  ]);
}
if (restored) notices.show("restored", "good", restored === 1 ? t("restoredOne") : t("restoredMany", { count: restored }));
if (data.editable) await claim.take();
if (!(doubtfulOnly() && page.hop(1))) page.go(0, null);
showCount();
showSaving();
if (news) say(news);
setTimeout(() => { news = null; }, 6000);
// From a notification: what was said about a line, or (0) about the page.
const talk = location.hash.match(/^#talk-(\d+)$/)?.[1];
if (talk) {
  const about = page.byId(Number(talk));
  if (about) page.go(page.lines.indexOf(about), null);
  comments.show(about ?? null);
}
document.body.dataset.ready = "";
