// Saves lines one after the other. What cannot be saved now stays a draft and is tried again, ever more slowly.
// Emits "status" on every change; "conflict" (detail: the line), "held" (detail: message), "refused" (detail).

import { Trouble, post } from "./server.js";

const FIRST_WAIT = 1000;
const LONGEST_WAIT = 30_000;

export class Saver extends EventTarget {
  constructor(page, drafts) {
    super();
    this.page = page;
    this.drafts = drafts;
    this.trouble = null; // offline, server or signed-out
    this.savedAt = null;
    this.busy = false;
    this.wait = FIRST_WAIT;
    page.addEventListener("line", ({ detail: line }) => {
      if (line.status === "saved") this.drafts.drop(line);
      else this.drafts.keep(line);
      if (line.status === "dirty") this.soon();
    });
    window.addEventListener("online", () => this.now());
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.now(); });
  }

  emit(type, detail) { this.dispatchEvent(new CustomEvent(type, { detail })); }
  soon() { queueMicrotask(() => this.#drain()); }

  /** Try at once, whatever the back-off. */
  now() {
    clearTimeout(this.timer);
    this.timer = null;
    this.soon();
  }

  /** Resolves to true when everything is saved, to false when that takes longer than `milliseconds`. */
  async settled(milliseconds = 8000) {
    const end = Date.now() + milliseconds;
    this.now();
    while (this.page.unsaved().length) {
      const stuck = this.page.unsaved().every((line) => line.status !== "dirty");
      if (stuck || this.page.readOnly || Date.now() > end) return false;
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
    return true;
  }

  async #drain() {
    if (this.busy || this.timer || this.page.readOnly) return;
    const line = this.page.lines.find((each) => each.status === "dirty");
    if (!line) return;
    this.busy = true;
    this.emit("status");
    const sent = { text: line.text, decisions: [...line.decisions] };
    try {
      const answer = await post(this.page.data.urls.save.replace("/0/", `/${line.id}/`), {
        text: sent.text, base_revision: line.revision, decisions: JSON.stringify(sent.decisions),
      });
      this.trouble = null;
      this.wait = FIRST_WAIT;
      this.savedAt = Date.now();
      this.page.acknowledge(line, answer.line, sent);
    } catch (error) {
      if (!(error instanceof Trouble)) throw error;
      this.#inTrouble(line, error);
    } finally {
      this.busy = false;
      this.emit("status");
    }
    this.soon();
  }

  #inTrouble(line, { kind, body, message }) {
    if (kind === "conflict" && body.current) {
      if (body.current.text === line.text) { // both wrote the same: only the revision is news
        line.revision = body.current.number;
        if (!line.decisions.length) line.status = "saved";
        this.page.emit("line", line);
        return;
      }
      line.status = "conflict";
      line.theirs = body.current;
      this.page.emit("line", line);
      this.emit("conflict", line);
    } else if (kind === "held") {
      this.emit("held", message);
    } else if (kind === "refused" || kind === "conflict") {
      line.status = "refused";
      this.page.emit("line", line);
      this.emit("refused", { line, message, code: body.code });
    } else {
      this.trouble = kind;
      this.timer = setTimeout(() => this.now(), this.wait);
      this.wait = Math.min(this.wait * 2, LONGEST_WAIT);
    }
  }

  /** The reviewer has chosen between both texts of a line. */
  resolve(line, keepMine) {
    line.revision = line.theirs.number;
    line.status = "dirty";
    if (!keepMine) {
      line.decisions = [];
      this.page.change(line, line.theirs.text);
      if (line.text === line.theirs.text) line.status = "saved";
    }
    delete line.theirs;
    this.page.emit("line", line);
  }

  /** Take up what was not saved last time: how many lines were `restored`, and texts whose line is `homeless`. */
  restore() {
    let restored = 0;
    const homeless = [];
    for (const [id, draft] of Object.entries(this.drafts.all())) {
      const line = this.page.byId(Number(id));
      if (!line && draft.text.trim()) {
        homeless.push({ id, text: draft.text });
        continue;
      }
      if (!line || (draft.text === line.text && !draft.decisions.length)) {
        this.drafts.drop({ id });
        continue;
      }
      restored += 1;
      line.revision = Math.min(draft.base, line.revision); // an older base ends in a question, never in an overwrite
      this.page.change(line, draft.text, draft.decisions, { force: true, remember: false });
      this.page.emit("line", line);
    }
    return { restored, homeless };
  }
}
