// The page's image with its lines outlined; hovering or choosing a line shows it in image and text alike.

import { showWhy } from "./why.js";

const config = JSON.parse(document.getElementById("viewer-config").textContent);
const holder = document.getElementById("viewer");
const SVG = "http://www.w3.org/2000/svg";
const texts = new Map([...document.querySelectorAll("[data-line]")].map((row) => [Number(row.dataset.line), row]));
const shapes = new Map();
let chosen = null;
let viewer = null;
let svg = null;

const mark = (id, name, on) => {
  texts.get(id)?.classList.toggle(name, on);
  shapes.get(id)?.classList.toggle(name, on);
};

const choose = (id, { reveal = true } = {}) => {
  if (chosen !== null) mark(chosen, "chosen", false);
  chosen = id;
  mark(id, "chosen", true);
  texts.get(id)?.scrollIntoView({ block: "nearest", behavior: "auto" });
  if (reveal && viewer) revealLine(id);
};

// The line's bounding box, in the coordinates of the viewport.
const boundsOf = (id) => {
  const line = config.lines.find((each) => each.id === id);
  const item = viewer.world.getItemAt(0);
  if (!line || !item) return null;
  const xs = line.polygon.map((point) => point[0]);
  const ys = line.polygon.map((point) => point[1]);
  const box = new OpenSeadragon.Rect(Math.min(...xs), Math.min(...ys), Math.max(...xs) - Math.min(...xs), Math.max(...ys) - Math.min(...ys));
  return item.imageToViewportRectangle(box);
};

const revealLine = (id) => {
  const target = boundsOf(id);
  if (!target) return;
  const view = viewer.viewport.getBounds(true);
  const inside = target.x >= view.x && target.y >= view.y && target.x + target.width <= view.x + view.width && target.y + target.height <= view.y + view.height;
  if (!inside) viewer.viewport.panTo(target.getCenter());
};

document.addEventListener("click", (event) => {
  const word = event.target.closest("[data-why]");
  if (word && getSelection().isCollapsed) showWhy(word.dataset.why);
});

for (const [id, row] of texts) {
  row.addEventListener("pointerenter", () => mark(id, "near", true));
  row.addEventListener("pointerleave", () => mark(id, "near", false));
  row.addEventListener("click", (event) => {
    if (!event.target.closest("details") && getSelection().isCollapsed) choose(id);
  });
}

const drawOutlines = () => {
  svg = document.createElementNS(SVG, "svg");
  svg.classList.add("outlines");
  svg.setAttribute("aria-hidden", "true");
  const group = document.createElementNS(SVG, "g");
  for (const line of config.lines) {
    const polygon = document.createElementNS(SVG, "polygon");
    polygon.setAttribute("points", line.polygon.map((point) => point.join(",")).join(" "));
    polygon.classList.toggle("doubtful", line.doubtful);
    polygon.addEventListener("pointerenter", () => mark(line.id, "near", true));
    polygon.addEventListener("pointerleave", () => mark(line.id, "near", false));
    shapes.set(line.id, polygon);
    group.append(polygon);
  }
  svg.append(group);
  viewer.canvas.append(svg);
  const follow = () => {
    const viewport = viewer.viewport;
    const item = viewer.world.getItemAt(0);
    if (!item) return;
    const origin = viewport.viewportToViewerElementCoordinates(item.imageToViewportCoordinates(0, 0, true));
    const right = viewport.viewportToViewerElementCoordinates(item.imageToViewportCoordinates(1000, 0, true));
    const scale = Math.hypot(right.x - origin.x, right.y - origin.y) / 1000;
    const angle = (Math.atan2(right.y - origin.y, right.x - origin.x) * 180) / Math.PI;
    group.setAttribute("transform", `translate(${origin.x} ${origin.y}) rotate(${angle}) scale(${scale})`);
  };
  for (const name of ["update-viewport", "open", "animation", "resize", "rotate"]) viewer.addHandler(name, follow);
  follow();
  viewer.addHandler("canvas-click", (event) => {
    if (!event.quick) return;
    const under = document.elementsFromPoint(event.originalEvent.clientX, event.originalEvent.clientY);
    for (const [id, polygon] of shapes) if (under.includes(polygon)) choose(id, { reveal: false });
  });
};

// Around the chosen line, so that what is being read does not leave the view.
const zoom = (factor) => {
  const center = chosen === null ? undefined : boundsOf(chosen)?.getCenter();
  viewer.viewport.zoomBy(factor, center).applyConstraints();
  if (chosen !== null && factor > 1) revealLine(chosen);
};

const acts = {
  in: () => zoom(1.5),
  out: () => zoom(1 / 1.5),
  fit: () => viewer.viewport.goHome(),
  rotate: () => viewer.viewport.setRotation(viewer.viewport.getRotation() + 90),
  outlines: () => {
    const hidden = svg.toggleAttribute("hidden");
    document.querySelector('[data-viewer="outlines"]').setAttribute("aria-pressed", String(!hidden));
  },
};

const step = (by) => {
  const ids = [...texts.keys()];
  const at = ids.indexOf(chosen);
  const next = ids[Math.min(Math.max(at + by, 0), ids.length - 1)];
  if (next !== undefined) choose(next);
};

const KEYS = { "+": "in", "=": "in", "-": "out", f: "fit", r: "rotate", h: "outlines" };
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.target.closest?.("input, textarea, select")) return;
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    step(event.key === "ArrowDown" ? 1 : -1);
  } else if (event.key === "PageDown" || event.key === "PageUp") {
    const link = document.querySelector(`a[rel="${event.key === "PageDown" ? "next" : "prev"}"]`);
    if (link) {
      event.preventDefault();
      link.click();
    }
  } else if (viewer && KEYS[event.key]) {
    event.preventDefault();
    acts[KEYS[event.key]]();
  }
});

if (holder && config.width) {
  viewer = new OpenSeadragon.Viewer({
    element: holder,
    drawer: "canvas",
    showNavigationControl: false,
    showNavigator: true,
    navigatorPosition: "BOTTOM_RIGHT",
    navigatorSizeRatio: 0.14,
    animationTime: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 0.35,
    springStiffness: 10,
    maxZoomPixelRatio: 3,
    visibilityRatio: 0.4,
    gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: true },
    tileSources: {
      width: config.width,
      height: config.height,
      tileSize: config.tileSize,
      tileOverlap: config.overlap,
      getTileUrl: (level, x, y) => `${config.tiles}${level}/${x}_${y}.jpg?v=${config.version}`,
    },
  });
  viewer.innerTracker.keyHandler = null; // keys are ours: they work from everywhere on the screen
  viewer.innerTracker.keyDownHandler = null;
  viewer.addOnceHandler("open", drawOutlines);
  for (const button of document.querySelectorAll("[data-viewer]")) button.addEventListener("click", () => acts[button.dataset.viewer]());
}
