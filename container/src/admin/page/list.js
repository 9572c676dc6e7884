// The components as a list, by type: what is read on a narrow screen, and by those who cannot see the graph.

import { clock, h, mark, number } from "./dom.js";

/** Up to so many components, types have no headings. */
const FEW = 30;
/** Types with more components than this are folded at first, where there are several. */
const FOLDED_FROM = 40;

export class List {
  /** `select` is called with the position of the component that the user chooses. */
  constructor(element, { select }) {
    this.element = element;
    this.select = select;
    this.rows = [];
    element.addEventListener("keydown", (event) => this.#key(event));
  }

  show(components) {
    const types = new Map();
    for (const component of components) {
      const type = components.length > FEW ? component.descriptor.split(":")[1] : "components";
      types.set(type, [...(types.get(type) ?? []), component]);
    }
    this.rows = [];
    this.types = [...types].map(([type, members]) => this.#type(type, members, types.size));
    this.none = h("p.none", { hidden: true }, "No component matches.");
    this.element.replaceChildren(...this.types.map(({ element }) => element), this.none);
  }

  update(component) {
    const row = this.rows[component.position];
    if (!row) return;
    const { state, reason, since } = component;
    if (row.state !== state) {
      row.state = state;
      row.sign.replaceChildren(mark(state), h("span", {}, state));
    }
    row.reason.textContent = reason ?? "";
    row.since.textContent = clock(since);
    row.since.setAttribute("datetime", since);
  }

  filter(positions) {
    let shown = 0;
    for (const { element, count, members, folded } of this.types) {
      let matches = 0;
      for (const position of members) {
        const visible = positions === null || positions.has(position);
        this.rows[position].element.hidden = !visible;
        matches += visible ? 1 : 0;
      }
      element.hidden = matches === 0;
      count.textContent = matches === members.length ? number(matches) : `${number(matches)} of ${number(members.length)}`;
      if (positions !== null) element.open = matches > 0;
      else if (this.filtered) element.open = !folded;
      shown += matches;
    }
    this.filtered = positions !== null;
    this.none.hidden = shown > 0;
  }

  choose(position) {
    this.chosen?.element.removeAttribute("aria-current");
    this.chosen = position === null ? null : this.rows[position] ?? null;
    this.chosen?.element.setAttribute("aria-current", "true");
  }

  focus(position) {
    this.rows[position]?.element.focus();
  }

  #type(type, members, types) {
    const folded = types > 1 && members.length > FOLDED_FROM;
    const count = h("span.count", {}, number(members.length));
    const rows = members.map((component) => this.#row(component));
    const element = h("details", { open: !folded }, h("summary", {}, h("span.type", {}, type), count), ...rows);
    return { element, count, folded, members: members.map(({ position }) => position) };
  }

  #row(component) {
    const [, type, kind, name] = component.descriptor.split(":");
    const row = { sign: h("span.sign"), reason: h("span.reason"), since: h("time.since") };
    row.element = h("button.row", { type: "button", title: component.descriptor, onclick: () => this.select(component.position) },
      row.sign, h("span.name", {}, h("span.kind", {}, `${type}:${kind}:`), name), row.reason, row.since);
    this.rows[component.position] = row;
    this.update(component);
    return row.element;
  }

  #key(event) {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    const seen = [...this.element.querySelectorAll("summary, button.row")].filter((one) => one.checkVisibility());
    const at = seen.indexOf(document.activeElement);
    const next = seen[at + (event.key === "ArrowDown" ? 1 : -1)];
    if (at < 0 || !next) return;
    next.focus();
    event.preventDefault();
  }
}
