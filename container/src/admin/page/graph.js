// The graph as SVG: drawn where the service has placed the nodes, moved and scaled by its view box.

import { STATES, number, s, shape } from "./dom.js";

const MOST_SCALE = 2.5;
/** What has few nodes is not blown up to fill the screen: by no more than this, and on a very wide screen the double. */
const FIT_SCALE = 1.15;
const VERY_WIDE = 2_200;
const PAN_STEP = 80;

/** How wide a text is, with an ellipsis where it is too wide. */
const measure = document.createElement("canvas").getContext("2d");

function fitted(text, font, width) {
  measure.font = font;
  if (measure.measureText(text).width <= width) return text;
  let end = text.length;
  while (end > 1 && measure.measureText(`${text.slice(0, end)}…`).width > width) end -= 1;
  return `${text.slice(0, end)}…`;
}

/** The worst state of some components, and how many have it. */
function worst(members) {
  const counts = new Map();
  for (const { state } of members) counts.set(state, (counts.get(state) ?? 0) + 1);
  const state = STATES.find((one) => counts.has(one)) ?? "created";
  return { state, count: counts.get(state) ?? 0 };
}

export class Graph {
  /** `select` is called with the node that the user chooses, or with nothing. */
  constructor(svg, { select }) {
    this.svg = svg;
    this.select = select;
    this.nodes = [];
    this.byPosition = new Map();
    this.chosen = null;
    this.hovered = null;
    this.focused = 0;
    this.view = { x: 0, y: 0, scale: 1 };
    this.size = { width: 1, height: 1 };
    this.#listen();
    new ResizeObserver(() => (this.touched ? this.#apply() : this.fit())).observe(svg);
  }

  /** Draws the graph; `components` are all of the service, by position. */
  show(drawing, components) {
    this.drawing = drawing;
    this.nodes = drawing.nodes.map((node, index) => ({ ...node, ...node.at, index, from: [], to: [] }));
    this.byPosition = new Map(this.nodes.flatMap((node) => node.members.map((position) => [position, node])));
    for (const line of drawing.lines) {
      this.nodes[line.from].to.push(line);
      this.nodes[line.to].from.push(line);
    }
    this.size = drawing;
    this.touched = false;
    this.chosen = this.hovered = null;
    const waiting = drawing.lines.filter((line) => !line.late);
    this.over = s("g.over");
    // Nearly everything refers to loggers and counters without waiting: that is shown for one component at a time.
    this.svg.replaceChildren(
      s("path.lines", { d: waiting.map((line) => this.#curve(line)).join("") }),
      s("path.heads", { d: waiting.map((line) => this.#head(line)).join("") }),
      this.over,
      s("g.nodes", {}, ...this.nodes.map((node) => this.#draw(node))),
    );
    this.svg.classList.toggle("many", drawing.nodes.length > 120);
    this.focused = Math.min(this.focused, Math.max(0, this.nodes.length - 1));
    this.nodes[this.focused]?.element.setAttribute("tabindex", "0");
    for (const node of this.nodes) this.#paint(node, components);
    this.fit();
  }

  /** The state of a component has changed. */
  update(position, components) {
    const node = this.byPosition.get(position);
    if (node) this.#paint(node, components);
  }

  /** Lets those stand back of which no component is among the positions; all are shown without any. */
  filter(positions) {
    for (const node of this.nodes) {
      const out = positions !== null && !node.members.some((position) => positions.has(position));
      node.element.classList.toggle("out", out);
    }
    this.svg.classList.toggle("filtered", positions !== null);
  }

  /** Marks the node of a component, or none. */
  choose(position) {
    const node = position === null ? null : this.byPosition.get(position) ?? null;
    this.chosen?.element.classList.remove("chosen");
    this.chosen = node;
    node?.element.classList.add("chosen");
    this.#highlight();
    if (node) this.#reveal(node);
    // What was moved for the panel goes back.
    else if (this.drawing && !this.touched) this.fit();
  }

  focus(position) {
    const node = this.byPosition.get(position);
    if (node) this.#focus(node);
  }

  #draw(node) {
    const { node_width: width, node_height: height } = this.drawing;
    const many = node.members.length > 1;
    // Most names are `default`, and tell nothing apart.
    const named = !many && node.name !== "default";
    const under = many ? `${number(node.members.length)} components` : named ? node.kind : node.name;
    node.mark = s("path", { "fill-rule": "evenodd" });
    node.words = s("text.under", { x: 36, y: 35 });
    node.under = under;
    const stack = many ? [s("rect.behind", { x: 4, y: 4, width, height, rx: 7 })] : [];
    node.element = s("g.node", { transform: `translate(${node.x} ${node.y})`, role: "button", tabindex: "-1" },
      s("title"), ...stack,
      s("rect.box", { width, height, rx: 7 }),
      s("g.sign", { transform: "translate(19 23)" }, node.mark),
      s("text.title", { x: 36, y: 19 }, fitted(named ? node.name : node.kind, "600 13px system-ui, sans-serif", width - 46)),
      node.words);
    const on = (name, call) => node.element.addEventListener(name, call);
    on("click", () => { if (!this.moved) this.#select(node); });
    on("pointerenter", () => { this.hovered = node; this.#highlight(); });
    on("pointerleave", () => { this.hovered = null; this.#highlight(); });
    on("focus", () => { this.#mayFocus(node); this.#reveal(node); });
    return node.element;
  }

  /** Shows the state: as shape, as colour, and as a word where it is not the usual one. */
  #paint(node, components) {
    const members = node.members.map((position) => components[position]).filter(Boolean);
    const { state, count } = worst(members);
    node.mark.setAttribute("d", shape(state));
    const usual = state === "open";
    const what = members.length > 1 && !usual ? `${number(count)} of ${number(members.length)} ${state}` : state;
    const words = usual ? node.under : what;
    if (node.state !== state || node.shown !== words) {
      node.element.classList.remove(`is-${node.state}`);
      node.element.classList.add(`is-${state}`);
      node.words.textContent = fitted(words, "11.5px system-ui, sans-serif", this.drawing.node_width - 46);
      const name = members.length > 1 ? `${node.kind}, ${node.under}` : `${node.kind}:${node.name}`;
      node.element.querySelector("title").textContent = `${name}: ${what}`;
      node.element.setAttribute("aria-label", `${name}: ${what}`);
      node.element.dataset.state = state;
      [node.state, node.shown] = [state, words];
    }
  }

  #select(node) {
    this.#mayFocus(node);
    this.select(node);
  }

  // Lines.

  #ends({ from, to }) {
    const { node_width: width, node_height: height } = this.drawing;
    const [a, b] = [this.nodes[from], this.nodes[to]];
    const forward = b.x >= a.x + width;
    const backward = a.x >= b.x + width;
    // In one column: both ends on the right.
    const [x1, x2] = [backward ? a.x : a.x + width, forward ? b.x : b.x + width];
    return { x1, x2, y1: a.y + height / 2, y2: b.y + height / 2, forward, backward };
  }

  #curve(line) {
    const { x1, x2, y1, y2, forward, backward } = this.#ends(line);
    const { node_width: width, node_height: height } = this.drawing;
    if (!forward) {
      const bend = backward ? -Math.min(140, (x1 - x2) / 2) : 46;
      return `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 + Math.abs(bend)} ${y2} ${x2} ${y2}`;
    }
    // Straight through the columns, and curved between them.
    const bends = line.bends.flatMap(({ x, y }) => [[x, y + height / 2], [x + width, y + height / 2]]);
    const points = [...bends, [x2, y2]];
    let [path, x, y] = [`M${x1} ${y1}`, x1, y1];
    points.forEach(([nextX, nextY], index) => {
      const middle = (x + nextX) / 2;
      path += index % 2 === 0 ? `C${middle} ${y} ${middle} ${nextY} ${nextX} ${nextY}` : `H${nextX}`;
      [x, y] = [nextX, nextY];
    });
    return path;
  }

  #head(line) {
    const { x2, y2, forward } = this.#ends(line);
    const side = forward ? -7 : 7;
    return `M${x2} ${y2}l${side} -4v8z`;
  }

  /** Draws the lines of the node that is pointed at or chosen over all others. */
  #highlight() {
    const node = this.hovered ?? this.chosen;
    this.svg.classList.toggle("lit", node !== null);
    for (const near of this.svg.querySelectorAll(".near")) near.classList.remove("near");
    this.over?.replaceChildren();
    if (node === null) return;
    const lines = [...node.to, ...node.from];
    this.over.append(
      s("path.lines.late", { d: lines.filter(({ late }) => late).map((line) => this.#curve(line)).join("") }),
      s("path.lines", { d: lines.filter(({ late }) => !late).map((line) => this.#curve(line)).join("") }),
      s("path.heads", { d: lines.map((line) => this.#head(line)).join("") }),
    );
    for (const { from, to } of lines) {
      this.nodes[from].element.classList.add("near");
      this.nodes[to].element.classList.add("near");
    }
    node.element.classList.add("near");
  }

  // The part of it that is seen.

  fit() {
    const { clientWidth, clientHeight } = this.svg;
    if (clientWidth === 0 || clientHeight === 0) return;
    const { width, height } = this.size;
    const most = clientWidth < VERY_WIDE ? FIT_SCALE : 2 * FIT_SCALE;
    const scale = Math.min(most, clientWidth / width, clientHeight / height);
    this.view = { x: (width - clientWidth / scale) / 2, y: (height - clientHeight / scale) / 2, scale };
    this.touched = false;
    this.#apply();
  }

  zoom(factor, at) {
    const { clientWidth, clientHeight } = this.svg;
    const { x, y, scale } = this.view;
    const [px, py] = at ?? [clientWidth / 2, clientHeight / 2];
    const next = Math.min(MOST_SCALE, Math.max(this.#least(), scale * factor));
    this.view = { x: x + px / scale - px / next, y: y + py / scale - py / next, scale: next };
    this.touched = true;
    this.#apply();
  }

  /** The scale at which all is seen. */
  #least() {
    const { clientWidth, clientHeight } = this.svg;
    return Math.min(0.5, clientWidth / this.size.width, clientHeight / this.size.height);
  }

  /** Moves as the user wants. */
  #move(dx, dy) {
    this.touched = true;
    this.#shift(dx, dy);
  }

  #shift(dx, dy) {
    this.view.x += dx / this.view.scale;
    this.view.y += dy / this.view.scale;
    this.#apply();
  }

  #apply() {
    const { clientWidth, clientHeight } = this.svg;
    const { x, y, scale } = this.view;
    // Some of the graph is always in sight.
    const [width, height] = [clientWidth / scale, clientHeight / scale];
    this.view.x = Math.min(this.size.width - width / 4, Math.max(-width * 0.75, x));
    this.view.y = Math.min(this.size.height - height / 4, Math.max(-height * 0.75, y));
    this.svg.setAttribute("viewBox", `${this.view.x} ${this.view.y} ${width} ${height}`);
    this.svg.classList.toggle("far", scale < 0.5);
    this.svg.classList.toggle("farther", scale < 0.25);
  }

  /** Moves just so far that a node is seen, and not below the panel. */
  #reveal(node) {
    const { clientWidth, clientHeight } = this.svg;
    const { x, y, scale } = this.view;
    const covered = this.coveredWidth?.() ?? 0;
    const [width, height] = [(clientWidth - covered) / scale, clientHeight / scale];
    if (width <= this.drawing.node_width) return;
    const [right, bottom] = [node.x + this.drawing.node_width + 12, node.y + this.drawing.node_height + 12];
    const dx = Math.min(0, node.x - 12 - x) || Math.max(0, right - x - width);
    const dy = Math.min(0, node.y - 12 - y) || Math.max(0, bottom - y - height);
    if (dx !== 0 || dy !== 0) this.#shift(dx * scale, dy * scale);
  }

  #listen() {
    let [pointers, last] = [new Map(), 0];
    const spread = () => {
      const [a, b] = [...pointers.values()];
      return Math.hypot(a.x - b.x, a.y - b.y);
    };
    this.svg.addEventListener("pointerdown", (event) => {
      pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
      if (pointers.size === 1) this.moved = false;
      if (pointers.size === 2) last = spread();
    });
    this.svg.addEventListener("pointermove", (event) => {
      const before = pointers.get(event.pointerId);
      if (!before) return;
      const [dx, dy] = [event.clientX - before.x, event.clientY - before.y];
      if (!this.moved && Math.hypot(dx, dy) < 4) return;
      if (!this.moved) this.svg.setPointerCapture(event.pointerId);
      this.moved = true;
      pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
      if (pointers.size === 2) {
        const now = spread();
        this.zoom(now / last, this.#at(event));
        last = now;
      } else {
        this.#move(-dx, -dy);
      }
    });
    for (const name of ["pointerup", "pointercancel"]) {
      this.svg.addEventListener(name, (event) => pointers.delete(event.pointerId));
    }
    this.svg.addEventListener("click", (event) => {
      if (!this.moved && event.target === this.svg) this.select(null);
    });
    this.svg.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0016)), this.#at(event));
    }, { passive: false });
    this.svg.addEventListener("keydown", (event) => this.#key(event));
  }

  #at(event) {
    const box = this.svg.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  // By keyboard: one node has the focus, the arrows go to the next in their direction.

  #mayFocus(node) {
    this.nodes[this.focused]?.element.setAttribute("tabindex", "-1");
    this.focused = node.index;
    node.element.setAttribute("tabindex", "0");
  }

  #focus(node) {
    this.#mayFocus(node);
    node.element.focus({ preventScroll: true });
  }

  #key(event) {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const node = this.nodes[this.focused];
    if (event.key === "+" || event.key === "-") this.zoom(event.key === "+" ? 1.25 : 0.8);
    else if (event.key === "0") this.fit();
    else if (steps[event.key] && event.shiftKey) this.#move(...steps[event.key].map((step) => step * PAN_STEP));
    else if (steps[event.key] && node) this.#focus(this.#next(node, steps[event.key]));
    else if ((event.key === "Enter" || event.key === " ") && node) this.#select(node);
    else return;
    event.preventDefault();
  }

  #next(node, [right, down]) {
    const distance = (other) => {
      const [x, y] = [other.x - node.x, other.y - node.y];
      const [along, across] = right !== 0 ? [x * right, Math.abs(y)] : [y * down, Math.abs(x)];
      return along > 1 ? along + 3 * across : Infinity;
    };
    const shown = this.nodes.filter((other) => other !== node && !other.element.classList.contains("out"));
    const nearest = shown.reduce((best, other) => (distance(other) < distance(best) ? other : best), node);
    return distance(nearest) < Infinity ? nearest : node;
  }
}
