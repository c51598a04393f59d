// What of a brought transcript found no place: each piece can be made the text of the current line.

import { remark, typedDecisions } from "./words.js";

const BREATH = 250; // milliseconds after the last save

export class Unplaced {
  /** `say` announces; `t` fills the wording. */
  constructor(page, { say, t, commit }) {
    Object.assign(this, { page, say, t, commit });
    document.addEventListener("click", (event) => this.#click(event));
    page.addEventListener("line", ({ detail: line }) => {
      if (line.status === "saved" && this.box) this.#soon();
    });
  }

  get box() { return document.getElementById("unplaced"); }
  get lines() { return Number(this.box?.dataset.lines ?? 0); }

  #click(event) {
    const button = event.target instanceof Element ? event.target.closest("[data-use]") : null;
    if (!button || this.page.readOnly) return;
    this.commit();
    const { current: line } = this.page;
    if (!line) return;
    const text = button.dataset.use;
    this.page.change(line, text, typedDecisions(line.words, remark(line.words, text)));
    this.page.go(this.page.line, null, { focus: false });
    this.say(this.t("used", { position: line.position, text }));
  }

  #soon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#renew(), BREATH);
  }

  /** The server says what is left; the place in the list and the focus stay. */
  async #renew() {
    let html;
    try {
      const response = await fetch(this.page.data.urls.unplaced, { redirect: "error" });
      if (!response.ok) return;
      html = await response.text();
    } catch {
      return; // the next save asks again
    }
    const old = this.box;
    if (!old) return;
    const at = [...old.querySelectorAll("[data-use]")].indexOf(document.activeElement);
    const scroll = old.querySelector("ul").scrollTop;
    const fresh = new DOMParser().parseFromString(html, "text/html").getElementById("unplaced");
    if (!fresh) {
      old.remove();
      if (at >= 0) document.getElementById("lines").focus();
      return;
    }
    fresh.open = old.open;
    old.replaceWith(fresh);
    fresh.querySelector("ul").scrollTop = scroll;
    const buttons = fresh.querySelectorAll("[data-use]");
    if (at >= 0) buttons[Math.min(at, buttons.length - 1)]?.focus();
  }
}
