// The line between image and text: dragged or moved by the arrow keys, and remembered.

const [LEAST, MOST, STEP] = [25, 75, 3];

export function makeSplit(separator, frame, settings, changed) {
  const set = (share) => {
    const value = Math.round(Math.min(MOST, Math.max(LEAST, share)));
    frame.style.setProperty("--split", `${value}%`);
    separator.setAttribute("aria-valuenow", value);
    settings.split = value;
    changed();
  };
  // On narrow screens image and text stand one above the other.
  const stacked = () => getComputedStyle(frame).flexDirection === "column";
  const direct = () => separator.setAttribute("aria-orientation", stacked() ? "horizontal" : "vertical");
  set(settings.split);
  direct();
  window.addEventListener("resize", direct);
  separator.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    separator.focus();
    separator.setPointerCapture(event.pointerId);
    const move = (moved) => {
      const box = frame.getBoundingClientRect();
      set(stacked() ? (100 * (moved.clientY - box.top)) / box.height : (100 * (moved.clientX - box.left)) / box.width);
    };
    separator.addEventListener("pointermove", move);
    separator.addEventListener("lostpointercapture", () => separator.removeEventListener("pointermove", move), { once: true });
  });
  separator.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -STEP, ArrowUp: -STEP, ArrowRight: STEP, ArrowDown: STEP }[event.key];
    const to = { Home: LEAST, End: MOST }[event.key];
    if (by === undefined && to === undefined) return;
    event.preventDefault();
    set(to ?? settings.split + by);
  });
}
