// The image: OpenSeadragon on the page's tiles, and an SVG over it that outlines the current line and word.

import { showImage } from "../page_image.js";
import { boundsOf, inside, wordBox } from "./geometry.js";

const SVG = "http://www.w3.org/2000/svg";
const LIGHTS = ["lightNormal", "lightStrong", "lightInverted"];

const make = (name, attributes = {}) => {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
};
const joined = (points) => points.map((point) => point.map((value) => value.toFixed(1)).join(",")).join(" ");

export class Viewer extends EventTarget {
  /** `element` holds the image; `sayMissing` is called once if no tile can be loaded. Emits "pick" with [line, word]. */
  constructor(element, page, sayMissing) {
    super();
    this.page = page;
    this.element = element;
    this.free = false; // the reviewer has zoomed: the image then only pans
    this.light = 0;
    const widths = page.lines.map((line) => boundsOf(line.polygon).width).sort((a, b) => a - b);
    this.usualWidth = widths[Math.floor(widths.length * 0.8)] ?? page.data.image.width;
    const image = page.data.image;
    this.viewer = showImage(element, image, { seconds: 0.45, springStiffness: 9, maxZoomPixelRatio: 4, doubleClickZooms: true });
    this.#buildOverlay();
    this.viewer.addHandler("open", () => this.follow(true));
    for (const name of ["update-viewport", "animation", "resize", "rotate", "flip"]) {
      this.viewer.addHandler(name, () => this.#place());
    }
    this.viewer.addHandler("canvas-scroll", () => { this.free = true; });
    this.viewer.addHandler("canvas-pinch", () => { this.free = true; });
    this.viewer.addHandler("canvas-click", (event) => this.#pick(event));
    this.viewer.addOnceHandler("tile-load-failed", sayMissing);
    page.addEventListener("place", () => { this.draw(); this.follow(); });
    page.addEventListener("line", () => this.draw());
    this.draw();
  }

  #buildOverlay() {
    this.svg = make("svg", { class: "overlay", "aria-hidden": "true" });
    this.world = make("g");
    this.outlines = this.page.lines.map((line) => make("polygon", { class: "outline", points: joined(line.polygon) }));
    this.current = make("polygon", { class: "outline-current" });
    this.box = make("polygon", { class: "word-box", "data-testid": "word-box" });
    this.world.append(...this.outlines, this.current, this.box);
    this.svg.append(this.world);
    this.viewer.canvas.append(this.svg);
  }

  /** Keep the overlay where the image is: three corners of it say how pixels come to stand on the screen. */
  #place() {
    const item = this.viewer.world.getItemAt(0);
    if (!item) return;
    const { width, height } = this.page.data.image;
    const [o, x, y] = [[0, 0], [width, 0], [0, height]].map(([px, py]) =>
      this.viewer.viewport.pixelFromPoint(item.imageToViewportCoordinates(px, py, true), true));
    const matrix = [(x.x - o.x) / width, (x.y - o.y) / width, (y.x - o.x) / height, (y.y - o.y) / height, o.x, o.y];
    this.world.setAttribute("transform", `matrix(${matrix.join(" ")})`);
  }

  draw() {
    const line = this.page.current;
    this.current.setAttribute("points", line ? joined(line.polygon) : "");
    const corners = line ? wordBox(line, this.page.currentWord) : null;
    this.box.setAttribute("points", corners ? joined(corners) : "");
  }

  /** Bring the current line, and its word, into view. Zooms only as long as the reviewer has not. */
  follow(immediately = false) {
    const item = this.viewer.world.getItemAt(0);
    const line = this.page.current;
    if (!item || !line || !line.polygon.length) return;
    const around = boundsOf(line.polygon);
    const { viewport } = this.viewer;
    const container = viewport.getContainerSize();
    if (!this.free) {
      // As wide as most lines are, so that the zoom stays the same from line to line and writing begins at one place.
      const width = Math.max(around.width, this.usualWidth) * 1.08;
      const height = (width * container.y) / Math.max(container.x, 1);
      // But a short line at the right edge must not push the image out of view.
      const left = Math.min(around.x, Math.max(this.page.data.image.width - width * 0.96, 0)) - width * 0.04;
      // A little above the middle: what comes next is worth more room than what is done.
      const rect = item.imageToViewportRectangle(left, around.y + around.height / 2 - height * 0.42, width, height);
      viewport.fitBounds(rect, immediately);
      return;
    }
    const corners = wordBox(line, this.page.currentWord);
    const target = corners ? boundsOf(corners) : around;
    const seen = viewport.getBounds();
    const rect = item.imageToViewportRectangle(target.x, target.y, target.width, target.height);
    const centre = rect.getCenter();
    const fits = rect.width <= seen.width;
    const x = fits && rect.x >= seen.x && rect.x + rect.width <= seen.x + seen.width ? seen.getCenter().x
      : fits ? centre.x : rect.x + seen.width / 2;
    viewport.panTo(new window.OpenSeadragon.Point(x, centre.y + seen.height * 0.08), immediately);
  }

  #pick(event) {
    if (!event.quick) return;
    const item = this.viewer.world.getItemAt(0);
    if (!item) return;
    const spot = item.viewerElementToImageCoordinates(event.position);
    const line = this.page.lines.findIndex((each) => inside([spot.x, spot.y], each.polygon));
    if (line < 0) return;
    const words = this.page.lines[line].words;
    const word = words.findIndex((each) => {
      const corners = wordBox(this.page.lines[line], each);
      return corners !== null && inside([spot.x, spot.y], corners);
    });
    this.dispatchEvent(new CustomEvent("pick", { detail: [line, word < 0 ? null : word] }));
  }

  zoom(factor) {
    this.free = true;
    this.viewer.viewport.zoomBy(factor).applyConstraints();
  }

  /** Between the whole page and the current line. */
  fit() {
    const wasFree = this.free;
    const home = this.viewer.viewport.getHomeZoom();
    const atHome = Math.abs(this.viewer.viewport.getZoom() / home - 1) < 0.02;
    this.free = false;
    if (wasFree && !atHome) this.follow();
    else if (atHome) this.follow();
    else {
      this.free = true;
      this.viewer.viewport.goHome();
    }
  }

  rotate() {
    this.viewer.viewport.setRotation((this.viewer.viewport.getRotation() + 90) % 360);
  }

  /** Next light; its name in the wording. */
  nextLight() {
    this.light = (this.light + 1) % LIGHTS.length;
    this.element.dataset.light = LIGHTS[this.light];
    return LIGHTS[this.light];
  }

  toggleOverlay(shown = this.svg.hasAttribute("data-hidden")) {
    this.svg.toggleAttribute("data-hidden", !shown);
    return shown;
  }
}
