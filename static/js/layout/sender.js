// Sending changes, one after the other, each based on the version before it. A change that meets no server is kept
// and sent again; one that is refused is not, and the lines are shown as the server has them.

import { Trouble, post } from "../editor/server.js";

const AGAIN = 4000; // milliseconds

export class Sender extends EventTarget {
  /** The sheet takes over what the server answers. Emits "status", "done", "refused", "conflict", "held", "stake". */
  constructor(sheet, urls) {
    super();
    Object.assign(this, { sheet, urls, busy: false, trouble: null, kept: null, chain: Promise.resolve() });
  }

  emit(type, detail) { this.dispatchEvent(new CustomEvent(type, { detail })); }

  get unsaved() { return this.busy || this.kept !== null; }

  change(operation) { return this.#send(this.urls.change, { operation: JSON.stringify(operation) }, operation); }
  /** `sure`: also where words that a person typed lose their line. */
  undo(sure = false) { return this.#send(this.urls.undo, sure ? { sure } : {}); }
  redo(sure = false) { return this.#send(this.urls.redo, sure ? { sure } : {}); }

  /** Try again what was kept. */
  retry() {
    if (!this.kept || this.busy) return;
    const { url, fields, operation } = this.kept;
    this.kept = null;
    this.#send(url, fields, operation, true);
  }

  /** True once the change is made. It waits for those before it; behind one that is kept, none is sent. */
  #send(url, fields, operation = null, again = false) {
    const sent = this.chain.then(() => this.#post(url, fields, operation, again));
    this.chain = sent.catch(() => {});
    return sent;
  }

  async #post(url, fields, operation, again) {
    if (this.sheet.readOnly || this.kept) {
      this.emit("status");
      return false;
    }
    this.busy = true;
    this.emit("status");
    const version = this.sheet.layout.version;
    try {
      const answer = await post(url, { ...fields, version });
      this.trouble = null;
      this.busy = false;
      this.sheet.take(answer.layout, answer.touched);
      this.emit("done", answer.done);
      return true;
    } catch (error) {
      this.busy = false;
      if (!(error instanceof Trouble)) throw error;
      this.#fail(error, { url, fields, operation, again });
      return false;
    } finally {
      this.emit("status");
    }
  }

  #fail(error, request) {
    const { kind, body } = error;
    this.trouble = null;
    if (kind === "conflict" && body.code === "text-at-stake") this.emit("stake", { ...request, message: error.message });
    else if (kind === "conflict") {
      this.sheet.draft = null;
      if (body.layout) this.sheet.take(body.layout);
      this.emit("conflict", { message: error.message, again: request.again });
    } else if (kind === "held") this.emit("held", error.message);
    else if (kind === "refused") {
      this.sheet.draft = null;
      this.sheet.emit("lines");
      this.emit("refused", error.message);
    } else {
      this.trouble = kind;
      this.kept = request;
      clearTimeout(this.timer);
      if (kind !== "signed-out") this.timer = setTimeout(() => this.retry(), AGAIN);
    }
  }
}
