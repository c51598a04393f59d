// Points on lines, in pixels of the page's image.

import { boundsOf, inside } from "../editor/geometry.js";

export { boundsOf };

const distance = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]);

/** Where the foot of the perpendicular from `spot` on the polyline is: {share of its length, distance from it}. */
export function nearestOn(points, spot) {
  let [along, best] = [0, { share: 0, distance: Infinity }];
  const total = lengthOf(points) || 1;
  for (let i = 1; i < points.length; i++) {
    const [a, b] = [points[i - 1], points[i]];
    const length = distance(a, b);
    const t = length ? Math.min(1, Math.max(0, ((spot[0] - a[0]) * (b[0] - a[0]) + (spot[1] - a[1]) * (b[1] - a[1])) / length ** 2)) : 0;
    const foot = [a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])];
    const away = distance(foot, spot);
    if (away < best.distance) best = { share: (along + t * length) / total, distance: away };
    along += length;
  }
  return best;
}

export function lengthOf(points) {
  return points.slice(1).reduce((sum, point, i) => sum + distance(points[i], point), 0);
}

/** The point at a share of the polyline's length. */
export function pointAt(points, share) {
  let left = lengthOf(points) * share;
  for (let i = 1; i < points.length; i++) {
    const length = distance(points[i - 1], points[i]);
    if (left <= length || i === points.length - 1) {
      const t = length ? left / length : 0;
      return [points[i - 1][0] + t * (points[i][0] - points[i - 1][0]), points[i - 1][1] + t * (points[i][1] - points[i - 1][1])];
    }
    left -= length;
  }
  return points[0];
}

/** The two ends of a mark across the line at a share of its baseline, as long as the line is high. */
export function markAcross(line, share) {
  const [x, y] = pointAt(line.baseline, share);
  const [a, b] = [line.baseline[0], line.baseline.at(-1)];
  const length = distance(a, b) || 1;
  const across = [-(b[1] - a[1]) / length, (b[0] - a[0]) / length]; // points downwards for writing from left to right
  const depths = line.polygon.map((point) => (point[0] - x) * across[0] + (point[1] - y) * across[1]);
  const [up, down] = [Math.min(...depths, -10), Math.max(...depths, 5)];
  return [up, down].map((depth) => [x + across[0] * depth, y + across[1] * depth]);
}

/** The line under a spot: of several the one whose baseline is nearest. */
export function lineAt(lines, spot) {
  const under = lines.filter((line) => inside(spot, line.polygon));
  return under.sort((a, b) => nearestOn(a.baseline, spot).distance - nearestOn(b.baseline, spot).distance)[0] ?? null;
}

/** How many words stand before the mark, as transcription/htr/dividing_text.py counts them. */
export function wordsBefore(text, share) {
  const words = text.split(/\s+/u).filter(Boolean);
  const total = words.join(" ").length;
  const places = [0];
  let gap = 0;
  for (const word of words) {
    gap += [...word].length + 1;
    places.push(Math.min(Math.max(gap - 0.5, 0), total));
  }
  let best = 0;
  places.forEach((place, count) => {
    if (Math.abs(place - share * total) < Math.abs(places[best] - share * total)) best = count;
  });
  return best;
}
