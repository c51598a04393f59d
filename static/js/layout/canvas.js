// The image: OpenSeadragon on the page's tiles, and an SVG over it with regions, lines, their order, and the points of
// the line that is chosen. Emits "pick" {spot, line, event}, "again" (a double click), "drawn" (points were moved) and
// "point" (one has the focus).

import { showImage } from "../page_image.js";
import { boundsOf, lineAt, markAcross } from "./shapes.js";

const SVG = "http://www.w3.org/2000/svg";
const ROOM_FOR_PLUS = 56; // pixels on the screen between two points that leave room for one more

const make = (name, attributes = {}, ...children) => {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
};
const joined = (points) => points.map((point) => point.join(",")).join(" ");
const middle = (a, b) => [Math.round((a[0] + b[0]) / 2), Math.round((a[1] + b[1]) / 2)];

export class Canvas extends EventTarget {
  constructor(element, sheet, image, { t, missing }) {
    super();
    Object.assign(this, { element, sheet, image, t, scale: 1 });
    this.viewer = showImage(element, image, { seconds: 0.3, springStiffness: 10, maxZoomPixelRatio: 6, doubleClickZooms: false });
    this.#build();
    for (const name of ["open", "update-viewport", "animation", "resize"]) this.viewer.addHandler(name, () => this.#place());
    this.viewer.addOnceHandler("tile-load-failed", missing);
    this.viewer.addHandler("canvas-click", (event) => this.#click(event));
    this.viewer.addHandler("canvas-double-click", () => this.dispatchEvent(new CustomEvent("again")));
    sheet.addEventListener("lines", () => this.#drawLines());
    sheet.addEventListener("chosen", ({ detail }) => { this.#drawChosen(); if (detail.reveal) this.reveal(); });
    for (const name of ["mode", "draft"]) sheet.addEventListener(name, () => this.#drawChosen());
    this.#drawLines();
    this.#drawChosen();
  }

  #build() {
    const hidden = () => make("g", { "aria-hidden": "true" });
    this.svg = make("svg", { class: "overlay sheet", role: "group", "aria-label": this.t("pointsOfNone") });
    this.world = make("g");
    this.regions = hidden();
    this.outlines = hidden();
    this.baselines = hidden();
    this.numbers = hidden();
    this.marks = hidden();
    this.handles = make("g", { class: "handles" });
    this.world.append(this.regions, this.outlines, this.baselines, this.marks, this.numbers, this.handles);
    this.svg.append(this.world);
    this.viewer.canvas.append(this.svg);
    this.shapes = new Map();
  }

  /** Keep the overlay where the image is: three corners of it say how pixels come to stand on the screen. */
  #place() {
    const item = this.viewer.world.getItemAt(0);
    if (!item) return;
    const { width, height } = this.image;
    const [o, x, y] = [[0, 0], [width, 0], [0, height]].map(([px, py]) =>
      this.viewer.viewport.pixelFromPoint(item.imageToViewportCoordinates(px, py, true), true));
    const matrix = [(x.x - o.x) / width, (x.y - o.y) / width, (y.x - o.x) / height, (y.y - o.y) / height, o.x, o.y];
    this.world.setAttribute("transform", `matrix(${matrix.join(" ")})`);
    const scale = Math.hypot(matrix[0], matrix[1]);
    if (Math.abs(scale / this.scale - 1) < 0.001) return;
    this.scale = scale;
    this.world.style.setProperty("--unit", `${1 / scale}px`);
    this.world.style.setProperty("--unit-number", 1 / scale);
    this.#drawHandles();
  }

  // --- Lines and regions ---

  #drawLines() {
    const { layout, lines } = this.sheet;
    this.regions.replaceChildren(...layout.regions.filter((region) => region.polygon.length > 2).flatMap((region) => {
      const { x, y } = boundsOf(region.polygon);
      const name = make("text", { class: "region-name", x, y });
      name.textContent = this.t(`kind:${region.kind}`);
      return [make("polygon", { class: "region", points: joined(region.polygon) }), name];
    }));
    this.shapes = new Map(lines.map((line) => {
      const number = make("text", { class: "number" });
      number.textContent = line.number;
      return [line.id, { outline: make("polygon"), baseline: make("polyline"), number }];
    }));
    this.outlines.replaceChildren(...[...this.shapes.values()].map((shape) => shape.outline));
    this.baselines.replaceChildren(...[...this.shapes.values()].map((shape) => shape.baseline));
    this.numbers.replaceChildren(...[...this.shapes.values()].map((shape) => shape.number));
    for (const line of lines) this.#drawLine(line);
  }

  #drawLine(line) {
    const shape = this.shapes.get(line.id);
    if (!shape) return;
    shape.outline.setAttribute("points", joined(line.polygon));
    shape.baseline.setAttribute("points", joined(line.baseline));
    const [x, y] = line.baseline[0] ?? [0, 0];
    shape.number.setAttribute("x", x);
    shape.number.setAttribute("y", y);
  }

  // --- What is chosen, and what is being done to it ---

  #drawChosen() {
    const chosen = new Set(this.sheet.chosen);
    const order = this.sheet.mode === "order";
    for (const line of this.sheet.lines) {
      const shape = this.shapes.get(line.id);
      const drawn = this.sheet.draft?.id === line.id ? { ...line, ...this.sheet.draft } : line;
      this.#drawLine(drawn);
      const place = this.sheet.numbering.indexOf(line.id);
      const state = `${chosen.has(line.id) ? " chosen" : ""}${line.waits ? " waits" : ""}${place >= 0 ? " numbered" : ""}`;
      shape.outline.setAttribute("class", `outline${state}`);
      shape.baseline.setAttribute("class", `baseline${state}`);
      shape.number.setAttribute("class", `number${state}`);
      shape.number.textContent = order ? (place >= 0 ? place + 1 : "·") : line.number;
    }
    this.element.dataset.mode = this.sheet.mode;
    this.#drawMarks();
    this.#drawHandles();
  }

  #drawMarks() {
    const marks = [];
    const { drawing, cross, cut } = this.sheet;
    if (drawing.length) marks.push(make("polyline", { class: "drawing", points: joined(cross ? [...drawing, cross] : drawing) }));
    for (const [x, y] of drawing) marks.push(make("circle", { class: "drawing-point", cx: x, cy: y }));
    if (cross) {
      const [x, y] = cross;
      const arm = 14 / this.scale;
      marks.push(make("path", { class: "cross", d: `M${x - arm} ${y}H${x + arm}M${x} ${y - arm}V${y + arm}` }));
    }
    const line = cut ? this.sheet.byId(cut.id) : null;
    if (line) {
      const [a, b] = markAcross(line, cut.share);
      marks.push(make("line", { class: "cut", "data-testid": "cut", x1: a[0], y1: a[1], x2: b[0], y2: b[1] }));
    }
    this.marks.replaceChildren(...marks);
  }

  #drawHandles() {
    const { line, mode, readOnly } = this.sheet;
    const shown = line && !readOnly && (mode === "select" || mode === "points");
    this.svg.setAttribute("aria-label", line ? this.t("pointsOf", { number: line.number }) : this.t("pointsOfNone"));
    const wanted = shown ? ["baseline", "polygon"].flatMap((ring) => line[ring].map((_, index) => ({ ring, index }))) : [];
    const between = shown ? this.#between(line) : [];
    const key = shown ? `${line.id}:${line.baseline.length}:${line.polygon.length}:${mode}:${between.map((each) => each.ring + each.index)}` : "";
    if (key !== this.handleKey && !this.dragging) {
      this.handleKey = key;
      this.handles.replaceChildren(
        ...between.map((place) => this.#plus(place)),
        ...wanted.sort((a, b) => (a.ring === b.ring ? 0 : a.ring === "polygon" ? -1 : 1)).map((point) => this.#handle(point)),
      );
      if (mode === "points") this.#orderForTab();
      this.#refocus();
    }
    if (!shown) return;
    for (const handle of this.handles.children) {
      const { ring, index } = handle.place;
      const points = line[ring];
      if (!points[index]) continue;
      const [x, y] = handle.classList.contains("plus") ? middle(points[index], points[(index + 1) % points.length]) : points[index];
      handle.setAttribute("transform", `translate(${x} ${y})`);
      const current = this.sheet.point;
      handle.classList.toggle("current", current !== null && current.ring === ring && current.index === index && !handle.classList.contains("plus"));
      if (handle.hasAttribute("aria-label")) handle.setAttribute("aria-label", this.#name(ring, index, points));
    }
  }

  /** Baseline points first on the way of Tab, though they are drawn last. */
  #orderForTab() {
    const baseline = [...this.handles.querySelectorAll("[data-ring=baseline]")];
    for (const handle of baseline.reverse()) this.handles.prepend(handle);
  }

  #name(ring, index, points) {
    const [x, y] = points[index];
    return this.t(ring === "baseline" ? "baselinePoint" : "polygonPoint", { number: index + 1, total: points.length, x, y });
  }

  #between(line) {
    const places = [];
    for (const ring of ["baseline", "polygon"]) {
      const points = line[ring];
      const last = ring === "baseline" ? points.length - 1 : points.length;
      for (let index = 0; index < last; index++) {
        const next = points[(index + 1) % points.length];
        const gap = Math.hypot(next[0] - points[index][0], next[1] - points[index][1]) * this.scale;
        if (gap > ROOM_FOR_PLUS) places.push({ ring, index });
      }
    }
    return places;
  }

  #handle(place) {
    const shape = place.ring === "baseline" ? make("rect", { class: "dot" }) : make("circle", { class: "dot" });
    const handle = make("g", { class: `handle handle-${place.ring}`, "data-ring": place.ring, "data-index": place.index }, make("circle", { class: "reach" }), shape);
    handle.place = place;
    if (this.sheet.mode === "points") {
      handle.setAttribute("tabindex", "0");
      handle.setAttribute("role", "button");
      handle.setAttribute("aria-label", this.#name(place.ring, place.index, this.sheet.line[place.ring]));
      handle.addEventListener("focus", () => {
        this.sheet.point = place;
        this.#drawHandles();
        this.dispatchEvent(new CustomEvent("point"));
      });
    } else handle.setAttribute("aria-hidden", "true");
    this.#drag(handle, place, false);
    return handle;
  }

  #plus(place) {
    const handle = make("g", { class: "handle plus", "aria-hidden": "true", "data-plus": place.ring, "data-index": place.index },
      make("circle", { class: "reach" }), make("path", { class: "dot" }));
    handle.place = place;
    this.#drag(handle, place, true);
    return handle;
  }

  #drag(handle, place, inserts) {
    handle.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || this.sheet.readOnly) return;
      event.preventDefault();
      event.stopPropagation(); // or the image would be dragged along
      let { index } = place;
      let moved = false;
      const before = this.sheet.line[place.ring];
      this.dragging = true;
      handle.setPointerCapture(event.pointerId);
      handle.classList.add("dragged");
      const move = (motion) => {
        const [x, y] = this.spotOf(motion.clientX, motion.clientY).map(Math.round);
        if (!moved && Math.hypot(motion.clientX - event.clientX, motion.clientY - event.clientY) < 3) return;
        let points = this.sheet.line[place.ring];
        if (!moved && inserts) {
          index = place.index + 1;
          points = [...before.slice(0, index), [x, y], ...before.slice(index)];
        }
        moved = true;
        this.sheet.redraw({ [place.ring]: points.map((point, i) => (i === index ? [x, y] : point)) });
        handle.setAttribute("transform", `translate(${x} ${y})`);
      };
      const end = () => {
        handle.removeEventListener("pointermove", move);
        handle.classList.remove("dragged");
        this.dragging = false;
        this.sheet.point = { ring: place.ring, index };
        if (!moved && inserts) this.insert(place);
        this.handleKey = null;
        this.#drawHandles();
        if (moved || inserts) this.dispatchEvent(new CustomEvent("drawn"));
        else this.dispatchEvent(new CustomEvent("point"));
      };
      handle.addEventListener("pointermove", move);
      handle.addEventListener("lostpointercapture", end, { once: true });
    });
    for (const name of ["pointerup", "click", "dblclick"]) handle.addEventListener(name, (event) => event.stopPropagation());
  }

  // --- Points by keys and buttons ---

  /** Insert a point behind the one at `place`, half-way to the next. */
  insert({ ring, index } = this.sheet.point) {
    const points = this.sheet.line[ring];
    const last = ring === "baseline" && index === points.length - 1;
    const at = last ? index : index + 1;
    const spot = middle(points[last ? index - 1 : index], points[last ? index : (index + 1) % points.length]);
    this.sheet.point = { ring, index: at };
    this.sheet.redraw({ [ring]: [...points.slice(0, at), spot, ...points.slice(at)] });
  }

  focusPoint(ring, index) {
    this.sheet.point = { ring, index };
    this.#refocus();
    this.#drawHandles();
  }

  /** Give the focus to the point that had it, where handles were made anew. */
  #refocus() {
    const { point, mode } = this.sheet;
    if (mode !== "points" || !point || document.activeElement?.closest?.("dialog, select, .panel, .layout-tools")) return;
    this.handles.querySelector(`[data-ring="${point.ring}"][data-index="${point.index}"]`)?.focus({ preventScroll: true });
  }

  // --- The pointer ---

  /** A place on the screen in pixels of the image. */
  spotOf(clientX, clientY) {
    const box = this.viewer.canvas.getBoundingClientRect();
    const item = this.viewer.world.getItemAt(0);
    const spot = item.viewerElementToImageCoordinates(new window.OpenSeadragon.Point(clientX - box.left, clientY - box.top));
    return [spot.x, spot.y];
  }

  #click(event) {
    const item = this.viewer.world.getItemAt(0);
    if (!event.quick || !item) return;
    const { x, y } = item.viewerElementToImageCoordinates(event.position);
    const spot = [Math.round(x), Math.round(y)];
    const line = this.hidden ? null : lineAt(this.sheet.lines, spot);
    this.dispatchEvent(new CustomEvent("pick", { detail: { spot, line, event: event.originalEvent } }));
  }

  // --- Looking ---

  get hidden() { return this.svg.hasAttribute("data-hidden"); }

  /** Bring what is chosen into view. */
  reveal() {
    const lines = this.sheet.chosenLines.filter((line) => line.polygon.length);
    const item = this.viewer.world.getItemAt(0);
    if (!lines.length || !item) return;
    const box = boundsOf(lines.flatMap((line) => line.polygon));
    const rect = item.imageToViewportRectangle(box.x, box.y, box.width, box.height);
    const seen = this.viewer.viewport.getBounds();
    const inside = rect.x >= seen.x && rect.y >= seen.y && rect.x + rect.width <= seen.x + seen.width && rect.y + rect.height <= seen.y + seen.height;
    if (inside) return;
    const center = rect.getCenter();
    if (rect.width > seen.width) center.x = rect.x + seen.width * 0.46;
    this.viewer.viewport.panTo(center);
  }

  show([x, y]) {
    const item = this.viewer.world.getItemAt(0);
    if (!item) return;
    const spot = item.imageToViewportCoordinates(x, y);
    if (!this.viewer.viewport.getBounds().containsPoint(spot)) this.viewer.viewport.panTo(spot);
  }

  zoom(factor) {
    const line = this.sheet.line;
    const item = this.viewer.world.getItemAt(0);
    const box = line && line.polygon.length ? boundsOf(line.polygon) : null;
    const center = box && item ? item.imageToViewportCoordinates(box.x + box.width / 2, box.y + box.height / 2) : undefined;
    this.viewer.viewport.zoomBy(factor, center).applyConstraints();
  }

  /** Between the whole page and the chosen lines. */
  fit() {
    const { viewport } = this.viewer;
    const item = this.viewer.world.getItemAt(0);
    const atHome = Math.abs(viewport.getZoom() / viewport.getHomeZoom() - 1) < 0.02;
    const lines = this.sheet.chosenLines.filter((line) => line.polygon.length);
    if (!atHome || !lines.length || !item) {
      viewport.goHome();
      return;
    }
    const box = boundsOf(lines.flatMap((line) => line.polygon));
    const room = Math.max(box.width * 0.04, box.height);
    viewport.fitBounds(item.imageToViewportRectangle(box.x - room, box.y - room, box.width + 2 * room, box.height + 2 * room));
  }

  toggleOverlay() { return !this.svg.toggleAttribute("data-hidden"); }
}
