// The dialog that says who read a word how, and why it is as sure as it is. The server writes it.

let asked = 0;

/** Open the dialog on the account at `url`; an answer that was overtaken by another question is dropped. */
export async function showWhy(url) {
  const dialog = document.getElementById("why-dialog");
  const body = document.getElementById("why-body");
  asked += 1;
  const mine = asked;
  body.textContent = "";
  if (!dialog.open) dialog.showModal();
  try {
    const response = await fetch(url, { redirect: "error" });
    if (!response.ok) throw new Error(response.statusText);
    const written = await response.text();
    if (mine === asked) body.innerHTML = written;
  } catch {
    if (mine === asked) body.textContent = dialog.dataset.failed;
  }
}
