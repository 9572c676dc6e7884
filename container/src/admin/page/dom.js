// Elements, and the words and shapes of states.

const SVG = "http://www.w3.org/2000/svg";

/** Makes an element: `h("p.note", { title: "…" }, "text", child)`. Properties that begin with `on` are listeners. */
export function h(name, properties = {}, ...children) {
  const [tag, ...classes] = name.split(".");
  return fill(document.createElement(tag), classes, properties, children);
}

/** The same for SVG. */
export function s(name, properties = {}, ...children) {
  const [tag, ...classes] = name.split(".");
  return fill(document.createElementNS(SVG, tag), classes, properties, children);
}

function fill(element, classes, properties, children) {
  if (classes.length > 0) element.classList.add(...classes);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== undefined && child !== null && child !== ""));
  return element;
}

export const byId = (id) => document.getElementById(id);

/** The states from the worst to the best: of several components the first that one of them has is shown. */
export const STATES = ["failed", "recovering", "closing", "opening", "created", "closed", "open"];

/** A shape for each state, around the origin, so that nobody needs the colour. */
const SHAPES = {
  // A disk.
  open: "M-6 0a6 6 0 1 0 12 0a6 6 0 1 0 -12 0z",
  // A triangle with a point below.
  recovering: "M0 -6.5L7 6H-7z",
  // A cross.
  failed: "M-6 -3.5L-3.5 -6L0 -2.5L3.5 -6L6 -3.5L2.5 0L6 3.5L3.5 6L0 2.5L-3.5 6L-6 3.5L-2.5 0z",
  // Half a disk, and the other half.
  opening: "M0 -6a6 6 0 0 1 0 12zM0 -6a6 6 0 0 0 0 12v-1.6a4.4 4.4 0 0 1 0 -8.8z",
  closing: "M0 -6a6 6 0 0 0 0 12zM0 -6a6 6 0 0 1 0 12v-1.6a4.4 4.4 0 0 0 0 -8.8z",
  // A ring.
  created: "M-6 0a6 6 0 1 0 12 0a6 6 0 1 0 -12 0zM-4.4 0a4.4 4.4 0 1 1 8.8 0a4.4 4.4 0 1 1 -8.8 0z",
  // A square.
  closed: "M-5 -5H5V5H-5z",
};

export const shape = (state) => SHAPES[state] ?? SHAPES.created;

/** The shape of a state as an image of its own; the word stands beside it. */
export function mark(state) {
  const path = s("path", { d: shape(state), "fill-rule": "evenodd" });
  return s(`svg.mark.is-${state}`, { viewBox: "-8 -8 16 16", "aria-hidden": "true" }, path);
}

/** `type:kind:name` of a descriptor. */
export function short(descriptor) {
  const [, type, kind, name] = descriptor.split(":");
  return `${type}:${kind}:${name}`;
}

const UNITS = [["d", 86_400], ["h", 3_600], ["min", 60], ["s", 1]];

/** A time in its two largest units: `3 h 12 min`. */
export function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const from = UNITS.findIndex(([, size]) => whole >= size);
  if (from < 0) return "0 s";
  const parts = UNITS.slice(from, from + 2).map(([unit, size], index) => {
    const rest = index === 0 ? whole : whole % UNITS[from][1];
    return [Math.floor(rest / size), unit];
  });
  return parts.filter(([number]) => number > 0).map((part) => part.join(" ")).join(" ");
}

/** The time of day where it is today, with the date where it is not. */
export function clock(time) {
  const date = new Date(time);
  const day = date.toDateString() === new Date().toDateString() ? "" : `${date.toLocaleDateString("sv")} `;
  return day + date.toLocaleTimeString("sv");
}

const numbers = new Intl.NumberFormat("en", { maximumSignificantDigits: 4 });
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** A number with four digits, or all of a whole one. */
export const number = (value) => (Number.isInteger(value) ? whole : numbers).format(value);
