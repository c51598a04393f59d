// Holding the page: taken when the editor opens, renewed every minute, let go when it closes.
// Calls back with held(), lost(message) and trouble(kind).

import { Trouble, beacon, post } from "./server.js";

export class Claim {
  constructor(page, { held, lost, trouble }) {
    this.page = page;
    this.token = null;
    Object.assign(this, { held, lost, trouble });
    window.addEventListener("pagehide", () => this.letGo());
    window.addEventListener("pageshow", (event) => { if (event.persisted) this.take(); });
    document.addEventListener("visibilitychange", () => { if (!document.hidden && this.token) this.#ask("heartbeat"); });
  }

  /** Take the page, or take it again after it was lost. */
  async take() {
    await this.#ask("claim");
    clearInterval(this.timer);
    this.timer = setInterval(() => this.#ask(this.token ? "heartbeat" : "claim"), this.page.data.heartbeatSeconds * 1000);
  }

  async #ask(what) {
    try {
      const answer = await post(this.page.data.urls[what], {});
      const fresh = this.token === null;
      this.token = answer.token;
      this.trouble(null);
      if (fresh) this.held();
    } catch (error) {
      if (!(error instanceof Trouble)) throw error;
      if (error.kind === "held") {
        this.token = null;
        clearInterval(this.timer);
        this.lost(error.message);
      } else {
        this.trouble(error.kind);
      }
    }
  }

  lose() {
    this.token = null;
    clearInterval(this.timer);
  }

  letGo() {
    // With unsaved text the lease just runs out: the page waits a quarter of an hour for its reviewer.
    if (this.token && !this.page.unsaved().length) beacon(this.page.data.urls.release, { token: this.token });
    this.token = null;
  }
}
