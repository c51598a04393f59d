// What a reviewer set up for themselves, remembered on this computer.

const KEY = "longhand:editor";
const DEFAULTS = { split: 54, singleKeys: true, mode: "doubtful_words", guidelines: true };

/**
 * An object that writes to localStorage whenever one of its values is set. Only what was set is kept: a default of
 * ours, or one of the screen's `defaults`, is nobody's wish.
 */
export function loadSettings(defaults = {}) {
  let kept = {};
  try {
    kept = JSON.parse(localStorage.getItem(KEY)) ?? {};
  } catch {
    kept = {};
  }
  delete kept.below; // it was stored without anybody having chosen it; what is chosen now is `markBelow`
  const values = { ...DEFAULTS, ...defaults, ...kept };
  return new Proxy(values, {
    set(target, name, value) {
      if (target[name] === value) return true; // shown again, not chosen
      target[name] = value;
      kept[name] = value;
      try {
        localStorage.setItem(KEY, JSON.stringify(kept));
      } catch {
        // Not remembered, that is all.
      }
      return true;
    },
  });
}
