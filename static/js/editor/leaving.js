// The dialogs that end the work on a page otherwise than by approving it: skipping, and sending it back with a note.

const $ = (id) => document.getElementById(id);

/** `leave(url, fields)` resolves to a sentence on what went wrong, or to nothing. */
export function leavingDialogs(urls, leave) {
  $("skip-form")?.addEventListener("submit", (event) => {
    event.preventDefault();
    $("skip-dialog").close();
    leave(urls.skip, Object.fromEntries(new FormData(event.target)));
  });

  for (const button of document.querySelectorAll("[data-return]")) {
    button.addEventListener("click", () => {
      const dialog = $("return-dialog");
      dialog.dataset.kind = button.dataset.return;
      for (const each of dialog.querySelectorAll("[data-for]")) each.hidden = each.dataset.for !== dialog.dataset.kind;
      $("return-fault").hidden = true;
      dialog.showModal();
      $("return-note").focus();
    });
  }
  $("return-form")?.addEventListener("submit", async (event) => {
    event.preventDefault();
    const dialog = $("return-dialog");
    const fault = await leave(urls.return, { kind: dialog.dataset.kind, note: $("return-note").value });
    $("return-fault").hidden = !fault;
    $("return-fault").textContent = fault ?? "";
  });
}
