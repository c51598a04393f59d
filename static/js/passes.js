// The passes of a collection, edited and previewed. The state is `passes` and `thresholds`; what is drawn and what is sent
// follow from them.

const config = JSON.parse(document.getElementById("passes-config").textContent);
const recipes = new Map(config.recipes.map((recipe) => [recipe.name, recipe]));
const form = document.getElementById("passes-form");
const list = document.getElementById("passes");
const $ = (id) => document.getElementById(id);
const PAUSE = 160; // ms without a change before a preview is asked for
const LINES = 3;

// --- Enhancements as text, as the server reads and writes them ---------------------------------------------------------

const parse = (text) =>
  text.split("/").map((part) => {
    const [recipe, numbers = ""] = part.split(":");
    const options = Object.fromEntries(numbers.split(",").filter(Boolean).map((pair) => pair.split("=")).map(([name, value]) => [name, Number(value)]));
    return { recipe, options };
  });

const written = ({ steps }) =>
  steps
    .map(({ recipe, options }) => {
      const changed = recipes.get(recipe).parameters.filter((each) => each.name in options && options[each.name] !== each.default);
      return recipe + (changed.length ? ":" : "") + changed.map((each) => `${each.name}=${Number(options[each.name].toPrecision(6))}`).join(",");
    })
    .join("/");

const read = (given) =>
  given.map((each) => ({ steps: parse(each.enhancement), weight: Number(each.weight), engine: each.engine, stage: Number(each.stage) }));
const whole = (each) => [written(each), each.weight, each.engine, each.stage];
const said = (of = passes, limits = used()) => JSON.stringify([of.map(whole), limits]);
const saysSame = (of, limits) => JSON.stringify([of.map(whole).sort(), limits]);

let passes = read(config.passes);
// The threshold after each stage, also after those that are not there yet; `used` are those between two stages.
const filledUp = (limits) => Array.from({ length: config.mostStages - 1 }, (_, stage) => Number(limits[stage] ?? config.threshold.usual));
let thresholds = filledUp(config.thresholds);
const lastStage = () => Math.max(...passes.map((each) => each.stage));
const used = () => thresholds.slice(0, lastStage());
let shown = 0; // the pass that is open and previewed
const kept = new Set(config.unsaved ? [] : [said()]); // what is saved or on its way there
const calibrated = new Set(config.calibrated.map((each) => saysSame(read(each.passes), each.thresholds.map(Number))));

// Stages follow each other without a gap, and passes stand in their order.
const settle = () => {
  const open = passes[shown];
  const stages = [...new Set(passes.map((each) => each.stage))].sort((one, other) => one - other);
  for (const each of passes) each.stage = stages.indexOf(each.stage);
  passes.sort((one, other) => one.stage - other.stage);
  shown = Math.max(0, passes.indexOf(open));
};

// --- The list of passes ------------------------------------------------------------------------------------------------

const filled = (template, values) => {
  const node = $(template).content.firstElementChild.cloneNode(true);
  const put = (text) => text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
  for (const element of node.querySelectorAll("[aria-label], [alt], legend, figcaption")) {
    for (const name of ["aria-label", "alt"]) if (element.hasAttribute(name)) element.setAttribute(name, put(element.getAttribute(name)));
    if (element.matches("legend, figcaption")) element.textContent = put(element.textContent);
  }
  return node;
};

const texts = $("pass-texts").dataset;
const choice = (node, key, { options, value, change }) => {
  const select = node.querySelector("select");
  select.id = node.querySelector("label").htmlFor = key;
  select.dataset.key = key;
  select.replaceChildren(...options.map(([of, shown]) => new Option(shown, of, false, String(of) === String(value))));
  select.addEventListener("change", () => {
    change(select.value);
    follow();
  });
};

// With the numbers that are not the usual ones, as several passes may be one recipe.
const stepTitle = (step) => {
  const recipe = recipes.get(step.recipe);
  const said = recipe.parameters
    .filter(({ name, default: usual }) => name in step.options && step.options[name] !== usual)
    .map(({ name, label }) => `${label} ${step.options[name]}`);
  return said.length ? `${recipe.title} (${said.join(", ")})` : recipe.title;
};
const title = (pass) => pass.steps.map(stepTitle).join(" → ");
const decimals = (step) => (String(step).split(".")[1] ?? "").length;

const slider = (node, key, { label, help, minimum, maximum, step, value, change }) => {
  const [input, output] = [node.querySelector("input"), node.querySelector("output")];
  const show = (number) => {
    output.textContent = Number(number).toFixed(Math.max(decimals(step), decimals(Number(number))));
  };
  input.id = output.htmlFor.value = key;
  input.dataset.key = key;
  Object.assign(input, { min: minimum, max: maximum, step });
  input.value = value;
  node.querySelector("label").htmlFor = key;
  if (label) node.querySelector("label").textContent = label;
  const helped = node.querySelector(".help");
  if (help) helped.textContent = help;
  helped.id = `${key}-help`;
  input.setAttribute("aria-describedby", helped.id);
  show(value);
  input.addEventListener("input", () => {
    show(input.value);
    change(Number(input.value));
    follow();
  });
  return node;
};

const stepNode = (pass, number, place) => {
  const step = pass.steps[place];
  const recipe = recipes.get(step.recipe);
  const node = filled("step-template", { number: number + 1, step: place + 1 });
  const select = node.querySelector("select");
  for (const each of recipes.values()) {
    const option = new Option(each.title, each.name, false, each.name === step.recipe);
    option.disabled = each.name !== step.recipe && pass.steps.some((other) => other.recipe === each.name);
    select.add(option);
  }
  select.dataset.key = `recipe-${number}-${place}`;
  select.addEventListener("change", () => {
    pass.steps[place] = { recipe: select.value, options: {} };
    draw();
  });
  const remove = node.querySelector("[data-do]");
  remove.hidden = pass.steps.length === 1;
  remove.dataset.key = `remove-step-${number}-${place}`;
  remove.addEventListener("click", () => {
    pass.steps.splice(place, 1);
    draw(`recipe-${number}-${Math.max(0, place - 1)}`);
  });
  node.querySelector(".step-help").textContent = recipe.help;
  for (const parameter of recipe.parameters) {
    const value = step.options[parameter.name] ?? parameter.default;
    const change = (changed) => {
      step.options[parameter.name] = changed;
    };
    const made = $("parameter-template").content.firstElementChild.cloneNode(true);
    node.querySelector(".parameters").append(slider(made, `parameter-${number}-${place}-${parameter.name}`, { ...parameter, value, change }));
  }
  return node;
};

const ACTS = {
  open: (number) => {
    shown = number;
  },
  up: (number) => move(number, -1, "up"),
  down: (number) => move(number, 1, "down"),
  remove: (number) => {
    passes.splice(number, 1);
    if (shown > number || shown >= passes.length) shown = Math.max(0, shown - 1);
    settle();
  },
  "add-step": (number) => {
    const pass = passes[number];
    const unused = config.recipes.find((each) => each.name !== "plain" && !pass.steps.some((step) => step.recipe === each.name));
    if (pass.steps.length === 1 && pass.steps[0].recipe === "plain") pass.steps = [];
    pass.steps.push({ recipe: unused.name, options: {} });
    return `recipe-${number}-${pass.steps.length - 1}`;
  },
};

// Past the end of its stage a pass goes to the next one, where it stands first, or to the one before, where it is last.
const move = (number, by, act) => {
  const pass = passes[number];
  const other = passes[number + by];
  if (other && other.stage === pass.stage) {
    [passes[number], passes[number + by]] = [other, pass];
    if (shown === number) shown = number + by;
    else if (shown === number + by) shown = number;
  } else {
    pass.stage += by;
    settle();
  }
  return `${act}-${passes.indexOf(pass)}`;
};
const isAlone = (number) => passes.filter((each) => each.stage === passes[number].stage).length === 1;

const stageNode = (stage) => {
  const node = filled("stage-template", { number: stage + 1, before: stage });
  node.querySelector(".stage-title").textContent = texts.stageTitle.replace("{number}", stage + 1);
  if (!stage) {
    node.querySelector(".parameter").remove();
    return node;
  }
  node.querySelector(".stage-all").remove();
  slider(node.querySelector(".parameter"), `threshold-${stage - 1}`, {
    label: texts.threshold.replace("{number}", stage + 1),
    minimum: config.threshold.least,
    maximum: config.threshold.most,
    step: 0.01,
    value: thresholds[stage - 1],
    change: (threshold) => {
      thresholds[stage - 1] = threshold;
    },
  });
  return node;
};

const passNode = (pass, number) => {
  const node = filled("pass-template", { number: number + 1 });
  const open = number === shown;
  node.querySelector(".pass-number").textContent = number + 1;
  node.querySelector(".pass-title").textContent = title(pass);
  const opener = node.querySelector(".pass-open");
  const body = node.querySelector(".pass-body");
  body.id = `pass-body-${number}`;
  body.hidden = !open;
  node.classList.toggle("shown", open);
  opener.setAttribute("aria-expanded", String(open));
  opener.setAttribute("aria-controls", body.id);
  for (const button of node.querySelectorAll("[data-do]")) {
    button.dataset.key = `${button.dataset.do}-${number}`;
    button.addEventListener("click", () => {
      const act = button.dataset.do;
      const focus = ACTS[act](number);
      const goes = { remove: `open-${Math.min(number, passes.length - 1)}` };
      draw(focus ?? goes[act] ?? button.dataset.key);
    });
  }
  node.querySelector('[data-do="up"]').disabled = number === 0;
  node.querySelector('[data-do="down"]').disabled = number === passes.length - 1 && (isAlone(number) || pass.stage + 1 >= config.mostStages);
  node.querySelector('[data-do="remove"]').disabled = passes.length === 1;
  node.querySelector('[data-do="add-step"]').hidden = pass.steps.length >= config.mostSteps;
  if (open) {
    for (const place of pass.steps.keys()) node.querySelector(".pass-steps").append(stepNode(pass, number, place));
    choice(node.querySelector(".parameter-engine"), `engine-${number}`, {
      options: config.engines.map(({ name, reads, held }) => [name, `${name} (${reads}${held ? "" : `; ${texts.notHeld}`})`]),
      value: pass.engine,
      change: (engine) => {
        pass.engine = engine;
      },
    });
    choice(node.querySelector(".parameter-stage"), `stage-${number}`, {
      options: Array.from({ length: Math.min(config.mostStages, lastStage() + 2) }, (_, stage) => [stage, String(stage + 1)]),
      value: pass.stage,
      change: (stage) => {
        pass.stage = Number(stage);
        settle();
        draw(`stage-${passes.indexOf(pass)}`);
      },
    });
    slider(node.querySelector(".parameter-weight"), `weight-${number}`, {
      minimum: config.weight.least,
      maximum: config.weight.most,
      step: 0.1,
      value: pass.weight,
      change: (weight) => {
        pass.weight = weight;
      },
    });
  }
  return node;
};

// Draw the list anew; the focus stays on what bears the same key, or goes to `key`.
const draw = (key = document.activeElement?.dataset?.key) => {
  const staged = lastStage() > 0;
  list.replaceChildren(
    ...passes.flatMap((pass, number) => (staged && pass.stage !== passes[number - 1]?.stage ? [stageNode(pass.stage)] : []).concat(passNode(pass, number))),
  );
  $("add-pass").disabled = passes.length >= config.mostPasses;
  const target = key && list.querySelector(`[data-key="${key}"]`);
  if (target) (target.disabled ? target.closest(".pass").querySelector(".pass-open") : target).focus();
  follow();
};

const hidden = (name, value) => Object.assign(document.createElement("input"), { type: "hidden", name, value });

// What a changed number changes besides itself.
const follow = () => {
  $("passes-values").replaceChildren(
    ...passes.flatMap((pass) =>
      [["enhancement", written(pass)], ["weight", pass.weight], ["engine", pass.engine], ["stage", pass.stage]].map(([name, value]) => hidden(name, value)),
    ),
    ...used().map((threshold) => hidden("threshold", threshold)),
    hidden("page", page?.id ?? ""),
  );
  for (const [number, node] of [...list.querySelectorAll(".pass")].entries()) {
    const { weight, engine } = passes[number];
    const more = [engine === config.bundled.passes[0].engine ? "" : engine, weight === 1 ? "" : `× ${weight}`];
    node.querySelector(".pass-weight").textContent = more.filter(Boolean).join(" · ");
  }
  const fitted = calibrated.has(saysSame(passes, used())) ? "yes" : "no";
  for (const notice of form.querySelectorAll("[data-calibrated]")) notice.hidden = notice.dataset.calibrated !== fitted;
  const unsaved = $("unsaved");
  if (unsaved) unsaved.textContent = kept.has(said()) ? "" : unsaved.dataset.text;
  preview();
};

$("add-pass").addEventListener("click", () => {
  const used = new Set(passes.map(written));
  const unused = config.recipes.find((each) => !used.has(each.name)) ?? config.recipes[0];
  passes.push({ steps: [{ recipe: unused.name, options: {} }], weight: 1, engine: config.bundled.passes[0].engine, stage: passes.at(-1)?.stage ?? 0 });
  shown = passes.length - 1;
  draw(`recipe-${shown}-0`);
});
$("use-bundled")?.addEventListener("click", () => {
  passes = read(config.bundled.passes);
  thresholds = filledUp(config.bundled.thresholds);
  shown = 0;
  draw();
});

// Only who may save is asked; the form itself takes along what it sends.
if ($("unsaved")) {
  form.addEventListener("submit", () => kept.add(said()));
  window.addEventListener("beforeunload", (event) => {
    if (!kept.has(said())) event.preventDefault();
  });
}

// --- The preview -------------------------------------------------------------------------------------------------------

let page = config.page;
let firstLine = 0;
let view = null; // the middle of the part of the page that is shown, in its pixels
let waiting = 0;
let grabbed = null; // where the pointer took hold of the part of the page

const preview = () => {
  if (!page) return;
  clearTimeout(waiting);
  waiting = setTimeout(drawPreview, PAUSE);
};

const say = (text) => {
  $("preview-status").textContent = text;
};

// The new picture takes the old one's place once it is there; one that comes too late is dropped.
const load = async (image, url) => {
  if (image.dataset.url === url) return;
  image.dataset.url = url;
  image.dataset.loading = ""; // and not aria-busy: the image before is decoration, which has no state
  try {
    const answer = await fetch(url);
    if (image.dataset.url !== url) return;
    if (!answer.ok) {
      const plain = answer.headers.get("Content-Type")?.startsWith("text/plain");
      throw new Error(plain ? await answer.text() : "");
    }
    const made = URL.createObjectURL(await answer.blob());
    if (image.dataset.url !== url) return;
    if (image.src.startsWith("blob:")) URL.revokeObjectURL(image.src);
    image.src = made;
    await image.decode();
    say("");
  } catch (error) {
    if (image.dataset.url === url) {
      delete image.dataset.url;
      say(error.message || $("preview-status").dataset.failed);
    }
  } finally {
    if (!image.dataset.url || image.dataset.url === url) delete image.dataset.loading;
  }
};

const withQuery = (url, values) => url + new URLSearchParams(values);

const drawPreview = () => {
  const enhancement = written(passes[shown]);
  $("preview-pass").textContent = `${shown + 1} · ${title(passes[shown])}`;
  drawLines(enhancement);
  drawRegion(enhancement);
};

const drawLines = (enhancement) => {
  const lines = page.lines.slice(firstLine, firstLine + LINES);
  const holder = $("lines");
  holder.hidden = !lines.length;
  $("no-lines").hidden = Boolean(lines.length);
  $("line-tools").hidden = page.lines.length <= LINES;
  $("line-range").textContent = `${firstLine + 1}–${firstLine + lines.length} / ${page.lines.length}`;
  $("lines-previous").disabled = firstLine === 0;
  $("lines-next").disabled = firstLine + LINES >= page.lines.length;
  const key = `${page.id} ${firstLine}`;
  if (holder.dataset.drawn !== key) {
    holder.dataset.drawn = key;
    holder.replaceChildren(...lines.map((line) => filled("line-template", { number: line.number })));
  }
  for (const [place, figure] of [...holder.children].entries()) {
    load(figure.querySelector(".line-before"), withQuery(lines[place].url, { enhancement: "plain" }));
    load(figure.querySelector(".line-after"), withQuery(lines[place].url, { enhancement }));
  }
};

// The part of the page shown, in its pixels: as much as the pane holds at the scale at which lines are read.
const part = () => {
  const pane = $("compare");
  const most = Math.min(1, Math.sqrt((0.98 * config.mostPixels) / Math.max(1, pane.clientWidth * pane.clientHeight)));
  const width = Math.min(page.width, Math.floor((pane.clientWidth * most) / page.scale));
  const height = Math.min(page.height, Math.floor((pane.clientHeight * most) / page.scale));
  const x = Math.round(Math.min(Math.max(0, view.x - width / 2), page.width - width));
  const y = Math.round(Math.min(Math.max(0, view.y - height / 2), page.height - height));
  return { x, y, width, height };
};

const shift = (across, down) => {
  $("compare").style.setProperty("--across", `${across}px`);
  $("compare").style.setProperty("--down", `${down}px`);
};

const drawRegion = async (enhancement) => {
  const shownPart = part();
  const frame = $("overview-frame").style;
  const share = (value, whole) => `${(100 * value) / whole}%`;
  [frame.left, frame.top] = [share(shownPart.x, page.width), share(shownPart.y, page.height)];
  [frame.width, frame.height] = [share(shownPart.width, page.width), share(shownPart.height, page.height)];
  $("no-padding").hidden = !passes[shown].steps.some((step) => step.recipe === "pad");
  await Promise.all([
    load($("region-before"), withQuery(page.region, { ...shownPart, enhancement: "plain" })),
    load($("region-after"), withQuery(page.region, { ...shownPart, enhancement })),
  ]);
  if (!grabbed) shift(0, 0);
};

const look = (x, y) => {
  view = { x: Math.min(Math.max(0, x), page.width), y: Math.min(Math.max(0, y), page.height) };
  preview();
};

const lookBy = (across, down) => {
  const now = part();
  look(now.x + now.width / 2 + across, now.y + now.height / 2 + down);
};

const showPage = (given) => {
  page = given;
  firstLine = 0;
  const first = page.lines[0];
  view = first ? { x: first.left + $("compare").clientWidth / 2 / page.scale - 20, y: first.top + $("compare").clientHeight / 2 / page.scale - 20 } : { x: page.width / 2, y: page.height / 2 };
  $("page-number").value = page.number;
  $("page-number").max = page.total;
  $("page-previous").disabled = page.number <= 1;
  $("page-next").disabled = page.number >= page.total;
  $("preview-page").textContent = page.label;
  $("preview-page").href = page.url;
  $("overview").hidden = !page.thumbnail;
  if (page.thumbnail) $("overview-image").src = page.thumbnail;
};

const goTo = async (number) => {
  if (!Number.isInteger(number) || number < 1 || number > page.total) {
    $("page-number").value = page.number;
    return;
  }
  const answer = await fetch(config.pages.replace("{number}", number)).catch(() => null);
  if (!answer?.ok) {
    say($("preview-status").dataset.gone);
    return;
  }
  say("");
  showPage(await answer.json());
  history.replaceState(null, "", `?page=${page.id}`);
  follow();
};

if (page) {
  const compare = $("compare");
  const at = $("compare-at");
  const place = () => compare.style.setProperty("--at", `${at.value}%`);
  at.addEventListener("input", place);
  place();
  $("page-previous").addEventListener("click", () => goTo(page.number - 1));
  $("page-next").addEventListener("click", () => goTo(page.number + 1));
  $("page-number").addEventListener("change", (event) => goTo(event.target.valueAsNumber));
  const turnLines = (by) => {
    firstLine = Math.min(Math.max(0, firstLine + by), Math.max(0, page.lines.length - 1));
    drawPreview();
  };
  $("lines-previous").addEventListener("click", () => turnLines(-LINES));
  $("lines-next").addEventListener("click", () => turnLines(LINES));

  const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  compare.addEventListener("keydown", (event) => {
    const way = ARROWS[event.key];
    if (!way || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const now = part();
    lookBy((way[0] * now.width) / 4, (way[1] * now.height) / 4);
  });
  compare.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    grabbed = { x: event.clientX, y: event.clientY };
    compare.setPointerCapture(event.pointerId);
  });
  compare.addEventListener("pointermove", (event) => {
    if (grabbed) shift(event.clientX - grabbed.x, event.clientY - grabbed.y);
  });
  compare.addEventListener("pointerup", (event) => {
    if (grabbed) lookBy((grabbed.x - event.clientX) / page.scale, (grabbed.y - event.clientY) / page.scale);
    grabbed = null;
  });
  compare.addEventListener("pointercancel", () => {
    grabbed = null;
    shift(0, 0);
  });
  $("overview").addEventListener("click", (event) => {
    const box = $("overview-image").getBoundingClientRect();
    look(((event.clientX - box.left) / box.width) * page.width, ((event.clientY - box.top) / box.height) * page.height);
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.target.closest?.("input, select") || !["PageDown", "PageUp"].includes(event.key)) return;
    event.preventDefault();
    goTo(page.number + (event.key === "PageDown" ? 1 : -1));
  });
  new ResizeObserver(() => preview()).observe(compare);
  showPage(page);
}
draw();
document.body.dataset.ready = "yes";
