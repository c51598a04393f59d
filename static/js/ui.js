// What every screen shares: dialogs, menus, the list of keys, dismissed messages, copied text.

const inText = (element) =>
  element instanceof HTMLElement &&
  (element.isContentEditable || element.matches("input:not([type=checkbox], [type=radio], [type=range]), textarea, select"));

document.addEventListener("click", async (event) => {
  const target = event.target instanceof Element ? event.target : null;
  if (!target) return;

  const opener = target.closest("[data-dialog]");
  if (opener) {
    event.preventDefault();
    document.getElementById(opener.dataset.dialog)?.showModal();
    opener.closest("details.menu")?.removeAttribute("open");
    return;
  }
  const closer = target.closest("[data-close]");
  if (closer) {
    closer.closest("dialog")?.close();
    closer.closest("[data-dismissable]")?.remove();
    return;
  }
  if (target instanceof HTMLDialogElement) target.close(); // the backdrop is part of the dialog element
  const copier = target.closest("[data-copy]");
  if (copier) {
    await navigator.clipboard.writeText(copier.dataset.copy);
    copier.textContent = copier.dataset.copied;
  }
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(target)) menu.removeAttribute("open");
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    const menu = document.querySelector("details.menu[open]");
    menu?.removeAttribute("open");
    menu?.querySelector("summary")?.focus();
  }
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || inText(event.target)) return;
  if (event.key === "?") document.getElementById("keys")?.showModal();
  if (event.key === "/") {
    // Where a screen has a filter of its own, that is nearer than the search of everything.
    const search = document.querySelector("[data-filter]") ?? document.querySelector("[data-search]");
    if (search) {
      event.preventDefault();
      search.focus();
    }
  }
});

// A select marked so applies its form at once; without scripts the form's own button does it.
document.addEventListener("change", (event) => {
  if (event.target instanceof HTMLElement && event.target.matches("[data-submit]")) event.target.closest("form")?.requestSubmit();
});
