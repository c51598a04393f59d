// What a reviewer set up for themselves, remembered on this computer.

const KEY = "longhand:editor";
const DEFAULTS = { split: 54, below: null, singleKeys: true, mode: "doubtful_words", guidelines: true };

/** An object that writes itself to localStorage whenever one of its values is set. */
export function loadSettings(fallback) {
  let kept = {};
  try {
    kept = JSON.parse(localStorage.getItem(KEY) ?? "{}");
  } catch {
    kept = {};
  }
  const values = { ...DEFAULTS, ...kept };
  if (typeof values.below !== "number") values.below = fallback;
  return new Proxy(values, {
    set(target, name, value) {
      target[name] = value;
      try {
        localStorage.setItem(KEY, JSON.stringify(target));
      } catch {
        // Not remembered, that is all.
      }
      return true;
    },
  });
}
