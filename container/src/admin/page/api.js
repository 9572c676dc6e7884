// The API of the admin controller, and the token, which is kept here and nowhere else.

import { byId } from "./dom.js";

let token = null;
/** The question that is being asked: whoever needs the token meanwhile gets the same answer. */
let asking = null;

/** What the service answers instead of what was asked for. */
export class Refused extends Error {
  constructor(status, { code, message } = {}) {
    super(message ?? `the service answers ${status}`);
    this.status = status;
    this.code = code;
  }
}

const NEEDS_TOKEN = ["NO_TOKEN", "WRONG_TOKEN"];

function request(path, options) {
  const headers = { ...options.headers };
  if (token !== null) headers.Authorization = `Bearer ${token}`;
  return fetch(`api/${path}`, { ...options, headers, cache: "no-store", redirect: "error" });
}

async function refusal(response) {
  const body = await response.json().catch(() => undefined);
  return new Refused(response.status, body);
}

/** Asks, and asks the user for the token where it is needed, as long as it is wrong. */
async function answered(path, options, why) {
  for (;;) {
    const response = await request(path, options);
    if (response.ok) return response;
    const refused = await refusal(response);
    if (!NEEDS_TOKEN.includes(refused.code)) throw refused;
    const wrong = refused.code === "WRONG_TOKEN";
    if (wrong) token = null;
    if (!(await askForToken(why, wrong ? "This token is wrong." : ""))) throw refused;
  }
}

/** What is at a path, such as `service`. */
export async function read(path, signal) {
  const response = await answered(path, { signal }, "From where you are, the service shows itself to its operators alone.");
  return response.json();
}

/** Has something changed. */
export async function write(path, body, why) {
  const options = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const response = await answered(path, options, why);
  return response.json();
}

function askForToken(why, error) {
  asking ??= openDialog(why, error).finally(() => { asking = null; });
  return asking;
}

function openDialog(why, error) {
  const [dialog, value] = [byId("token"), byId("token-value")];
  byId("token-why").textContent = why;
  byId("token-error").textContent = error;
  value.value = "";
  return new Promise((resolve) => {
    const end = new AbortController();
    const done = (given) => {
      end.abort();
      token = given ?? token;
      value.value = "";
      dialog.close();
      resolve(given !== null);
    };
    const { signal } = end;
    byId("token-cancel").addEventListener("click", () => done(null), { signal });
    dialog.addEventListener("cancel", (event) => { event.preventDefault(); done(null); }, { signal });
    dialog.querySelector("form").addEventListener("submit", (event) => {
      event.preventDefault();
      done(value.value.trim());
    }, { signal });
    if (!dialog.open) dialog.showModal();
    value.focus();
  });
}

const FIRST_WAIT = 500;
const LONGEST_WAIT = 10_000;

const pause = (time) => new Promise((resolve) => setTimeout(resolve, time));

/**
 * Follows the events of the service for ever: `opened` is called, and awaited, when the stream is there, and again when it is there
 * anew; `event` for each event; `lost` where it is not there.
 */
export async function follow({ opened, event, lost }) {
  for (let wait = FIRST_WAIT; ; wait = Math.min(2 * wait, LONGEST_WAIT)) {
    try {
      const response = await answered("events", {}, "From where you are, the service shows itself to its operators alone.");
      await opened();
      wait = FIRST_WAIT;
      await pump(response.body, event);
    } catch (error) {
      if (!(error instanceof Refused) && !(error instanceof TypeError) && error.name !== "AbortError") console.error(error);
    }
    lost();
    await pause(wait);
  }
}

/** Reads server-sent events to the end. They are read by hand, since an EventSource cannot send the token. */
async function pump(body, event) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const lines = block.split("\n");
      const of = (field) => lines.filter((line) => line.startsWith(field)).map((line) => line.slice(field.length).trim()).join("\n");
      if (of("event:")) event(of("event:"), JSON.parse(of("data:")));
    }
  }
}
