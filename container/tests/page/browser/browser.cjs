// Drives the page in a real browser: browser.cjs SCENARIO ADDRESS FOLDER, where screenshots go into the folder.
//
// What the test has to do meanwhile it is told by a line `please: …`. Ends with `passed`, or with what is wrong.

const assert = require("node:assert/strict");
const path = require("node:path");
const { chromium } = require("playwright-core");

const [, , scenario, address, folder] = process.argv;
const origin = new URL(address).origin;
const TOKEN = process.env.TOKEN;
const CANARY = process.env.CANARY;

const please = (what) => console.log(`please: ${what}`);
const step = (what) => console.log(`step: ${what}`);

/** What the browser says that it should not. */
class Faults {
  constructor() {
    this.found = [];
    /** What may be said now, since the test brings it about. */
    this.expected = null;
  }

  watch(page, name) {
    page.on("console", (message) => {
      if (message.type() === "error" && !this.expected?.test(message.text())) this.found.push(`${name}: ${message.text()}`);
    });
    page.on("pageerror", (error) => this.found.push(`${name}: ${error.stack}`));
    page.on("request", (request) => {
      if (new URL(request.url()).origin !== origin) this.found.push(`${name}: a request to ${request.url()}`);
    });
  }

  none() {
    assert.deepEqual(this.found, []);
  }
}

const faults = new Faults();
let browser;

async function open(name, options) {
  const page = await browser.newPage(options);
  faults.watch(page, name);
  await page.goto(address);
  await page.waitForSelector(".link[data-state='live']");
  return page;
}

const shot = (page, name) => page.screenshot({ path: path.join(folder, `${name}.png`) });
const node = (name) => `g.node[aria-label^='${name}']`;
const boxes = (page) => page.evaluate(() => ["nav", "#graph", "#search", "#link"].map((one) => {
  const { x, y, width, height } = document.querySelector(one).getBoundingClientRect();
  return [one, x, y, width, height];
}));

/** Nothing is wider than the screen. */
async function fits(page) {
  const { scroll, width } = await page.evaluate(() => ({ scroll: document.documentElement.scrollWidth, width: window.innerWidth }));
  assert.ok(scroll <= width, `${scroll} pixels on a screen of ${width}`);
}

async function small() {
  const page = await open("light", { viewport: { width: 1280, height: 800 }, colorScheme: "light" });
  const shown = await page.locator("g.node").evaluateAll((all) => all.map((one) => one.getAttribute("aria-label")));
  for (const name of ["connection:mqtt:default: open", "admin-controller:http:default: open", "message-queue:mqtt:orders: open"]) {
    assert.ok(shown.includes(name), `${name} in ${shown}`);
  }
  assert.equal(await page.textContent("#name"), "orders");
  assert.equal(await page.title(), "orders: ready");
  await fits(page);
  await shot(page, "1280-light");
  const before = await boxes(page);

  step("a component opens a panel, by keyboard");
  await page.locator(node("bridge:message-queue")).focus();
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowRight");
  const focused = await page.evaluate(() => document.activeElement.getAttribute("aria-label"));
  assert.match(focused, /^connection:mqtt/);
  await page.keyboard.press("Enter");
  await page.waitForSelector("#panel:not([hidden]) .counters:not([hidden])");
  await page.waitForSelector("#panel .log p");
  const panel = await page.innerText("#panel");
  for (const text of ["credential-store:memory:default", "message-queue:mqtt:orders", "mqtt.link.opened", "Connected to MQTT broker"]) {
    assert.ok(panel.includes(text), `${text} in ${panel}`);
  }
  assert.deepEqual(await boxes(page), before, "nothing moves when the panel opens");

  step("a level is raised with the token, and not with a wrong one");
  // The browser itself says so of an answer.
  faults.expected = /status of 401/;
  await page.selectOption("#panel select[aria-label='Level']", "debug");
  await page.click("#panel .levels button[type='submit']");
  await page.waitForSelector("#token[open]");
  await shot(page, "token");
  await page.fill("#token-value", "0000000000000000");
  await page.keyboard.press("Enter");
  await page.getByText("This token is wrong.").waitFor();
  await page.fill("#token-value", TOKEN);
  await page.keyboard.press("Enter");
  await page.locator("#panel .now strong", { hasText: "debug" }).waitFor();
  faults.expected = null;
  await page.click("#panel .levels button:has-text('As configured')");
  await page.locator("#panel .now strong", { hasText: "info" }).waitFor();
  assert.equal(await page.evaluate(() => document.querySelector("#token").open), false, "it is asked for once");

  step("a component is restarted once it is seen what that takes along");
  await page.getByText("Restarted with it, since they hold it: message-queue:mqtt:orders, bridge:message-queue:orders.").waitFor();
  await page.click("#panel button:text-is('Restart')");
  await page.click("#panel button:text-is('Cancel')");
  await page.click("#panel button:text-is('Restart')");
  await shot(page, "restart");
  await page.click("#panel button:text-is('Restart now')");
  await page.getByText(/Restarted 3 components in .* ms/).waitFor();
  await page.locator("#panel .state", { hasText: "restarted 1 ×" }).waitFor();
  assert.deepEqual(await boxes(page), before, "nothing moves when a component restarts");

  step("the state changes when the broker stops, and again when it is there");
  please("stop the broker");
  await page.waitForSelector(`${node("connection:mqtt")}[data-state='recovering']`);
  await page.locator("#panel .state", { hasText: "recovering" }).waitFor();
  await page.locator("#states button", { hasText: "recovering" }).locator(".count", { hasText: "1" }).waitFor();
  assert.deepEqual(await boxes(page), before, "nothing moves when a state changes");
  await shot(page, "1280-recovering");
  please("start the broker");
  await page.waitForSelector(`${node("connection:mqtt")}[data-state='open']`);
  await page.keyboard.press("Escape");
  assert.equal(await page.isVisible("#panel"), false);

  step("no secret is shown");
  await page.click(node("credential-store"));
  await page.locator("#panel pre", { hasText: "credentials.mqtt" }).waitFor();
  assert.ok(!(await page.content()).includes(CANARY));
  await page.keyboard.press("Escape");

  step("search and states leave out what does not match");
  await page.keyboard.press("/");
  await page.keyboard.type("mqtt");
  assert.deepEqual(
    await page.locator("g.node:not(.out)").evaluateAll((all) => all.map((one) => one.getAttribute("aria-label").split(":")[0]).sort()),
    ["connection", "message-queue"],
  );
  await page.fill("#search", "nothing like it");
  await page.locator("#no-match").waitFor();
  await page.fill("#search", "");

  step("dark, narrow, and very wide");
  const dark = await open("dark", { viewport: { width: 1280, height: 800 }, colorScheme: "dark" });
  await dark.click(node("connection:mqtt"));
  await dark.waitForSelector("#panel .spark polyline[points*=' ']", { state: "attached" });
  await shot(dark, "1280-dark");
  const narrow = await open("narrow", { viewport: { width: 360, height: 740 }, colorScheme: "light", hasTouch: true });
  await narrow.waitForSelector("#list .row");
  await fits(narrow);
  await shot(narrow, "360");
  await narrow.click(".row[title*='connection:mqtt']");
  await narrow.waitForSelector("#panel .log p");
  await fits(narrow);
  await shot(narrow, "360-panel");
  await narrow.click("#panel .close");
  await narrow.click("#as-graph");
  await narrow.waitForSelector("g.node");
  await fits(narrow);
  await shot(narrow, "360-graph");
  const huge = await open("4K", { viewport: { width: 3840, height: 2160 }, colorScheme: "light" });
  await fits(huge);
  await shot(huge, "3840");
  await Promise.all([dark, narrow, huge].map((one) => one.close()));

  step("a service that was away is shown again");
  faults.none();
  faults.expected = /net::ERR_|Failed to load resource/;
  please("stop the service");
  await page.waitForSelector(".link[data-state='not connected']");
  await shot(page, "not-connected");
  please("start the service");
  await page.waitForSelector(".link[data-state='live']");
  await page.waitForSelector(`${node("connection:mqtt")}[data-state='open']`);
  faults.expected = null;
}

async function large() {
  const page = await open("large", { viewport: { width: 1280, height: 800 }, colorScheme: "light" });
  await page.waitForSelector("g.node");
  const grouped = await page.locator("g.node").count();
  assert.ok(grouped < 20, `${grouped} nodes`);
  await fits(page);
  await shot(page, "2000-grouped");

  step("one of many is found and opened");
  await page.fill("#search", "memory:queue-1234");
  await page.keyboard.press("Enter");
  await page.locator("#panel h2", { hasText: "queue-1234" }).waitFor();
  await page.keyboard.press("Escape");
  await page.fill("#search", "");

  step("a kind is drawn by itself, and as one again");
  await page.click(node("bridge:message-queue"));
  await page.click("#panel button:has-text('Draw each by itself')");
  await page.waitForFunction((before) => document.querySelectorAll("g.node").length > before, grouped);
  await shot(page, "2000-opened");
  await page.click(node("bridge:message-queue"));
  await page.click("#panel button:has-text('as one')");
  await page.waitForFunction((before) => document.querySelectorAll("g.node").length === before, grouped);

  step("all by themselves");
  await page.selectOption("#group", "components");
  await page.waitForFunction(() => document.querySelectorAll("g.node").length >= 2000);
  await page.fill("#search", "queue-77");
  await shot(page, "2000-all");
  await page.fill("#search", "");
  await page.click("#as-list");
  await page.waitForSelector("#list details");
  await shot(page, "2000-list");
}

async function main() {
  const root = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  browser = await chromium.launch({
    executablePath: process.env.BROWSER,
    args: [...root, "--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"],
  });
  try {
    await { small, large }[scenario]();
    faults.none();
    console.log("passed");
  } finally {
    await browser.close();
  }
}

main().catch((error) => {
  console.log(`failed: ${error.stack}`);
  console.log(faults.found.join("\n"));
  process.exitCode = 1;
});
