// Where lines and words stand on the page, in pixels of its image. A word's span is its share of the line as
// transcription/htr/crop.py cuts it: levelled by the baseline's fit, with a margin of 8 % of the height on every side.

const MARGIN = 0.08;

/** The direction of the baseline's least-squares fit in radians, as transcription/htr/geometry.py has it. */
export function angle(points) {
  if (points.length < 2) return 0;
  const mean = [0, 1].map((axis) => points.reduce((sum, point) => sum + point[axis], 0) / points.length);
  let [xx, xy, yy] = [0, 0, 0];
  for (const point of points) {
    const [x, y] = [point[0] - mean[0], point[1] - mean[1]];
    xx += x * x;
    xy += x * y;
    yy += y * y;
  }
  const { width, height } = boundsOf(points);
  if (width >= height) return xx > 0 ? Math.atan(xy / xx) : 0;
  const lean = Math.atan(xy / yy);
  return points.at(-1)[1] >= points[0][1] ? Math.PI / 2 - lean : -Math.PI / 2 - lean;
}

const turned = ([x, y], by) => [x * Math.cos(by) - y * Math.sin(by), x * Math.sin(by) + y * Math.cos(by)];

/** {x, y, width, height} round the points. */
export function boundsOf(points) {
  const xs = points.map((point) => point[0]);
  const ys = points.map((point) => point[1]);
  const [x, y] = [Math.min(...xs), Math.min(...ys)];
  return { x, y, width: Math.max(...xs) - x, height: Math.max(...ys) - y };
}

/** The four corners of a word's box, or null where its span is not known. */
export function wordBox(line, word) {
  if (!word?.span || line.polygon.length < 3) return null;
  const turn = angle(line.baseline);
  const level = boundsOf(line.polygon.map((point) => turned(point, -turn)));
  const margin = MARGIN * Math.max(level.height, 1);
  const left = level.x - margin;
  const width = level.width + 2 * margin;
  const breath = level.height * 0.07;
  const from = left + word.span[0] * width - breath;
  const to = left + word.span[1] * width + breath;
  const [top, bottom] = [level.y - margin / 2, level.y + level.height + margin / 2];
  return [[from, top], [to, top], [to, bottom], [from, bottom]].map((corner) => turned(corner, turn));
}

/** Whether the point lies inside the polygon (even-odd rule). */
export function inside([x, y], polygon) {
  let within = false;
  for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i++) {
    const [xi, yi] = polygon[i];
    const [xj, yj] = polygon[j];
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) within = !within;
  }
  return within;
}
