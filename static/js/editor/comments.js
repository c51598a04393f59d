// Comments on lines and on the page: marks in the text, a dialog with what was said, and a field that forgets nothing.

import { make } from "./element.js";
import { Trouble, post } from "./server.js";

const $ = (id) => document.getElementById(id);
const PAGE = 0; // stands for the page itself, where lines have ids

export class Comments {
  /** `settle` closes an open field before the dialog covers it; `t` and `say` as everywhere. */
  constructor(page, { t, say, settle }) {
    Object.assign(this, { page, t, say, settle });
    this.talks = page.data.comments;
    this.about = PAGE;
    $("comments-form").addEventListener("submit", (event) => { event.preventDefault(); this.#send(); });
    $("comments-text").addEventListener("input", () => this.#keep());
    $("comments-text").addEventListener("keydown", (event) => {
      if ((event.ctrlKey || event.metaKey) && event.key === "Enter") { event.preventDefault(); $("comments-form").requestSubmit(); }
    });
    $("comments-body").addEventListener("click", (event) => {
      const button = event.target.closest("[data-thread]");
      if (button) this.#turn(button.dataset.thread, "reopen" in button.dataset);
    });
    $("comments-dialog").addEventListener("close", () => this.page.go(this.page.line, this.page.word));
    this.#count();
  }

  get open() { return Object.values(this.talks).filter((talk) => talk.open).length; }

  /** What a line shows of its comments; null where nothing was said. */
  mark(line) {
    const talk = this.talks[line.id];
    if (!talk?.said) return null;
    const name = this.t(talk.open ? "commentOpen" : "commentResolved", { count: talk.said });
    return make("button", {
      type: "button", className: `line-talk${talk.open ? " line-talk-open" : ""}`, tabIndex: -1, textContent: talk.said,
      title: name, ariaLabel: name, dataset: { talk: line.id },
    });
  }

  /** Show what was said about `line`, or about the page where it is null. */
  async show(line) {
    this.settle();
    this.about = line ? line.id : PAGE;
    $("comments-title").textContent = line ? this.t("commentsOfLine", { position: line.position }) : this.t("commentsOfPage");
    $("comments-line").textContent = line ? line.text || this.t("emptyLine") : "";
    $("comments-text").value = this.#kept();
    $("comments-body").replaceChildren();
    this.#fault("");
    $("comments-dialog").showModal();
    $("comments-text").focus();
    await this.#load();
  }

  async #load() {
    const about = this.about;
    try {
      const query = about ? `?line=${about}` : "";
      const response = await fetch(`${this.page.data.urls.comments}${query}`, { redirect: "error" });
      if (!response.ok) throw new Trouble("server");
      const said = await response.text();
      if (about === this.about) $("comments-body").innerHTML = said;
    } catch {
      $("comments-body").textContent = this.t("offline");
    }
  }

  async #send() {
    const field = $("comments-text");
    const text = field.value.trim();
    if (!text || this.sending) return;
    this.sending = true;
    try {
      this.#take(await post(this.page.data.urls.say, { line: this.about || "", text }));
      if (field.value.trim() === text) {
        field.value = "";
        this.#keep();
      }
      this.#fault("");
      this.say(this.t("commentSaid"));
      await this.#load();
    } catch (error) {
      this.#trouble(error);
    } finally {
      this.sending = false;
    }
  }

  async #turn(thread, reopen) {
    try {
      const url = this.page.data.urls.resolve.replace("/0/", `/${thread}/`);
      this.#take(await post(url, reopen ? { reopen: "on" } : {}));
      this.say(this.t("commentTurned"));
      await this.#load();
      $("comments-text").focus();
    } catch (error) {
      this.#trouble(error);
    }
  }

  #trouble(error) {
    if (!(error instanceof Trouble)) throw error;
    const sentences = { offline: "offline", "signed-out": "signedOut", server: "serverDown" };
    const message = error.body.message ?? this.t(sentences[error.kind] ?? "serverDown");
    this.#fault(this.t("commentFailed", { message }));
  }

  #fault(message) {
    $("comments-fault").hidden = !message;
    $("comments-fault").textContent = message;
  }

  #take({ comments }) {
    const before = this.talks;
    this.talks = comments;
    this.#count();
    for (const line of this.page.lines) if (before[line.id] || comments[line.id]) this.page.emit("talk", line);
  }

  #count() {
    $("comments-open").textContent = this.open;
    $("comments-open").hidden = this.open === 0;
  }

  #kept() {
    try {
      return localStorage.getItem(this.#key) ?? "";
    } catch {
      return "";
    }
  }

  get #key() { return `longhand:comment:${this.page.data.user}:${this.page.data.id}:${this.about}`; }

  #keep() {
    try {
      if ($("comments-text").value.trim()) localStorage.setItem(this.#key, $("comments-text").value);
      else localStorage.removeItem(this.#key);
    } catch {
      // Storage is full or forbidden: the text still stands in its field.
    }
  }
}
