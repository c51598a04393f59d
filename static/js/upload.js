// The upload screen: what was chosen is compared with what is here, the rest is sent; one figure for all of it and a
// row for problems only.

import { chosen, dropped } from "./upload/choose.js";
import { Sender } from "./upload/sender.js";

const STATUS_EVERY = 2000;
const STATUS_WHILE_SENDING = 10000; // what is opened meanwhile can wait: the server is busy receiving
const DRAW_EVERY = 250;
const RATE_WINDOW = 8000;
const SAY_EVERY = 10000;
const ASKED_AT_ONCE = 500;
const ROWS_SHOWN = 50;

const config = JSON.parse(document.getElementById("upload-config").textContent);
const screen = document.querySelector("[data-upload]");
const text = document.querySelector("[data-texts]").dataset;
const part = (name) => screen.querySelector(`[data-${name}]`);
// From the cookie at the time of asking: logging in again in another tab gives a new one.
const csrf = () => document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1] ?? JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];
const title = document.title;

const problems = new Map(); // item -> {message, code, final, choices, id}
const totals = { files: 0, bytes: 0, sent: 0, sentBytes: 0, here: 0, hereBytes: 0 };
const samples = []; // [time, bytes] of the last seconds
const asking = { files: 0, done: 0 };
let places = config.places; // where this upload's files and status are, once it has begun
let beginning = null;
let cancelled = false;
let saidAt = 0;
let statusTimer = 0;
let undescribed = []; // whole files about which a person is to be asked
let describing = 0;
let drawing = 0;
let drawnAt = -DRAW_EVERY;

const fill = (pattern, values) => pattern.replace(/\{(\w+)\}/g, (_, key) => values[key]);
const size = (bytes) => {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value >= 100 || unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
};
const time = (seconds) =>
  seconds < 90 ? `${Math.max(1, Math.round(seconds))} s` : seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;

const sender = new Sender({
  pieceBytes: config.pieceBytes,
  csrf,
  text,
  told: {
    changed: () => draw(),
    halted: (message) => notice(message),
    settled: (item) => {
      totals.sent += 1;
      totals.sentBytes += item.file.size;
      if (item.state === "undecided") describe(item);
      pollStatus();
    },
    refused: (item, problem) => fail(item, problem),
  },
});

// --- Talking to the server

class Halted extends Error {}

const post = async (url, body) => {
  for (let pause = 1000; ; pause = Math.min(pause * 2, 30000)) {
    let answer = null;
    try {
      answer = await fetch(url, {
        method: "POST",
        headers: { "X-CSRFToken": csrf(), Accept: "application/json" },
        body: body instanceof URLSearchParams ? body : new Blob([JSON.stringify(body)], { type: "application/json" }),
      });
    } catch {
      // The network is away: like the files, the question waits for it.
    }
    if (answer?.redirected || answer?.status === 401 || answer?.status === 403) throw new Halted(text.loggedOut);
    if (answer?.ok) return answer.json();
    if (answer && answer.status < 500) throw new Halted((await answer.json().catch(() => ({}))).message || text.server);
    notice(answer ? text.server : text.network);
    await new Promise((resolve) => setTimeout(resolve, pause));
    if (cancelled) throw new Halted("");
    notice("");
  }
};

const begin = async () => {
  if (!places) {
    const transcripts = part("transcripts");
    beginning ??= post(config.start, new URLSearchParams({ transcripts: transcripts?.value ?? "" }));
    try {
      places = await beginning;
      if (transcripts) transcripts.disabled = true; // said once for all that is sent together
    } finally {
      beginning = null;
    }
    history.replaceState(null, "", places.page);
  }
  sender.endpoint = new URL(places.files, location).href;
};

// --- Choosing: the server says what of it is missing

const add = async (items) => {
  if (!items.length) return;
  if (cancelled) reset();
  part("progress").hidden = false;
  part("drop").classList.add("compact");
  for (const item of items) {
    totals.files += 1;
    totals.bytes += item.file.size;
  }
  asking.files += items.length;
  await compare(items);
};

const compare = async (items) => {
  draw();
  let at = 0;
  const before = {};
  const bytes = items.reduce((sum, item) => sum + item.file.size, 0);
  try {
    await begin();
    while (at < items.length && !cancelled) {
      const some = items.slice(at, at + ASKED_AT_ONCE);
      const files = some.map((item) => [item.path, item.file.size, item.file.lastModified]);
      const answer = await post(places.manifest, { files, before, bytes: at ? 0 : bytes });
      if (answer.warning) notice(answer.warning);
      sort(some, answer.files);
      for (const item of some) {
        const folder = item.path.split("/").slice(0, -1).join("/");
        if (folder) before[folder] = (before[folder] ?? 0) + 1;
      }
      at += some.length;
      asking.done += some.length;
    }
  } catch (error) {
    if (!(error instanceof Halted)) throw error;
    if (cancelled) return;
    const rest = items.slice(at);
    notice(error.message, () => compare(rest));
    return;
  }
  if (asking.done >= asking.files) asking.files = asking.done = 0;
  draw();
};

const sort = (items, answers) => {
  const missing = [];
  items.forEach((item, index) => {
    const answer = answers[index];
    if (!answer) missing.push(item);
    else if (answer.standing === "here") {
      totals.here += 1;
      totals.hereBytes += item.file.size;
    } else if (answer.standing === "partly") {
      item.url = new URL(answer.url, location).href;
      missing.push(item);
    } else if (answer.standing === "undecided") {
      totals.sent += 1;
      totals.sentBytes += item.file.size;
      fail(item, answer);
    } else fail(item, { ...answer, again: !answer.final });
  });
  sender.add(missing);
};

const reset = () => {
  cancelled = false;
  Object.assign(totals, { files: 0, bytes: 0, sent: 0, sentBytes: 0, here: 0, hereBytes: 0 });
  Object.assign(asking, { files: 0, done: 0 });
  problems.clear();
};

for (const button of screen.querySelectorAll("[data-choose]")) {
  const input = screen.querySelector(`[data-input="${button.dataset.choose}"]`);
  button.addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    const items = chosen(input.files);
    input.value = "";
    add(items);
  });
}

let dragDepth = 0;
const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
window.addEventListener("dragenter", (event) => {
  if (!carriesFiles(event)) return;
  dragDepth += 1;
  part("drop").classList.add("over");
});
window.addEventListener("dragleave", (event) => {
  if (!carriesFiles(event)) return;
  dragDepth -= 1;
  if (dragDepth <= 0) part("drop").classList.remove("over");
});
window.addEventListener("dragover", (event) => carriesFiles(event) && event.preventDefault());
window.addEventListener("drop", (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault();
  dragDepth = 0;
  part("drop").classList.remove("over");
  dropped(event.dataTransfer).then(add);
});

// --- Problems, and files that are known already

const describe = (item) => {
  undescribed.push(item);
  describing ||= setTimeout(async () => {
    describing = 0;
    const items = undescribed.splice(0, ASKED_AT_ONCE);
    const files = items.map((each) => [each.path, each.file.size, each.file.lastModified]);
    try {
      const answer = await post(places.manifest, { files });
      items.forEach((each, index) => answer.files[index]?.standing === "undecided" && fail(each, answer.files[index]));
    } catch {
      undescribed.push(...items); // shown when the page is loaded again, if not before
    }
    if (undescribed.length) describe(undescribed.pop());
  }, 300);
};

const fail = (item, problem) => {
  problems.set(item, problem);
  draw();
};

const row = (item, problem) => {
  const made = document.querySelector("template[data-problem]").content.firstElementChild.cloneNode(true);
  made.classList.toggle("problem-duplicate", Boolean(problem.choices));
  made.querySelector("b").textContent = item.path;
  made.querySelector("b").hidden = problem.message.includes(item.path);
  made.querySelector("p span").textContent = problem.message;
  for (const button of made.querySelectorAll("[data-act]")) {
    const act = button.dataset.act;
    button.hidden = act === "retry" ? !problem.again : act === "skip" ? false : !problem.choices?.includes(act);
    button.addEventListener("click", () => decide(act, [item]));
  }
  return made;
};

const decide = async (act, items) => {
  const known = items.filter((item) => problems.get(item)?.id);
  if (act === "retry" || act === "skip") {
    for (const item of items.filter((each) => !problems.get(each)?.id)) {
      problems.delete(item);
      if (act === "skip") {
        totals.files -= 1;
        totals.bytes -= item.file.size;
      } else {
        item.tries = 0;
        sender.add([item]);
      }
    }
  }
  draw();
  if (act !== "retry" && known.length) await settle(act, known, false);
  (screen.querySelector("[data-problems] button:not([hidden])") ?? part("headline")).focus?.();
};

const settle = async (choice, items, all) => {
  const byId = new Map(items.map((item) => [problems.get(item).id, item]));
  try {
    let ids = [...byId.keys()];
    do {
      const answer = await post(places.decide, { choice, files: ids.splice(0, 100), all });
      for (const id of answer.decided) if (byId.has(id)) problems.delete(byId.get(id));
      for (const [id, message] of Object.entries(answer.refused)) if (byId.has(id)) problems.set(byId.get(id), { message, again: false });
      if (!answer.decided.length && !ids.length) break;
      draw();
      if (all && !ids.length && !answer.waiting) break;
    } while (ids.length || all);
  } catch (error) {
    if (!(error instanceof Halted)) throw error;
    notice(error.message);
  }
  pollStatus();
  draw();
};

for (const button of screen.querySelectorAll("[data-all]")) {
  button.addEventListener("click", () => {
    const choice = button.dataset.all;
    const items = [...problems.keys()].filter((item) => problems.get(item).choices?.includes(choice));
    settle(choice, items, true);
  });
}

const showProblems = () => {
  const shown = [...problems].slice(0, ROWS_SHOWN);
  const list = part("problems");
  const rows = new Map([...list.children].map((each) => [each.item, each]));
  const wanted = shown.map(([item, problem]) => {
    const present = rows.get(item);
    if (present?.problem === problem) return present;
    return Object.assign(row(item, problem), { item, problem });
  });
  if (wanted.length !== list.children.length || wanted.some((each, index) => list.children[index] !== each)) list.replaceChildren(...wanted);
  list.hidden = !wanted.length;
  const more = problems.size - wanted.length;
  part("more").hidden = more <= 0;
  part("more").textContent = fill(text.more, { more });
  const known = [...problems.values()].filter((problem) => problem.choices);
  part("bulk").hidden = known.length < 2;
  part("bulk-count").textContent = fill(text.known, { known: known.length });
  for (const button of screen.querySelectorAll("[data-all]")) button.hidden = !known.some((problem) => problem.choices.includes(button.dataset.all));
};

// --- Showing

const notice = (message, again = null) => {
  const bar = part("notice");
  bar.hidden = !message;
  bar.querySelector("span").textContent = message;
  bar.querySelector("button").hidden = !again && !sender.paused;
  bar.querySelector("button").onclick = () => {
    notice("");
    sender.resume();
    again?.();
  };
};

const rate = (bytes) => {
  const now = performance.now();
  samples.push([now, bytes]);
  while (samples.length > 2 && now - samples[0][0] > RATE_WINDOW) samples.shift();
  const [start, first] = samples[0];
  return now - start > 1000 ? ((bytes - first) / (now - start)) * 1000 : 0;
};

const draw = () => {
  drawing ||= setTimeout(() => {
    drawing = 0;
    drawnAt = performance.now();
    show();
  }, Math.max(0, drawnAt + DRAW_EVERY - performance.now()));
};

const show = () => {
  const gone = totals.sentBytes + sender.flying;
  const refused = [...problems].filter(([, problem]) => !problem.id);
  const due = Math.max(totals.bytes - totals.hereBytes - refused.reduce((sum, [item]) => sum + item.file.size, 0), 0);
  const share = due ? Math.min(gone / due, 1) : 0;
  const comparing = asking.done < asking.files;
  const finished = !sender.left && !comparing;
  const speed = rate(gone);
  const values = { total: totals.files, sent: finished && !cancelled ? totals.sent + totals.here : totals.sent, waiting: sender.left, problems: problems.size, size: size(finished ? totals.sentBytes + totals.hereBytes : totals.bytes), rate: size(speed), left: speed ? time((due - gone) / speed) : "" };

  part("headline").textContent = cancelled
    ? fill(text.cancelled, values)
    : finished
      ? fill(problems.size ? text.doneProblems : text.done, values)
      : fill(text.headline, values);
  const figures = [];
  if (comparing) figures.push(fill(text.comparing, asking));
  if (!finished && sender.left) figures.push(sender.paused ? text.paused : fill(speed > 0 && !sender.away ? text.figures : text.figuresPlain, values));
  if (sender.away) figures.push(sender.away.message);
  if (totals.here) figures.push(fill(text.here, totals));
  if (problems.size) figures.push(fill(text.problemCount, values));
  part("figures").textContent = figures.join(" · ");
  part("bar").style.width = `${(share * 100).toFixed(1)}%`;
  part("pause").hidden = part("cancel").hidden = finished;
  part("pause").textContent = sender.paused ? part("pause").dataset.labelResume : part("pause").dataset.labelPause;
  part("hint").hidden = finished;
  showProblems();
  const percent = Math.floor(share * 100);
  document.title = finished ? title : `(${percent}%) ${title}`;
  if (Date.now() - saidAt > SAY_EVERY || finished) {
    saidAt = Date.now();
    part("announce").textContent = finished ? part("headline").textContent : fill(text.say, { percent, problems: problems.size });
  }
};

part("pause").addEventListener("click", () => {
  notice("");
  if (sender.paused) sender.resume();
  else sender.hold();
});
part("cancel").addEventListener("click", () => {
  cancelled = true;
  sender.cancel();
  draw();
});
window.addEventListener("beforeunload", (event) => {
  if (sender.left || asking.done < asking.files) event.preventDefault();
});

// --- What became of the files that arrived

const pollStatus = () => {
  statusTimer ||= setTimeout(readStatus, sender.left ? STATUS_WHILE_SENDING : STATUS_EVERY);
};

const readStatus = async () => {
  statusTimer = 0;
  if (!places) return;
  try {
    const answer = await fetch(places.status, { headers: { Accept: "application/json" } });
    if (!answer.ok || answer.redirected) return;
    const status = await answer.json();
    if (!part("opening").contains(document.activeElement)) part("opening").innerHTML = status.html;
    if (status.waiting || sender.left) pollStatus();
  } catch {
    pollStatus(); // the network is away for a moment; the uploads themselves report it
  }
};

if (places) readStatus();
// What was asked about before the page was loaded again.
for (const known of config.undecided) {
  totals.files += 1;
  totals.sent += 1;
  totals.bytes += known.size;
  totals.sentBytes += known.size;
  fail({ file: { size: known.size }, path: known.path, tries: 0 }, known);
}
if (config.undecided.length) part("progress").hidden = false;
