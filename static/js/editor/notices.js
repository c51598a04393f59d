// Sentences over the editor that stay until they are no longer true, each with its next step.

export class Notices {
  constructor(element) {
    this.element = element;
    this.shown = new Map();
  }

  /** `actions` are {text, href} or {text, run}. The same notice shown again is not announced again. */
  show(name, kind, text, actions = []) {
    const known = this.shown.get(name);
    if (known?.dataset.text === text) return;
    this.hide(name);
    const notice = document.createElement("div");
    notice.className = `notice notice-${kind}`;
    notice.dataset.text = text;
    notice.dataset.notice = name;
    const sentence = document.createElement("span");
    sentence.className = "grow";
    sentence.textContent = text;
    notice.append(sentence, ...actions.map((action) => this.#action(action)));
    this.shown.set(name, notice);
    this.element.append(notice);
  }

  hide(name) {
    this.shown.get(name)?.remove();
    this.shown.delete(name);
  }

  #action({ text, href, run, blank }) {
    const element = document.createElement(href ? "a" : "button");
    element.className = "button button-small";
    element.textContent = text;
    if (href) {
      element.href = href;
      if (blank) element.target = "_blank";
    } else {
      element.type = "button";
      element.addEventListener("click", run);
    }
    return element;
  }
}
