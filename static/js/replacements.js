// The preview of a replacement: places are ticked off, counted on the button, and sent as those to leave.

const form = document.querySelector("[data-replace]");

if (form) {
  const button = form.querySelector("[type=submit]");
  const total = Number(form.dataset.total);
  const boxes = () => [...form.querySelectorAll("[data-place]")];
  const left = () => boxes().filter((box) => !box.checked);

  const count = () => {
    const places = total - left().length;
    const said = places === 1 ? button.dataset.one : button.dataset.many.replace("{count}", places.toLocaleString(document.documentElement.lang));
    button.textContent = places ? said : button.dataset.none;
    button.disabled = !places;
  };

  form.addEventListener("change", count);
  form.addEventListener("submit", () => {
    form.querySelector("[data-leave]").value = left().map((box) => box.dataset.place).join(",");
    button.disabled = true; // a second press must not ask for it twice
  });
  // A page that the browser kept shows what was ticked, not what its button said.
  window.addEventListener("pageshow", () => button && count());

  document.addEventListener("keydown", (event) => {
    const step = { j: 1, k: -1 }[event.key];
    const typing = event.target instanceof Element && event.target.matches("input:not([type=checkbox]), textarea, select");
    if (!step || typing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const all = boxes();
    const at = all.indexOf(document.activeElement);
    const next = all[at < 0 ? 0 : Math.min(Math.max(at + step, 0), all.length - 1)];
    next?.focus();
    next?.closest("li").scrollIntoView({ block: "nearest" });
  });
}
