// What a person chose or dropped, as items {file, path}: path is below the folder that was chosen.

const HIDDEN = /^(\.|Thumbs\.db$|desktop\.ini$)/i;
const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

const item = (file, path) => ({ file, path, tries: 0, url: null, loaded: 0, state: "" });

// In the order in which people count: page2 before page10.
const sorted = (items) => items.sort((a, b) => collator.compare(a.path, b.path));

export const chosen = (files) =>
  sorted([...files].filter((file) => !HIDDEN.test(file.name)).map((file) => item(file, file.webkitRelativePath || file.name)));

const read = async (entry, path, found) => {
  if (HIDDEN.test(entry.name)) return;
  if (entry.isFile) {
    found.push(item(await new Promise((resolve, reject) => entry.file(resolve, reject)), `${path}${entry.name}`));
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)); // 100 at most a call
    if (!some.length) return;
    for (const child of some) await read(child, `${path}${entry.name}/`, found);
  }
};

// Called in the event itself: the list of what was dropped is empty afterwards.
export const dropped = async (transfer) => {
  const items = [...transfer.items].filter((each) => each.kind === "file");
  const entries = items.map((each) => each.webkitGetAsEntry?.() ?? each.getAsFile());
  const found = [];
  for (const entry of entries) {
    if (entry instanceof File) found.push(item(entry, entry.name));
    else if (entry) await read(entry, "", found);
  }
  return sorted(found);
};
