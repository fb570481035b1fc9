/*
 * The page "Register many pictures": files are added, the button starts, and each file goes its way:
 *
 *   waiting -> hashing -> waiting -> sending -> registered | known | refused | failed
 *
 * One reader takes digests and asks, by the hundred, which files are registered already; three senders do the rest.
 * What was registered stands in the registry alone: a page that was closed goes on with the same folder.
 */

import { Away, post, Refused, SignedOut } from "./many/calls.js";
import { codes, sha256, smallerCopy } from "./many/copies.js";
import { filesOf, kindOf } from "./many/files.js";

const SENDERS = 3;
const ASKED_AT_ONCE = 100;
const SAID_EVERY_MS = 5_000;
const MAX_BYTES = 25_000_000;
const CODES_BYTES = 200;
const SETTLED = new Set(["registered", "known", "refused", "failed"]);

const $ = (id) => document.getElementById(id);
const words = JSON.parse($("words").textContent);
const form = $("many");

const items = [];
const toHash = [];
const toSend = [];
const seen = new Map(); // digest -> the first item that has it
let leftOut = 0;
let bytesSent = 0;
let started = false;
let working = 0;
let reading = false;
let paused = null; // while paused: what is awaited, and how it ends
let workedMs = 0;
let since = 0;
let saidAt = -Infinity;

const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);

/* --- adding ------------------------------------------------------------------------------------- */

async function add(files) {
  for (const file of files) {
    const kind = file.name.startsWith(".") ? "other" : await kindOf(file).catch(() => "gone");
    if (kind === "other") {
      leftOut += 1;
      continue;
    }
    const item = { file, name: file.name, state: "waiting", why: "", digest: "", row: row(file.name) };
    items.push(item);
    if (kind === "picture") toHash.push(item);
    else settle(item, "refused", words.export[kind] ?? (kind === "gone" ? words.why.no_file : words.why.unreadable));
  }
  showPicked();
  if (started) work();
}

function row(name) {
  const line = document.createElement("li");
  const title = Object.assign(document.createElement("span"), { className: "name", textContent: name });
  const state = Object.assign(document.createElement("span"), { className: "said" });
  const why = Object.assign(document.createElement("p"), { className: "help" });
  line.append(title, state, why);
  $("list").append(line);
  show(line, "waiting", "");
  return line;
}

function show(line, state, why) {
  line.dataset.state = state;
  line.children[1].textContent = words.states[state];
  line.children[2].textContent = why;
}

function move(item, state, why = "") {
  Object.assign(item, { state, why });
  show(item.row, state, why);
}

function settle(item, state, why) {
  move(item, state, why);
  report();
}

function showPicked() {
  const n = toHash.length;
  $("listed").hidden = !items.length;
  $("start").disabled = !n;
  $("start").textContent = n > 1 ? fill(words.summary.start, { n }) : n ? words.summary.start_one : words.summary.start_none;
  $("picked").textContent = leftOut ? fill(words.summary.left_out, { n: leftOut }) : "";
  report();
}

/* --- working ------------------------------------------------------------------------------------ */

function work() {
  if (!reading && toHash.length) {
    reading = true;
    read().finally(() => {
      reading = false;
      work();
    });
  }
  while (working < SENDERS && toSend.length && !paused) {
    working += 1;
    send(toSend.shift()).finally(() => {
      working -= 1;
      work();
    });
  }
  report();
}

/** Take digests, and hand over what is not registered yet. */
async function read() {
  let batch = [];
  let most = SENDERS; // the first few at once, so that sending begins
  while (toHash.length) {
    await mayGo();
    const item = toHash.shift();
    if (!item) break; // given back meanwhile
    move(item, "hashing");
    try {
      item.digest ||= await sha256(item.file);
    } catch {
      settle(item, "failed", words.why.no_file);
      continue;
    }
    const twin = seen.get(item.digest);
    if (twin && twin !== item && twin.state !== "refused") {
      settle(item, "known", fill(words.why.twice, { name: twin.name }));
      continue;
    }
    seen.set(item.digest, item);
    move(item, "waiting");
    batch.push(item);
    if (batch.length >= (working || toSend.length ? ASKED_AT_ONCE : most)) {
      await hand(batch);
      batch = [];
      most = Math.min(2 * most, ASKED_AT_ONCE);
    }
  }
  if (batch.length) await hand(batch);
}

async function hand(batch) {
  try {
    const body = JSON.stringify({ sha256: batch.map((item) => item.digest) });
    const { known } = await call(form.dataset.known, body, body.length, { "Content-Type": "application/json" });
    const before = new Set(known);
    for (const item of batch) {
      if (before.has(item.digest)) settle(item, "known", words.why.spoken_of);
      else toSend.push(item);
    }
  } catch (error) {
    for (const item of batch) fail(item, error);
  }
  work();
}

async function send(item) {
  move(item, "sending");
  try {
    const body = new FormData(form); // the statement: the preset and its terms
    body.delete("csrfmiddlewaretoken");
    body.append("sha256", item.digest);
    body.append("title", item.name.replace(/\.[^.]*$/, ""));
    const picture = await what(item.file);
    if (picture instanceof Blob) body.append("picture", picture, "picture");
    else for (const [name, value] of Object.entries(picture)) body.append(name, value);
    const answer = picture instanceof Blob ? await call(form.dataset.picture, body, picture.size) : await call(form.dataset.unseen, body, CODES_BYTES);
    if (answer.state === "registered") link(item, answer.work);
    const plain = picture instanceof Blob || "phash" in picture ? "" : words.why.too_plain;
    settle(item, answer.state, answer.state === "known" ? words.why.spoken_of : plain);
  } catch (error) {
    fail(item, error);
  }
}

/** What is sent of a file: itself, a copy of it, or its codes. */
async function what(file) {
  if (form.elements.send.value === "original") {
    if (file.size > MAX_BYTES) throw new Refused("picture_too_large", words.why.too_large);
    return file;
  }
  try {
    if (form.elements.send.value === "nothing") return (await codes(file, form.dataset.worker)) ?? {};
    return await smallerCopy(file);
  } catch {
    throw new Refused("picture_damaged", words.why.unreadable);
  }
}

function link(item, address) {
  const anchor = Object.assign(document.createElement("a"), { href: address, textContent: item.name });
  item.row.children[0].replaceChildren(anchor);
}

function call(url, body, size, headers = {}) {
  // The cookie's: who signs in again in another tab has another token than this page's form.
  const token = /(?:^|; )(?:__Host-)?csrftoken=(\w+)/.exec(document.cookie)?.[1] ?? "";
  return post(url, { body, headers: { ...headers, "X-CSRFToken": token }, size, mayGo, sent: (n) => (bytesSent += n) });
}

function fail(item, error) {
  if (error instanceof SignedOut) {
    alarm(words.why.signed_out);
    settle(item, "failed", words.why.signed_out);
  } else if (error instanceof Away) {
    settle(item, "failed", words.why.away);
  } else if (error instanceof Refused && error.code === "statement_malformed") {
    // It would be so for every other file: back to the form.
    alarm(error.message);
    for (const one of [item, ...toHash.splice(0), ...toSend.splice(0)]) settle(one, "failed", error.message);
    $("choices").inert = false;
  } else if (error instanceof Refused && error.code !== "odd") {
    settle(item, "refused", error.message);
  } else {
    settle(item, "failed", words.why.odd);
  }
}

function alarm(text) {
  $("alarm").textContent = text;
  $("alarm").hidden = !text;
}

/* --- pausing ------------------------------------------------------------------------------------ */

async function mayGo() {
  while (paused) await paused.ended;
  while (!navigator.onLine) {
    say(words.summary.offline, { now: true });
    await new Promise((done) => addEventListener("online", done, { once: true }));
  }
}

function pause(on) {
  if (on === !!paused) return;
  if (on) {
    let end;
    const ended = new Promise((done) => (end = done));
    paused = { ended, end };
    workedMs += performance.now() - since;
  } else {
    paused.end();
    paused = null;
    since = performance.now();
  }
  $("pause").textContent = on ? words.summary.continue : words.summary.pause;
  saidAt = -Infinity;
  work();
}

/* --- telling ------------------------------------------------------------------------------------ */

function counts() {
  const count = { waiting: 0, hashing: 0, sending: 0, registered: 0, known: 0, refused: 0, failed: 0 };
  for (const item of items) count[item.state] += 1;
  return count;
}

function report() {
  if (!started) return;
  const count = counts();
  const done = items.filter((item) => SETTLED.has(item.state)).length;
  const over = done === items.length;
  $("bar").max = items.length || 1;
  $("bar").value = done;
  $("done").textContent = fill(words.summary.done, { done, all: items.length });
  $("left").textContent = over || paused ? "" : timeLeft(count, items.length - done);
  $("pause").hidden = over;
  $("again").hidden = !over || !count.failed;
  $("finished").hidden = !over || !(count.registered + count.known);
  const said = `${fill(words.summary.counts, count)} ${fill(words.summary.sent, { size: megabytes(bytesSent) })}`;
  if (over) say(`${words.summary.finished} ${said}`, { now: true });
  else say(paused ? `${words.summary.paused} ${said}` : said, { now: false });
}

/** The summary is read out whenever it changes, so it changes seldom. */
function say(text, { now }) {
  if (!now && performance.now() - saidAt < SAID_EVERY_MS) return;
  saidAt = performance.now();
  if ($("summary").textContent !== text) $("summary").textContent = text;
}

function timeLeft(count, left) {
  const ms = workedMs + performance.now() - since;
  if (count.registered < SENDERS || ms < 2_000) return "";
  const seconds = Math.ceil((ms / count.registered) * left / 1_000);
  return seconds < 90
    ? fill(words.summary.seconds, { n: Math.ceil(seconds / 5) * 5 })
    : fill(words.summary.minutes, { n: Math.ceil(seconds / 60) });
}

const megabytes = (bytes) => (bytes / 1_000_000).toLocaleString(document.documentElement.lang, { maximumFractionDigits: 1 });

/* --- what people do ----------------------------------------------------------------------------- */

function start() {
  started = true;
  alarm("");
  $("choices").inert = true; // one statement for all of them, and for what is still added
  $("progress").hidden = false;
  $("start").hidden = true;
  since = performance.now();
  saidAt = -Infinity; // a summary of before does not stand
  $("progress-heading").focus();
  work();
}

function tryAgain() {
  for (const item of items.filter((one) => one.state === "failed")) {
    move(item, "waiting");
    toHash.push(item);
  }
  workedMs = 0;
  start();
}

function listen() {
  for (const input of [$("files"), $("folder")]) {
    input.addEventListener("change", async () => {
      const files = [...input.files];
      input.value = "";
      await add(files);
    });
  }
  for (const kind of ["dragover", "drop"]) addEventListener(kind, (event) => event.preventDefault());
  addEventListener("dragover", () => $("drop").classList.add("over"));
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) $("drop").classList.remove("over"); // out of the window
  });
  addEventListener("drop", async (event) => {
    $("drop").classList.remove("over");
    await add(await filesOf(event.dataTransfer));
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (toHash.length) start();
  });
  $("pause").addEventListener("click", () => pause(!paused));
  $("again").addEventListener("click", tryAgain);
  $("only").addEventListener("change", () => $("list").classList.toggle("only-open", $("only").checked));
  addEventListener("beforeunload", (event) => {
    if (started && items.some((item) => !SETTLED.has(item.state))) event.preventDefault();
  });
}

if (globalThis.isSecureContext && crypto.subtle) {
  listen();
  form.hidden = false;
} else {
  alarm(words.summary.insecure);
}
