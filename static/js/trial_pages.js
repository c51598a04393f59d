// The pages of a trial, in its dialog: what a number means is shown beside it.

const config = JSON.parse(document.getElementById("passes-config").textContent);

for (const row of document.querySelectorAll("#try-pages li")) {
  const [input, label, image] = [row.querySelector("input"), row.querySelector(".try-label"), row.querySelector("img")];
  const show = (text, thumbnail = "") => {
    label.textContent = text;
    image.hidden = !thumbnail;
    if (thumbnail) image.src = thumbnail;
  };
  input.addEventListener("change", async () => {
    const asked = input.value;
    if (!asked) {
      show(label.dataset.none);
      return;
    }
    if (!input.checkValidity()) {
      show(label.dataset.gone);
      return;
    }
    const answer = await fetch(config.pages.replace("{number}", encodeURIComponent(asked))).catch(() => null);
    if (input.value !== asked) return;
    if (!answer?.ok) {
      show(label.dataset.gone);
      return;
    }
    const page = await answer.json();
    show(page.lines.length ? page.label : `${page.label}: ${label.dataset.noLines}`, page.thumbnail);
  });
}
