// Reading the changed lines again: the button, how many wait, and following the readers until they are done.

import { Trouble, post } from "../editor/server.js";

const EVERY = 1000; // milliseconds between two looks while the page is being read
const SLOWLY = 10_000; // after something failed, which a person must look at

export class Reading {
  constructor(sheet, urls, { $, t, say, notices, claim, editable }) {
    Object.assign(this, { sheet, urls, $, t, say, notices, claim, editable, busy: false });
    $("reread").addEventListener("click", () => this.begin());
  }

  show() {
    const { t, $ } = this;
    const { waiting, stale, reading, inReview } = this.sheet.layout;
    const button = $("reread");
    const idle = !stale || reading !== null;
    button.setAttribute("aria-disabled", String(idle || this.sheet.readOnly));
    button.textContent = !stale ? t("readNothing") : waiting === 0 ? t("readNone") : waiting === 1 ? t("readOne") : t("readMany", { count: waiting });
    button.classList.toggle("button-primary", !idle);
    $("waiting").textContent = reading !== null
      ? (reading === 0 ? t("readingRest") : reading === 1 ? t("readingOne") : t("readingMany", { count: reading }))
      : !stale ? t("waitNothing") : waiting === 0 ? t("waitNone") : waiting === 1 ? t("waitOne") : t("waitMany", { count: waiting });
    $("waiting").dataset.waits = String(stale || reading !== null);
    // On an approved page nothing is asked for.
    for (const id of ["reread", "waiting"]) $(id).hidden = !inReview && reading === null;
  }

  async begin() {
    if (!this.editable() || !this.sheet.layout.stale || this.busy) return;
    this.busy = true; // from now on the page is not ours to hold
    try {
      const answer = await post(this.urls.reread, {});
      this.claim().lose();
      this.sheet.take(answer.layout);
      this.sheet.setReadOnly(true);
      this.say(this.$("waiting").textContent);
      this.follow();
    } catch (error) {
      this.busy = false;
      if (!(error instanceof Trouble)) throw error;
      const known = error.kind === "held" || error.kind === "refused";
      this.notices.show("refused", "warn", known ? error.message : this.t(error.kind === "signed-out" ? "signedOut" : "offline"));
    }
  }

  /** Look again and again until the page is back from the readers. */
  follow() {
    if (this.sheet.layout.reading === null) return;
    this.busy = true;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#look(), this.sheet.layout.failure ? SLOWLY : EVERY);
  }

  async #look() {
    let layout = null;
    try {
      const response = await fetch(this.urls.state, { headers: { Accept: "application/json" }, redirect: "error" });
      if (response.ok) ({ layout } = await response.json());
    } catch {
      // The server is away for a moment; the next look will tell.
    }
    if (layout) {
      if (JSON.stringify(layout) !== JSON.stringify(this.sheet.layout)) this.sheet.take(layout);
      if (layout.failure) {
        this.notices.show("reading", "bad", this.t("readFailed", { message: layout.failure }), [{ text: this.t("openPage"), href: this.urls.page }]);
      } else this.notices.hide("reading");
      if (layout.reading === null) {
        this.busy = false;
        this.say(this.t("readDone"));
        this.notices.show("read", "good", this.t("readDone"), [{ text: this.t("toText"), href: this.urls.editor }]);
        setTimeout(() => this.notices.hide("read"), 10_000);
        if (layout.inReview) await this.claim().take();
        return;
      }
    }
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#look(), layout?.failure ? SLOWLY : EVERY);
  }
}
