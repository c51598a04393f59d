// Keeps #live fresh while machines work: every 2 s, every 15 s in a hidden tab, not at all when nothing moves.

const FAST = 2000;
const SLOW = 15000;
const GRID_EVERY = 6000;
const SAY_EVERY = 10000;

const live = document.getElementById("live");
const announcer = document.querySelector("[data-announce]");
const title = document.title;
let timer = 0;
let running = live?.dataset.poll === "on";
let version = live?.querySelector("[data-version]")?.dataset.version;
let gridDue = false;
let gridAt = 0;
let saidAt = 0;

const schedule = () => {
  clearTimeout(timer);
  if (running) timer = setTimeout(poll, document.hidden ? SLOW : FAST);
};

const poll = () => {
  // What can be focused in there has an id, so that htmx gives it its focus back; a dialog is left in peace.
  if (document.querySelector("dialog[open]")) schedule();
  else live.dispatchEvent(new CustomEvent("longhand:poll"));
};

const refreshGrid = () => {
  const holder = document.querySelector("[data-grid]");
  if (!holder || !gridDue || Date.now() - gridAt < GRID_EVERY) return;
  gridDue = false;
  gridAt = Date.now();
  window.htmx.ajax("GET", holder.dataset.grid, { target: "#pages", swap: "innerHTML" });
};

const showState = () => {
  const state = live.querySelector("[data-version]");
  if (!state) return;
  document.title = state.dataset.share ? `(${state.dataset.share.replace(" ", "")}) ${title}` : title;
  if (state.dataset.version !== version) {
    version = state.dataset.version;
    gridDue = true;
  }
  // Not every 2 s, but the end is always said.
  if (announcer && (!running || Date.now() - saidAt > SAY_EVERY) && announcer.textContent !== state.dataset.say) {
    saidAt = Date.now();
    announcer.textContent = state.dataset.say;
  }
  refreshGrid();
};

if (live) {
  let opened = [];
  live.addEventListener("htmx:beforeSwap", (event) => {
    opened = [...live.querySelectorAll("details[open][id]")].map((details) => details.id);
    // 286 is htmx's "no more"; the answer itself is still shown.
    if (event.detail.xhr.status === 286) {
      running = false;
      gridDue = true;
      gridAt = 0;
    }
  });
  live.addEventListener("htmx:afterSwap", () => {
    for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
    showState();
  });
  live.addEventListener("htmx:afterRequest", schedule);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && running) poll();
  });
  showState();
  schedule();
}
