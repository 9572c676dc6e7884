// The counters of a component, with how they went while the panel is open.

import { clock, h, number, s } from "./dom.js";

const [WIDTH, HEIGHT] = [96, 22];
/** How many values a line has. */
const KEPT = 60;

export class Counters {
  constructor(element) {
    this.element = element;
    this.rows = new Map();
    this.body = h("tbody");
    this.note = h("p.note", {}, "None has counted yet.");
    const head = h("thead", {}, h("tr", {}, ...["Counter", "Now", "Since you look"].map((text) => h("th", { scope: "col" }, text))));
    this.table = h("table.counters", { hidden: true }, head, this.body);
    element.replaceChildren(this.note, this.table);
  }

  /** Takes what the counters stand at. */
  update({ counters, left_out: leftOut }) {
    const now = performance.now();
    const names = new Set();
    for (const counter of counters) {
      const key = `${counter.name} ${counter.kind}`;
      names.add(key);
      let row = this.rows.get(key);
      if (!row) {
        row = this.#row(counter);
        this.rows.set(key, row);
      }
      this.#note(row, counter, now);
    }
    for (const [key, row] of this.rows) {
      if (names.has(key)) continue;
      row.element.remove();
      this.rows.delete(key);
    }
    this.table.hidden = counters.length === 0;
    this.note.textContent = leftOut > 0 ? `${number(leftOut)} more are not shown.` : "None has counted yet.";
    this.note.hidden = counters.length > 0 && leftOut === 0;
  }

  #row(counter) {
    const row = { values: [], text: h("td.value"), line: s("polyline", { points: "" }), rate: h("span.rate") };
    const svg = s("svg.spark", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH, height: HEIGHT, "aria-hidden": "true" }, row.line);
    row.element = h("tr", {}, h("th", { scope: "row", title: counter.name }, h("span", {}, counter.name)), row.text, h("td.went", {}, svg, row.rate));
    this.body.append(row.element);
    return row;
  }

  #note(row, counter, now) {
    row.text.textContent = stands(counter);
    const before = row.before;
    row.before = { counter, now };
    const [value, text] = point(counter, now, before);
    row.rate.textContent = text;
    if (value === null) return;
    row.values.push(value);
    if (row.values.length > KEPT) row.values.shift();
    row.line.setAttribute("points", points(row.values));
  }
}

/** What a counter stands at. */
function stands({ kind, count, last, average, time }) {
  if (kind === "timestamp") return clock(time);
  if (kind === "last") return number(last);
  if (kind === "increment") return number(count);
  const unit = kind === "interval" ? " ms" : "";
  return average === null ? `${number(count)} ×` : `${number(count)} × ${number(average)}${unit}`;
}

/** The value of a counter that is drawn, and its text: how often in a second, the last value, the mean since before. */
function point(counter, now, before) {
  const { kind, count, last, sum } = counter;
  if (kind === "timestamp") return [null, ""];
  if (kind === "last") return [last, ""];
  if (!before) return [null, ""];
  const more = Math.max(0, count - before.counter.count);
  const rate = more / Math.max(0.001, (now - before.now) / 1000);
  if (kind === "increment") return [rate, `${number(round(rate))}/s`];
  const mean = more > 0 && sum !== null ? (sum - before.counter.sum) / more : null;
  const unit = kind === "interval" ? " ms" : "";
  return [mean, mean === null ? "" : `${number(round(mean))}${unit}`];
}

const round = (value) => Math.round(value * 100) / 100;

function points(values) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const spread = high - low;
  const y = (value) => (spread === 0 ? HEIGHT / 2 : HEIGHT - 2 - ((value - low) / spread) * (HEIGHT - 4));
  const step = WIDTH / (KEPT - 1);
  const begin = WIDTH - (values.length - 1) * step;
  return values.map((value, index) => `${(begin + index * step).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
}
