// The panel beside the graph: one component, or several of a kind, or what is outside of all.

import { read, write } from "./api.js";
import { Counters } from "./counters.js";
import { STATES, clock, h, mark, number, short } from "./dom.js";

/** How often counters and log are asked for while a component is shown. */
const EVERY = 2_000;
/** How many lines of the log are shown. */
const MOST_LINES = 1_000;
const LEVELS = ["fatal", "error", "warn", "info", "debug", "trace"];
const TIMES = [["5m", "5 minutes"], ["15m", "15 minutes"], ["1h", "1 hour"], ["12h", "12 hours"]];
const WHY_TOKEN = "Whoever changes something has to know the token of the service's operators.";

export class Panel {
  /** `select` opens a component by its descriptor or position, `close` closes the panel, `toggle` shows a kind as one or not. */
  constructor(element, actions) {
    this.element = element;
    this.actions = actions;
    this.current = null;
  }

  get open() {
    return !this.element.hidden;
  }

  close() {
    this.current?.ended.abort();
    this.current = null;
    this.element.hidden = true;
    this.element.replaceChildren();
  }

  /** Shows a component. */
  component(component, node) {
    const current = this.#begin();
    const [, type, kind, name] = component.descriptor.split(":");
    current.position = component.position;
    current.state = h("div.state");
    current.history = h("ol.history");
    const references = h("div.references");
    const section = h("pre.section", { tabindex: "0", "aria-label": "Section of the manifest" }, "…");
    const path = `components/${encodeURIComponent(component.descriptor)}`;
    const [levels, counters, log] = [this.#levels(current, component.descriptor), h("div"), this.#log(current, `${path}/log`)];
    const restart = this.#restart(current, path);
    const more = node?.expanded || node?.members.length > 1
      ? [h("button.plain", { type: "button", onclick: () => this.actions.toggle(node) }, `Draw all ${type}:${kind} as one`)] : [];
    this.#frame(`${type}:${kind}`, name, component.descriptor, [
      current.state, ...more,
      part("References", references),
      part("Log level", levels),
      part("Counters", counters),
      part("Log", log.element),
      part("Section", section),
      part("Last states", current.history),
      part("Restart", restart.element),
    ]);
    this.update(component);
    const shown = new Counters(counters);
    const detail = async () => {
      const answer = await read(path, current.ended.signal);
      section.textContent = toml(answer.section);
      references.replaceChildren(
        this.#references("Refers to", answer.references),
        this.#references("Is referred to by", answer.referenced_by),
      );
      this.#history(current, answer.history);
      restart.show(answer.restarts_with);
    };
    current.reload = detail;
    this.#run(current, detail);
    this.#repeat(current, async () => shown.update(await read(`${path}/counters`, current.ended.signal)));
    this.#repeat(current, log.update);
  }

  /** Shows what is logged outside of all components. */
  container(service) {
    const current = this.#begin();
    const log = this.#log(current, "log");
    const section = h("pre.section", { tabindex: "0", "aria-label": "Section of the manifest" }, "…");
    this.#frame("service", service.name, "What is logged outside of all components", [
      part("Log level", this.#levels(current, "container")), part("Log", log.element), part("Section", section),
    ]);
    this.#run(current, async () => {
      const { service: keys } = await read("manifest", current.ended.signal);
      section.textContent = `[service]\n${toml(keys)}`;
    });
    this.#repeat(current, log.update);
  }

  /** Shows the components that are drawn as one. */
  several(node, components) {
    const current = this.#begin();
    current.node = node;
    current.members = h("div.members");
    this.#frame("several components", node.kind, `${number(node.members.length)} components of this kind`, [
      h("button.plain", { type: "button", onclick: () => this.actions.toggle(node) }, "Draw each by itself"), current.members,
    ]);
    this.#members(current, components);
  }

  /** A component has another state. */
  update(component, components) {
    const { current } = this;
    if (!current) return;
    if (current.node && current.node.members.includes(component.position)) this.#members(current, components);
    if (current.position !== component.position) return;
    const { state, reason, since, changes, recoveries, restarts, critical } = component;
    const facts = [`since ${clock(since)}`, `${number(changes)} changes`];
    if (recoveries > 0) facts.push(`recovered ${number(recoveries)} ×`);
    if (restarts > 0) facts.push(`restarted ${number(restarts)} ×`);
    if (!critical) facts.push("not critical");
    current.state.replaceChildren(
      h(`p.badge.is-${state}`, {}, mark(state), h("span", {}, state)),
      h("p.facts", {}, facts.join(" · ")),
      reason ? h("p.reason", {}, reason) : "",
    );
    if (current.changes !== undefined && current.changes !== changes) this.#run(current, current.reload);
    current.changes = changes;
  }

  #begin() {
    this.current?.ended.abort();
    this.current = { ended: new AbortController() };
    return this.current;
  }

  #frame(kind, name, title, parts) {
    const close = h("button.close", { type: "button", "aria-label": "Close", onclick: () => this.actions.close() }, "×");
    this.element.replaceChildren(
      h("header", {}, h("div", {}, h("p.kind", {}, kind), h("h2", { title, tabindex: "-1" }, name)), close),
      h("div.parts", {}, ...parts, h("p.error.trouble", { role: "alert" })),
    );
    this.element.setAttribute("aria-label", `${kind}:${name}`);
    this.element.hidden = false;
  }

  #members(current, components) {
    const all = current.node.members.map((position) => components[position]);
    const worth = ({ state }) => STATES.indexOf(state);
    all.sort((a, b) => worth(a) - worth(b) || a.position - b.position);
    const row = ({ position, descriptor, state }) => h("button.row", { type: "button", onclick: () => this.actions.select(position) },
      h("span.sign", {}, mark(state), h("span", {}, state)), h("span.name", {}, descriptor.split(":")[3]));
    current.members.replaceChildren(...all.map(row));
  }

  #references(title, list) {
    const names = new Map();
    for (const { name, late, descriptor } of list) {
      const words = late ? `${name}, late` : name;
      names.set(descriptor, [...(names.get(descriptor) ?? []), words]);
    }
    const item = ([descriptor, words]) => h("li", {},
      h("button.link", { type: "button", title: descriptor, onclick: () => this.actions.select(descriptor) }, short(descriptor)),
      h("span.as", {}, words.join("; ")));
    const none = h("p.note", {}, "none");
    return h("div", {}, h("h4", {}, title), names.size > 0 ? h("ul", {}, ...[...names].map(item)) : none);
  }

  #history(current, history) {
    const item = ({ state, reason, at }) => h("li", {},
      h("time", { datetime: at }, clock(at)), h("span.sign", {}, mark(state), h("span", {}, state)), h("span.reason", {}, reason ?? ""));
    current.history.replaceChildren(...history.toReversed().map(item));
  }

  // Levels.

  #levels(current, target) {
    const now = h("p.now", {}, "…");
    const level = h("select", { "aria-label": "Level" }, ...LEVELS.map((one) => h("option", { value: one }, one)));
    const time = h("select", { "aria-label": "For how long" }, ...TIMES.map(([value, text]) => h("option", { value }, `for ${text}`)));
    time.value = "15m";
    const reset = h("button", { type: "button" }, "As configured");
    const show = ({ levels }, chosen) => {
      const found = levels.find((one) => one.target === target);
      if (!found) return;
      const set = found.asked_by ? `; set by ${found.asked_by}${found.until ? `, until ${clock(found.until)}` : ""}` : "";
      now.replaceChildren(h("strong", {}, found.level), found.asked_by ? ` in place of ${found.configured}${set}` : " as configured");
      reset.disabled = !found.asked_by;
      if (chosen) level.value = found.level;
    };
    const change = async (path, body) => show(await write(path, { target, ...body }, WHY_TOKEN));
    const form = h("form.levels", { onsubmit: (event) => {
      event.preventDefault();
      this.#run(current, () => change("levels/set", { level: level.value, for: time.value }));
    } }, level, time, h("button.primary", { type: "submit" }, "Set"), reset);
    reset.addEventListener("click", () => this.#run(current, () => change("levels/reset", {})));
    this.#run(current, async () => show(await read("levels", current.ended.signal), true));
    return h("div", {}, now, form);
  }

  // Restart.

  /** A button, and another one that does it once it is seen what is restarted too. */
  #restart(current, path) {
    const what = h("p.note", {}, "…");
    const said = h("p.note", { role: "status" });
    const [first, now, no] = [["button", "Restart"], ["button.primary", "Restart now"], ["button", "Cancel"]]
      .map(([tag, text]) => h(tag, { type: "button" }, text));
    const ask = (asks) => {
      [first.hidden, now.hidden, no.hidden] = [asks, !asks, !asks];
    };
    ask(false);
    const restart = async () => {
      said.textContent = "Restarting…";
      try {
        const { components, done, took_ms: took } = await write(`${path}/restart`, {}, WHY_TOKEN);
        const count = components.length === 1 ? "1 component" : `${number(components.length)} components`;
        said.textContent = done ? `Restarted ${count} in ${number(took)} ms.` : `${count} still restarting.`;
      } catch (error) {
        said.textContent = "";
        throw error;
      }
    };
    first.addEventListener("click", () => { ask(true); now.focus(); });
    no.addEventListener("click", () => { ask(false); first.focus(); });
    now.addEventListener("click", () => { ask(false); first.focus(); this.#run(current, restart); });
    const show = (others) => what.replaceChildren(others.length === 0
      ? "Nothing else is restarted with it."
      : `Restarted with it, since they hold it: ${others.map(short).join(", ")}.`);
    return { element: h("div", {}, what, h("div.levels", {}, first, now, no), said), show };
  }

  // The log.

  #log(current, path) {
    const lines = h("div.log", { tabindex: "0", role: "log", "aria-label": "Log" });
    const note = h("p.note", {}, "Nothing was logged yet.");
    let last = 0;
    const update = async () => {
      const answer = await read(`${path}?after=${last}`, current.ended.signal);
      // A service that was started anew counts from the beginning.
      last = answer.last;
      if (answer.lines.length === 0) return;
      note.hidden = true;
      const atEnd = lines.scrollHeight - lines.scrollTop - lines.clientHeight < 24;
      lines.append(...answer.lines.map(line));
      while (lines.childElementCount > MOST_LINES) lines.firstElementChild.remove();
      if (atEnd) lines.scrollTop = lines.scrollHeight;
    };
    return { element: h("div", {}, note, lines), update };
  }

  // What goes on while a component is shown.

  async #run(current, what) {
    try {
      await what();
      this.#trouble(current, "");
      return true;
    } catch (error) {
      if (error.name === "AbortError") return true;
      // That the service does not answer is said above.
      if (error instanceof TypeError) return true;
      this.#trouble(current, error.message);
      return false;
    }
  }

  #trouble(current, message) {
    if (current !== this.current) return;
    this.element.querySelector(".trouble").textContent = message;
  }

  async #repeat(current, what) {
    const { signal } = current.ended;
    while (!signal.aborted) {
      if (!document.hidden && !(await this.#run(current, what))) return;
      await new Promise((resolve) => setTimeout(resolve, EVERY));
    }
  }
}

function part(title, content) {
  return h("section", {}, h("h3", {}, title), content);
}

function line({ time, level, text, trace_id: trace }) {
  return h(`p.${level}`, {}, h("time", { datetime: time, title: trace ? `trace ${trace}` : time }, clock(time)), h("span.level", {}, level), h("span.text", {}, text));
}

/** Keys and values as TOML, a line each. */
function toml(section, prefix = "") {
  const lines = Object.entries(section).map(([key, value]) => {
    const name = prefix + (/^[\w-]+$/.test(key) ? key : JSON.stringify(key));
    return isTable(value) && Object.keys(value).length > 0 ? toml(value, `${name}.`) : `${name} = ${inline(value)}`;
  });
  return lines.join("\n");
}

const isTable = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

function inline(value) {
  if (Array.isArray(value)) return `[${value.map(inline).join(", ")}]`;
  if (!isTable(value)) return JSON.stringify(value);
  const keys = Object.entries(value).map(([key, one]) => `${/^[\w-]+$/.test(key) ? key : JSON.stringify(key)} = ${inline(one)}`);
  return keys.length > 0 ? `{ ${keys.join(", ")} }` : "{}";
}
