// Drawing a new line, point by point: by clicks, or by a cross that the arrow keys move.

import { boundsOf } from "./shapes.js";

const [STEP, FAR] = [10, 100]; // pixels of the image
const CLOSE = 5; // pixels of the screen that the two clicks of a double click may be apart

export class Drawing {
  /** `send(baseline)` is called with the points of a line that is done. */
  constructor(tools, { send }) {
    Object.assign(this, tools, { send });
    this.verbs = {
      cross: (by, far) => this.#moveCross(by, far),
      setPoint: () => this.#setPoint(),
      takePointBack: () => {
        this.sheet.drawing = this.sheet.drawing.slice(0, -1);
        this.sheet.emit("mode");
      },
    };
  }

  add(spot) {
    const { sheet } = this;
    if (!this.#same(spot, sheet.drawing.at(-1))) sheet.drawing = [...sheet.drawing, spot];
    sheet.cross = null;
    sheet.emit("mode");
  }

  finish() {
    const { sheet } = this;
    if (sheet.cross && this.moved) this.#setPoint(); // the cross was left where the line is to end
    if (sheet.drawing.length < 2) this.tell(this.t("tooFewPoints"));
    else this.send(sheet.drawing);
  }

  #moveCross([dx, dy], far) {
    const { sheet, image, t } = this;
    const step = far ? FAR : STEP;
    const within = (value, most) => Math.min(Math.max(value, 0), most - 1);
    const [x, y] = sheet.cross ?? this.#start();
    sheet.cross = [within(x + dx * step, image.width), within(y + dy * step, image.height)];
    this.moved = true;
    this.canvas()?.show(sheet.cross);
    sheet.emit("mode");
    this.say(t("crossAt", { x: sheet.cross[0], y: sheet.cross[1] }));
  }

  #setPoint() {
    const { sheet } = this;
    sheet.cross ??= this.#start();
    if (!this.#same(sheet.cross, sheet.drawing.at(-1))) sheet.drawing = [...sheet.drawing, [...sheet.cross]];
    this.moved = false;
    sheet.emit("mode");
    this.say(this.t("hintAdding", { count: sheet.drawing.length }));
  }

  /** Where the cross starts: at the last point, else under the chosen line or the last one. */
  #start() {
    const { sheet, image } = this;
    const last = sheet.drawing.at(-1);
    if (last) return last;
    const line = sheet.line ?? sheet.lines.at(-1);
    if (!line) return [Math.round(image.width * 0.1), Math.round(image.height * 0.1)];
    const [x, y] = line.baseline[0];
    return [x, Math.min(y + Math.round(boundsOf(line.polygon).height * 1.3), image.height - 2)];
  }

  #same(a, b) {
    return Boolean(a && b) && Math.hypot(a[0] - b[0], a[1] - b[1]) < CLOSE / (this.canvas()?.scale ?? 1);
  }
}
