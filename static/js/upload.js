// Sends many files: four at a time, one request each, a figure for all of them and a row for problems only.

const PARALLEL = 4;
const STATUS_EVERY = 2000;
const RATE_WINDOW = 8000;
const SAY_EVERY = 10000;
const RETRIES = 3;
const HIDDEN_FILES = /^(\.|Thumbs\.db$|desktop\.ini$)/i;

const config = JSON.parse(document.getElementById("upload-config").textContent);
const screen = document.querySelector("[data-upload]");
const text = document.querySelector("[data-texts]").dataset;
const part = (name) => screen.querySelector(`[data-${name}]`);
// From the cookie at the time of asking: logging in again in another tab gives a new one.
const csrf = () => document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1] ?? JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];
const title = document.title;

const waiting = [];
const active = new Map(); // item -> {xhr, loaded}
const problems = new Map(); // item -> its row
const totals = { files: 0, bytes: 0, sent: 0, sentBytes: 0, here: 0 };
const samples = []; // [time, bytes] of the last seconds
let places = null; // where this upload's files and status are, once it has begun
let beginning = null;
let paused = false;
let cancelled = false;
let saidAt = 0;
let statusTimer = 0;

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

// --- Choosing files

const add = (entries) => {
  if (cancelled) reset();
  for (const { file, folder } of entries) {
    if (HIDDEN_FILES.test(file.name)) continue;
    const item = { file, folder, tries: 0, keep: false };
    totals.files += 1;
    totals.bytes += file.size;
    if (file.size === 0) fail(item, text.empty, "empty", false);
    else if (file.size > config.maxBytes) fail(item, text.large, "too-large", false);
    else waiting.push(item);
  }
  part("progress").hidden = totals.files === 0;
  part("drop").classList.toggle("compact", totals.files > 0);
  pump();
};

const reset = () => {
  cancelled = false;
  Object.assign(totals, { files: 0, bytes: 0, sent: 0, sentBytes: 0, here: 0 });
  for (const row of problems.values()) row.remove();
  problems.clear();
};

// One document is one folder: the last folder of a file's path names it.
const folderOf = (path) => path.split("/").slice(0, -1).pop() || "";

const walk = async (entry, path = "") => {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    return [{ file, folder: folderOf(`${path}${file.name}`) }];
  }
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)); // 100 at most a call
    if (!some.length) break;
    found.push(...some);
  }
  found.sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
  const nested = [];
  for (const child of found) nested.push(...(await walk(child, `${path}${entry.name}/`)));
  return nested;
};

for (const button of screen.querySelectorAll("[data-choose]")) {
  const input = screen.querySelector(`[data-input="${button.dataset.choose}"]`);
  button.addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    const files = [...input.files].map((file) => ({ file, folder: folderOf(file.webkitRelativePath || "") }));
    input.value = "";
    add(files);
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
window.addEventListener("drop", async (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault();
  dragDepth = 0;
  part("drop").classList.remove("over");
  const items = [...event.dataTransfer.items].filter((item) => item.kind === "file");
  const entries = items.map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile());
  for (const entry of entries) {
    if (entry instanceof File) add([{ file: entry, folder: "" }]);
    else if (entry) add(await walk(entry));
  }
});

// --- Sending

const begin = async () => {
  const transcripts = part("transcripts");
  const body = new URLSearchParams({ transcripts: transcripts?.value ?? "" });
  const answer = await fetch(config.start, { method: "POST", headers: { "X-CSRFToken": csrf() }, body });
  if (transcripts) transcripts.disabled = true; // said once for all that is sent together
  if (answer.redirected || answer.status === 401) throw new Error(text.loggedOut);
  if (!answer.ok) throw new Error(text.server);
  places = await answer.json();
  history.replaceState(null, "", places.page);
};

const pump = async () => {
  if (!waiting.length || paused || cancelled) return draw();
  if (!places) {
    try {
      beginning ??= begin();
      await beginning;
    } catch (error) {
      const message = error.message === text.loggedOut || error.message === text.server ? error.message : text.network;
      for (const item of waiting.splice(0)) fail(item, message, "network", true);
    } finally {
      beginning = null;
    }
  }
  while (places && waiting.length && active.size < PARALLEL && !paused && !cancelled) send(waiting.shift());
  draw();
};

const send = (item) => {
  const xhr = new XMLHttpRequest();
  const flight = { xhr, loaded: 0 };
  active.set(item, flight);
  xhr.open("POST", places.files);
  xhr.setRequestHeader("Content-Type", "application/octet-stream");
  xhr.setRequestHeader("X-CSRFToken", csrf());
  xhr.setRequestHeader("X-File-Name", encodeURIComponent(item.file.name));
  if (item.folder) xhr.setRequestHeader("X-Folder-Name", encodeURIComponent(item.folder));
  if (item.keep) xhr.setRequestHeader("X-Keep-Duplicate", "yes");
  xhr.upload.addEventListener("progress", (event) => {
    flight.loaded = event.loaded;
    draw();
  });
  xhr.addEventListener("load", () => landed(item, xhr));
  xhr.addEventListener("error", () => lost(item, text.network));
  xhr.addEventListener("abort", () => active.delete(item));
  xhr.send(item.file);
};

const landed = (item, xhr) => {
  let answer = null;
  try {
    answer = JSON.parse(xhr.responseText);
  } catch {
    // A login page, or the error page of a proxy.
  }
  const known = answer && ["stored", "duplicate", "rejected"].includes(answer.status);
  if (!known) return lost(item, xhr.status === 200 || xhr.status === 401 ? text.loggedOut : text.server, xhr.status === 200);
  active.delete(item);
  if (answer.status === "stored") done(item);
  else if (answer.code === "here-already") {
    totals.here += 1;
    done(item);
  } else fail(item, answer.message, answer.code, answer.code === "interrupted", answer.status === "duplicate");
  pump();
};

const done = (item) => {
  totals.sent += 1;
  totals.sentBytes += item.file.size;
  pollStatus();
};

// The network failed, not the file: try a few times with growing pauses before asking a person.
const lost = (item, message, final = false) => {
  active.delete(item);
  item.tries += 1;
  if (!final && item.tries < RETRIES && !cancelled) {
    setTimeout(() => {
      waiting.unshift(item);
      pump();
    }, 1000 * 2 ** item.tries);
    return draw();
  }
  fail(item, message, "network", true);
  return pump();
};

// --- Problems

const fail = (item, message, code, retriable, duplicate = false) => {
  problems.get(item)?.remove();
  const row = document.querySelector("template[data-problem]").content.firstElementChild.cloneNode(true);
  row.classList.toggle("problem-duplicate", duplicate);
  row.querySelector("b").hidden = message.includes(item.file.name);
  row.querySelector("b").textContent = item.folder ? `${item.folder}/${item.file.name}` : item.file.name;
  row.querySelector("p span").textContent = message;
  row.querySelector('[data-act="retry"]').hidden = !retriable;
  row.querySelector('[data-act="keep"]').hidden = !duplicate;
  row.addEventListener("click", (event) => {
    const act = event.target.closest("[data-act]")?.dataset.act;
    if (!act) return;
    const next = row.nextElementSibling ?? row.previousElementSibling;
    row.remove();
    problems.delete(item);
    if (act === "skip") {
      totals.files -= 1;
      totals.bytes -= item.file.size;
    } else {
      item.tries = 0;
      item.keep = act === "keep";
      waiting.push(item);
    }
    (next?.querySelector("button:not([hidden])") ?? part("headline")).focus?.();
    pump();
  });
  problems.set(item, row);
  part("problems").append(row);
  draw();
};

// --- Showing

const rate = (bytes) => {
  const now = performance.now();
  samples.push([now, bytes]);
  while (samples.length > 2 && now - samples[0][0] > RATE_WINDOW) samples.shift();
  const [start, first] = samples[0];
  return now - start > 1000 ? ((bytes - first) / (now - start)) * 1000 : 0;
};

const draw = () => {
  const flying = [...active.values()].reduce((sum, flight) => sum + flight.loaded, 0);
  const gone = totals.sentBytes + flying;
  const failedBytes = [...problems.keys()].reduce((sum, item) => sum + item.file.size, 0);
  const due = Math.max(totals.bytes - failedBytes, 0);
  const share = due ? Math.min(gone / due, 1) : 0;
  const finished = !active.size && !waiting.length;
  const speed = rate(gone);
  const values = { total: totals.files, sent: totals.sent, waiting: waiting.length + active.size, problems: problems.size, size: size(finished ? totals.sentBytes : totals.bytes), rate: size(speed), left: speed ? time((due - gone) / speed) : "" };

  part("headline").textContent = cancelled
    ? fill(text.cancelled, values)
    : finished
      ? fill(problems.size ? text.doneProblems : text.done, values)
      : fill(text.headline, values);
  const figures = [];
  if (!finished) figures.push(paused ? text.paused : fill(speed > 0 ? text.figures : text.figuresPlain, values));
  if (totals.here) figures.push(fill(text.here, totals));
  if (problems.size) figures.push(fill(text.problemCount, values));
  part("figures").textContent = figures.join(" · ");
  part("bar").style.width = `${(share * 100).toFixed(1)}%`;
  part("problems").hidden = problems.size === 0;
  part("pause").hidden = part("cancel").hidden = finished;
  part("hint").hidden = finished;
  const percent = Math.floor(share * 100);
  document.title = finished ? title : `(${percent}%) ${title}`;
  if (Date.now() - saidAt > SAY_EVERY || finished) {
    saidAt = Date.now();
    part("announce").textContent = finished ? part("headline").textContent : fill(text.say, { percent, problems: problems.size });
  }
};

part("pause").addEventListener("click", (event) => {
  paused = !paused;
  event.currentTarget.textContent = paused ? event.currentTarget.dataset.labelResume : event.currentTarget.dataset.labelPause;
  pump();
});
part("cancel").addEventListener("click", () => {
  cancelled = true;
  waiting.length = 0;
  for (const flight of [...active.values()]) flight.xhr.abort();
  active.clear();
  draw();
});
window.addEventListener("beforeunload", (event) => {
  if (waiting.length || active.size) event.preventDefault();
});

// --- What became of the files that arrived

const pollStatus = () => {
  if (!statusTimer) statusTimer = setTimeout(readStatus, STATUS_EVERY);
};

const readStatus = async () => {
  statusTimer = 0;
  const url = places?.status || screen.dataset.status;
  if (!url) return;
  try {
    const answer = await fetch(url, { headers: { Accept: "application/json" } });
    if (!answer.ok || answer.redirected) return;
    const status = await answer.json();
    if (!part("opening").contains(document.activeElement)) part("opening").innerHTML = status.html;
    if (status.waiting || active.size) pollStatus();
  } catch {
    pollStatus(); // the network is away for a moment; the uploads themselves report it
  }
};
if (screen.dataset.status) readStatus();
