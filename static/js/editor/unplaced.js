// Text without a line: what of a brought transcript found no place, and what lost its line when lines were found anew.
// Each piece can be made the text of the current line; what lost its line can be dismissed too.

import { post, Trouble } from "./server.js";
import { remark, typedDecisions } from "./words.js";

const BREATH = 250; // milliseconds after the last save
const LISTS = ["unplaced", "displaced"];
const BUTTONS = "[data-use], [data-dismiss]";

export class Unplaced {
  /** `say` announces; `t` fills the wording. */
  constructor(page, { say, t, commit }) {
    Object.assign(this, { page, say, t, commit });
    this.used = new Map(); // line id → the displaced text that was put on it and is not saved yet
    document.addEventListener("click", (event) => this.#click(event));
    page.addEventListener("line", ({ detail: line }) => {
      if (line.status !== "saved") return;
      if (this.used.has(line.id)) this.#settle(this.used.get(line.id), { outcome: "used", line: line.id });
      else if (LISTS.some((id) => document.getElementById(id))) this.#soon();
      this.used.delete(line.id);
    });
  }

  get lines() { return Number(document.getElementById("unplaced")?.dataset.lines ?? 0); }
  get displaced() { return Number(document.getElementById("displaced")?.dataset.count ?? 0); }

  #click(event) {
    const button = event.target instanceof Element ? event.target.closest(BUTTONS) : null;
    if (!button || this.page.readOnly) return;
    if (button.dataset.dismiss) {
      this.#settle(button.dataset.dismiss, { outcome: "dismissed" });
      return;
    }
    this.use(button.dataset.use, button.dataset.displaced);
  }

  /** Make `text` that of the current line; false where there is none. `displaced` is settled once that is saved. */
  use(text, displaced = null) {
    this.commit();
    const { current: line } = this.page;
    if (!line) return false;
    if (displaced) this.used.set(line.id, displaced);
    this.page.change(line, text, typedDecisions(line.words, remark(line.words, text)));
    this.page.go(this.page.line, null, { focus: false });
    this.say(this.t("used", { position: line.position, text }));
    return true;
  }

  async #settle(id, fields) {
    try {
      await post(this.page.data.urls.displaced.replace("/0/", `/${id}/`), fields);
    } catch (error) {
      if (!(error instanceof Trouble)) throw error; // else it stays listed
      if (error.kind !== "offline") this.say(error.message);
    }
    this.#soon();
  }

  #soon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#renew(), BREATH);
  }

  /** The server says what is left; the place in the lists and the focus stay. */
  async #renew() {
    let html;
    try {
      const response = await fetch(this.page.data.urls.unplaced, { redirect: "error" });
      if (!response.ok) return;
      html = await response.text();
    } catch {
      return; // the next save asks again
    }
    const fresh = new DOMParser().parseFromString(html, "text/html");
    for (const id of LISTS) this.#replace(document.getElementById(id), fresh.getElementById(id));
  }

  #replace(old, fresh) {
    if (!old) return;
    const at = [...old.querySelectorAll(BUTTONS)].indexOf(document.activeElement);
    const scroll = old.querySelector("ul").scrollTop;
    if (!fresh) {
      old.remove();
      if (at >= 0) document.getElementById("lines").focus();
      return;
    }
    fresh.open = old.open;
    old.replaceWith(fresh);
    fresh.querySelector("ul").scrollTop = scroll;
    const buttons = fresh.querySelectorAll(BUTTONS);
    if (at >= 0) buttons[Math.min(at, buttons.length - 1)]?.focus();
  }
}
