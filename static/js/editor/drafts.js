// Text that the server has not acknowledged, kept on this computer per user and page until it has.

export class Drafts {
  constructor(user, page) {
    this.key = `longhand:drafts:${user}:${page}`;
  }

  all() {
    try {
      return JSON.parse(localStorage.getItem(this.key) ?? "{}");
    } catch {
      return {};
    }
  }

  keep(line, text = line.text) {
    this.#write({ ...this.all(), [line.id]: { text, base: line.revision, decisions: line.decisions } });
  }

  drop(line) {
    const { [line.id]: _, ...others } = this.all();
    this.#write(others);
  }

  #write(drafts) {
    try {
      if (Object.keys(drafts).length) localStorage.setItem(this.key, JSON.stringify(drafts));
      else localStorage.removeItem(this.key);
    } catch {
      // Storage is full or forbidden: the text still stands in the page, and leaving it asks first.
    }
  }
}
