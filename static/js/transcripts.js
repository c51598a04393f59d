// Sends many transcripts a hundred at a time, so that no number of them is too many for one request.

const BATCH = 100;
const form = document.querySelector("[data-transcripts]");
const figures = form.querySelector("[data-figures]");
const button = form.querySelector("[type=submit]");
const input = form.querySelector("[type=file]");

form.addEventListener("submit", async (event) => {
  if (input.files.length <= BATCH) return; // the browser sends it by itself
  event.preventDefault();
  button.disabled = true;
  const files = [...input.files].sort((a, b) => a.name.localeCompare(b.name));
  for (let done = 0; done < files.length; done += BATCH) {
    figures.textContent = form.dataset.sending.replace("{done}", done).replace("{total}", files.length);
    const data = new FormData(form);
    data.delete("files");
    for (const file of files.slice(done, done + BATCH)) data.append("files", file);
    if (done) data.append("going-on", "yes");
    try {
      // Not followed: the screen it leads to would show the report, which is meant for the end.
      const answer = await fetch(form.action, { method: "POST", body: data, redirect: "manual" });
      if (answer.type !== "opaqueredirect") throw new Error(String(answer.status));
    } catch {
      figures.textContent = form.dataset.network;
      button.disabled = false;
      return;
    }
  }
  location.assign(location.pathname);
});
