// One way to make an element with all that belongs to it.

/** `dataset` and `style` are set entry by entry, all else as properties. */
export const make = (name, properties = {}, ...children) => {
  const { dataset = {}, style = {}, ...plain } = properties;
  const element = Object.assign(document.createElement(name), plain);
  Object.assign(element.dataset, dataset);
  for (const [key, value] of Object.entries(style)) element.style.setProperty(key, value);
  element.append(...children);
  return element;
};
