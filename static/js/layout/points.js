// The points of the chosen line, moved, inserted and removed by keys and buttons.

const LEAST = { baseline: 2, polygon: 3 };

/** `changed()` is called after each change: it is sent a moment later, so that many small steps are one. */
export function pointVerbs({ sheet, image, canvas, t, tell, editable }, changed) {
  const at = () => (sheet.point && sheet.line && editable() ? { ...sheet.point, points: sheet.line[sheet.point.ring] } : null);
  const within = (value, most) => Math.min(Math.max(value, 0), most - 1);
  return {
    nudge([dx, dy]) {
      const place = at();
      if (!place) return;
      const points = place.points.map(([x, y], i) =>
        i === place.index ? [within(x + dx, image.width), within(y + dy, image.height)] : [x, y]);
      sheet.redraw({ [place.ring]: points });
      changed();
    },
    insertPoint() {
      if (!at() || !canvas()) return;
      canvas().insert();
      changed();
    },
    removePoint() {
      const place = at();
      if (!place) return;
      if (place.points.length <= LEAST[place.ring]) {
        tell(t(place.ring === "baseline" ? "fewestBaseline" : "fewestPolygon"));
        return;
      }
      sheet.point = { ring: place.ring, index: Math.min(place.index, place.points.length - 2) };
      sheet.redraw({ [place.ring]: place.points.filter((_, i) => i !== place.index) });
      changed();
    },
    nextPoint(by) {
      const { point, line } = sheet;
      if (!line) return;
      const all = ["baseline", "polygon"].flatMap((ring) => line[ring].map((_, index) => ({ ring, index })));
      const here = point ? all.findIndex((each) => each.ring === point.ring && each.index === point.index) : -1;
      sheet.point = all[(here + by + all.length) % all.length];
      sheet.emit("draft");
    },
  };
}
