// The page of the admin controller: the service, its components as graph and list, and a panel for one of them.

import { follow, read } from "./api.js";
import { byId, duration, h, mark, number, shape } from "./dom.js";
import { Graph } from "./graph.js";
import { List } from "./list.js";
import { Panel } from "./panel.js";

/** From how many pixels on the graph is shown first. */
const WIDE = 700;
/** The states that can be chosen; the rest is one. */
const CHOICES = ["open", "recovering", "failed", "other"];

const page = {
  service: null,
  /** By position. */
  components: [],
  byDescriptor: new Map(),
  expanded: new Set(),
  /** Only components in this state; all without any. */
  only: null,
  chosen: null,
  /** When the process that was shown was started: another one is another service. */
  started: null,
};

const panel = new Panel(byId("panel"), { select: openComponent, close: closePanel, toggle: toggleKind });
const graph = new Graph(byId("drawing"), { select: openNode });
graph.coveredWidth = () => (panel.open ? byId("panel").offsetWidth : 0);
const list = new List(byId("list"), { select: openComponent });
const choices = makeChoices();

// What the service says.

function showService(service) {
  page.service = service;
  document.title = `${service.name}: ${service.readiness}`;
  byId("name").textContent = service.name;
  byId("description").textContent = service.description ?? "";
  const running = service.state === "running";
  const look = service.ready ? "open" : service.readiness === "blocked" ? "failed" : running ? "recovering" : "closing";
  const badge = byId("readiness");
  badge.className = `badge is-${look}`;
  badge.querySelector("path").setAttribute("d", shape(look));
  const blocked = service.blocked_by.map((descriptor) => descriptor.split(":").slice(1, 4).join(":")).join(", ");
  const words = blocked ? `not ready: ${blocked}` : service.readiness;
  badge.querySelector("span").textContent = words;
  badge.title = running ? words : `the service is ${service.state}`;
  showUptime();
}

function showUptime() {
  if (!page.service) return;
  const seconds = (Date.now() - Date.parse(page.service.started)) / 1000;
  byId("uptime").textContent = `up ${duration(seconds)}`;
}

function showLink(state) {
  const link = byId("link");
  link.textContent = state;
  link.dataset.state = state;
  document.body.classList.toggle("stale", state !== "live");
}

function showComponent(component) {
  const before = page.components[component.position];
  // What was read may be older than what was heard.
  if (before && before.changes > component.changes) return;
  page.components[component.position] = component;
  graph.update(component.position, page.components);
  list.update(component);
  panel.update(component, page.components);
}

async function load() {
  const [service, { components }] = await Promise.all([read("service"), read("components")]);
  const anew = service.started !== page.started || components.length !== page.components.length;
  showService(service);
  if (!anew) {
    components.forEach(showComponent);
    return showChoices();
  }
  page.started = service.started;
  page.components = components;
  page.byDescriptor = new Map(components.map((component) => [component.descriptor, component.position]));
  page.expanded.clear();
  closePanel();
  list.show(components);
  await draw();
}

async function draw() {
  const expanded = [...page.expanded].map((position) => `&expanded=${position}`).join("");
  const drawing = await read(`drawing?group=${byId("group").value}${expanded}`);
  graph.show(drawing, page.components);
  graph.choose(page.chosen);
  filter();
}

function heard(name, data) {
  if (name === "service") showService(data);
  if (name === "component") {
    showService(data.service);
    showComponent(data.component);
    showChoices();
    if (page.only !== null) filter();
  }
  if (name === "missed") load().catch(console.error);
}

// Which components are shown.

function makeChoices() {
  const buttons = CHOICES.map((state) => {
    const count = h("span.count", {}, "0");
    const sign = state === "other" ? "" : mark(state);
    const button = h("button", { type: "button", "aria-pressed": "false", onclick: () => choose(state) }, sign, h("span", {}, state), count);
    return { state, button, count };
  });
  byId("states").append(...buttons.map(({ button }) => button));
  return buttons;
}

const choiceOf = ({ state }) => (CHOICES.includes(state) ? state : "other");

function choose(state) {
  page.only = page.only === state ? null : state;
  for (const choice of choices) choice.button.setAttribute("aria-pressed", String(choice.state === page.only));
  filter();
}

function showChoices() {
  const counts = Object.fromEntries(CHOICES.map((state) => [state, 0]));
  for (const component of page.components) counts[choiceOf(component)] += 1;
  for (const { state, button, count } of choices) {
    count.textContent = number(counts[state]);
    button.classList.toggle("empty", counts[state] === 0);
  }
}

/** The positions of the components that match what was typed and chosen; nothing where that is all. */
function matches() {
  const words = byId("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0 && page.only === null) return null;
  const found = page.components.filter((component) => {
    const name = component.descriptor.toLowerCase();
    return words.every((word) => name.includes(word)) && (page.only === null || choiceOf(component) === page.only);
  });
  return new Set(found.map(({ position }) => position));
}

function filter() {
  const positions = matches();
  graph.filter(positions);
  list.filter(positions);
  byId("no-match").hidden = positions === null || positions.size > 0;
  showChoices();
}

// The panel.

/** Opens a component by its position or its descriptor. */
function openComponent(which) {
  const position = typeof which === "string" ? page.byDescriptor.get(which) : which;
  const component = page.components[position];
  if (!component) return;
  page.chosen = position;
  panel.component(component, graph.byPosition.get(position));
  graph.choose(position);
  list.choose(position);
}

function openNode(node) {
  if (node === null) return closePanel();
  if (node.members.length === 1) return openComponent(node.members[0]);
  page.chosen = node.members[0];
  panel.several(node, page.components);
  graph.choose(page.chosen);
}

function closePanel() {
  const had = byId("panel").contains(document.activeElement) ? page.chosen : null;
  panel.close();
  page.chosen = null;
  graph.choose(null);
  list.choose(null);
  if (had !== null) (byId("graph").hidden ? list : graph).focus(had);
}

/** Draws the components of a kind as one where they are not, and each by itself where they are one. */
function toggleKind(node) {
  const kind = (position) => page.components[position].descriptor.split(":").slice(1, 3).join(":");
  const expanded = [...page.expanded].filter((position) => kind(position) !== node.kind);
  if (expanded.length === page.expanded.size) expanded.push(node.members[0]);
  page.expanded = new Set(expanded);
  closePanel();
  draw().catch(console.error);
}

function view(name) {
  for (const one of ["graph", "list"]) {
    byId(one).hidden = one !== name;
    byId(`as-${one}`).setAttribute("aria-pressed", String(one === name));
  }
  document.body.dataset.view = name;
  if (name === "graph" && graph.drawing) graph.fit();
}

// What the user does.

byId("as-graph").addEventListener("click", () => view("graph"));
byId("as-list").addEventListener("click", () => view("list"));
byId("zoom-in").addEventListener("click", () => graph.zoom(1.3));
byId("zoom-out").addEventListener("click", () => graph.zoom(1 / 1.3));
byId("zoom-fit").addEventListener("click", () => graph.fit());
byId("group").addEventListener("change", () => {
  page.expanded.clear();
  closePanel();
  draw().catch(console.error);
});
byId("of-service").addEventListener("click", () => {
  if (!page.service) return;
  closePanel();
  panel.container(page.service);
});
byId("search").addEventListener("input", filter);
byId("search").addEventListener("keydown", (event) => {
  const found = event.key === "Enter" ? matches() : null;
  if (found?.size > 0) openComponent([...found][0]);
});
document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input, select, textarea");
  if (event.key === "/" && !typing) {
    byId("search").focus();
    event.preventDefault();
  }
  if (event.key === "Escape" && !byId("token").open && panel.open) closePanel();
});

view(window.innerWidth < WIDE ? "list" : "graph");
setInterval(showUptime, 1_000);
showLink("connecting");
follow({
  opened: async () => { await load(); showLink("live"); },
  event: heard,
  lost: () => showLink("not connected"),
});
