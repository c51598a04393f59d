// Moves pages within their document; the server answers with the order as it is then, also by what others moved.

const list = document.querySelector("[data-order]");
const byName = document.querySelector("[data-by-name]");
const failed = document.querySelector("[data-failed]");
const announce = document.querySelector("[data-announce]");
const text = list.dataset;
const csrf = () => document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1] ?? JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];

const ask = async (body) => {
  failed.hidden = true;
  try {
    const answer = await fetch(text.order, {
      method: "POST",
      headers: { "X-CSRFToken": csrf(), "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    if (!answer.ok || answer.redirected) throw new Error();
    return await answer.json();
  } catch {
    failed.textContent = text.lost;
    failed.hidden = false;
    return null;
  }
};

const number = () => {
  const rows = [...list.children].filter((row) => row.dataset.page);
  rows.forEach((row, index) => {
    row.querySelector("[data-place]").value = index + 1;
    row.querySelector('[data-move="up"]').disabled = index === 0;
    row.querySelector('[data-move="down"]').disabled = index === Number(text.total) - 1;
  });
};

const show = ({ order, by_hand }) => {
  const focused = document.activeElement;
  const rows = new Map([...list.children].map((row) => [Number(row.dataset.page), row]));
  const shown = order.slice(0, rows.size).map((id) => rows.get(id));
  if (shown.every(Boolean)) list.append(...shown); // else pages came or went: the next loading shows them
  number();
  byName.hidden = !by_hand;
  document.querySelector("[data-state]").textContent = by_hand ? text.byHand : text.byFile;
  const still = focused?.disabled ? focused.parentElement.querySelector("button:not([disabled])") : focused;
  still?.focus();
  focused?.closest("li")?.scrollIntoView({ block: "nearest" });
};

const move = async (row, position) => {
  const answer = await ask({ page: Number(row.dataset.page), position });
  if (!answer) return number();
  show(answer);
  const values = { page: row.querySelector("[data-label]").textContent, position: answer.order.indexOf(Number(row.dataset.page)) + 1, total: answer.order.length };
  announce.textContent = text.said.replace(/\{(\w+)\}/g, (_, key) => values[key]);
};

list.addEventListener("click", (event) => {
  const button = event.target.closest("[data-move]");
  if (!button) return;
  const row = button.closest("li");
  move(row, Number(row.querySelector("[data-place]").value) + (button.dataset.move === "up" ? -1 : 1));
});
list.addEventListener("change", (event) => {
  if (!event.target.matches("[data-place]")) return;
  const position = Math.round(Number(event.target.value));
  if (position >= 1) move(event.target.closest("li"), position);
  else number();
});
byName.addEventListener("click", async () => {
  const answer = await ask({ by: "name" });
  if (answer) show(answer);
});
number();
