/**
 * The status page's script. It asks the JSON interface every two seconds and puts every name into the page as
 * text, never as markup: names of services and endpoints come from outside.
 */
export const STATUS_PAGE_SCRIPT = `
"use strict";
const REFRESH_MS = 2000;
const HISTORY_MS = 5 * 60 * 1000;
const pastReadings = new Map();
const byId = (id) => document.getElementById(id);

function element(tag, className, ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...children.map((child) => (child instanceof Node ? child : String(child))));
  return node;
}

function table(columns, rows) {
  const cells = (tag, values) => values.map((value, index) => element(tag, columns[index].className, value));
  const head = element("tr", "", ...cells("th", columns.map((column) => column.title)));
  const body = rows.map((row) => element("tr", "", ...cells("td", row)));
  return element("table", "", element("thead", "", head), element("tbody", "", ...body));
}

const column = (title) => ({ title, className: "" });
const numberColumn = (title) => ({ title, className: "number" });
const count = (value) => value.toLocaleString("en");
const ratio = (value) => (value * 100).toFixed(2) + " %";
const millis = (value) => (value === undefined ? "–" : value.toFixed(value < 10 ? 2 : 0) + " ms");
const clock = (iso) => new Date(iso).toLocaleTimeString([], { hour12: false });

function bytes(value) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return value.toFixed(unit === 0 || value >= 100 ? 0 : 1) + " " + units[unit];
}

function duration(seconds) {
  if (seconds < 60) return Math.floor(seconds) + " s";
  if (seconds < 3600) return Math.floor(seconds / 60) + " min";
  if (seconds < 86400) return Math.floor(seconds / 3600) + " h " + Math.floor((seconds % 3600) / 60) + " min";
  return Math.floor(seconds / 86400) + " d " + Math.floor((seconds % 86400) / 3600) + " h";
}

// The same endpoint has the same colour in every ring and after every reload.
function colour(name) {
  let hash = 0;
  for (const letter of name) hash = (hash * 31 + letter.codePointAt(0)) >>> 0;
  return "hsl(" + ((hash * 137.508) % 360).toFixed(0) + " 48% 54%)";
}

function swatch(endpoint) {
  const node = element("span", "swatch");
  node.style.backgroundColor = colour(endpoint);
  return node;
}

function stateClass(state) {
  if (/^(ready|connected|idle|up|ok)$/i.test(state)) return "good";
  return /fail|down|refus|dead|error/i.test(state) ? "bad" : "wait";
}

function sparkline(values) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  const line = document.createElementNS(space, "polyline");
  const highest = Math.max(1, ...values);
  const step = 100 / Math.max(1, values.length - 1);
  const points = values.map((value, index) => (index * step).toFixed(1) + "," + (29 - (value / highest) * 27).toFixed(1));
  line.setAttribute("points", points.join(" "));
  svg.setAttribute("viewBox", "0 0 100 30");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("class", "sparkline");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", "received per second, last five minutes");
  svg.append(line);
  return svg;
}

// Rates come from two readings of the counters; a smaller count is a restarted gateway.
function rates(account, nowMs) {
  const readings = pastReadings.get(account.signal) ?? [];
  const last = readings.at(-1);
  if (last && account.received >= last.received) {
    const rate = ((account.received - last.received) * 1000) / Math.max(1, nowMs - last.atMs);
    readings.push({ atMs: nowMs, received: account.received, rate });
  } else {
    readings.splice(0, readings.length, { atMs: nowMs, received: account.received, rate: 0 });
  }
  while (readings[0].atMs < nowMs - HISTORY_MS) readings.shift();
  pastReadings.set(account.signal, readings);
  return readings.slice(1).map((reading) => reading.rate);
}

function showHeader(status) {
  byId("version").textContent = status.version;
  byId("uptime").textContent = "up " + duration(status.uptimeSeconds);
  byId("ready").textContent = status.ready ? "ready" : "not ready";
  byId("ready").className = "badge " + (status.ready ? "good" : "wait");
  byId("because").replaceChildren(...status.notReadyBecause.map((line) => element("p", "notice wait", line)));
}

function showAccounts(accounts) {
  const nowMs = performance.now();
  const columns = [column("Signal"), numberColumn("Received"), numberColumn("Delivered"), numberColumn("Rejected"),
    numberColumn("Returned"), numberColumn("In flight"), numberColumn("Per second"), column("")];
  const rows = accounts.map((account) => {
    const perSecond = rates(account, nowMs);
    return [account.signal, count(account.received), count(account.delivered),
      element("span", account.rejected > 0 ? "bad" : "", count(account.rejected)),
      element("span", account.returned > 0 ? "wait" : "", count(account.returned)), count(account.inFlight),
      count(Math.round(perSecond.at(-1) ?? 0)), sparkline(perSecond)];
  });
  byId("accounts").replaceChildren(table(columns, rows));
}

function ringView(ring) {
  const bar = element("div", "ring", ...ring.members.map((member) => {
    const part = element("span", "");
    part.title = member.endpoint + ": " + ratio(member.ownershipRatio);
    part.style.width = member.ownershipRatio * 100 + "%";
    part.style.backgroundColor = colour(member.endpoint);
    return part;
  }));
  const members = ring.members.map((member) => element("li", "", swatch(member.endpoint),
    element("span", "mono", member.endpoint), " ", element("span", "faint", ratio(member.ownershipRatio))));
  const fingerprint = (ring.fingerprint >>> 0).toString(16).padStart(8, "0");
  const facts = " " + ring.routingKey + " · " + ring.members.length + " members · " + count(ring.slots) +
    " slots · fingerprint ";
  return element("section", "",
    element("h2", "", ring.exporter, element("small", "", facts, element("code", "", fingerprint))),
    ring.members.length === 0 ? element("p", "notice wait", "No backend has been seen yet.") : bar,
    element("ul", "members", ...members));
}

function showBackends(backends) {
  const columns = [column("Backend"), column("Exporter"), column("State"), column("Since"), numberColumn("In flight"),
    numberColumn("Queued"), numberColumn("p50"), numberColumn("p99"), column("Last error")];
  const rows = backends.map((backend) => [
    element("span", "mono", swatch(backend.endpoint), backend.endpoint), backend.exporter,
    element("span", "state " + stateClass(backend.state), backend.state), element("span", "faint", backend.since ? clock(backend.since) : ""),
    count(backend.inFlight), bytes(backend.queuedBytes), millis(backend.latencyP50Ms), millis(backend.latencyP99Ms),
    element("span", "bad", backend.lastError ?? "")]);
  byId("backends").replaceChildren(table(columns, rows));
}

function showEvents(events) {
  const rows = events.map((event) => [element("span", "faint", clock(event.at)), event.kind, event.message]);
  const none = element("span", "faint", "Nothing has happened yet.");
  byId("events").replaceChildren(rows.length === 0 ? none : table([column("At"), column("What"), column("")], rows));
}

async function refresh() {
  try {
    const response = await fetch("api/v1/status", { signal: AbortSignal.timeout(5000) });
    if (!response.ok) throw new Error("it answers " + response.status);
    const status = await response.json();
    showHeader(status);
    showAccounts(status.accounts);
    byId("rings").replaceChildren(...status.rings.map(ringView));
    showBackends(status.backends);
    showEvents(status.events);
    byId("unreachable").textContent = "";
  } catch (error) {
    byId("unreachable").textContent = "The gateway cannot be asked (" + error.message + "); what you see is old.";
  }
}

async function look(event) {
  event.preventDefault();
  const key = byId("key").value.trim();
  const name = /^[0-9a-f]{32}$/i.test(key) ? "trace_id" : "service";
  try {
    const response = await fetch("api/v1/route?" + new URLSearchParams({ [name]: key }));
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.error);
    const columns = [column("Exporter"), column("Key"), numberColumn("Slot"), column("Goes to")];
    const rows = answer.routes.map((route) => [route.exporter, element("code", "", route.key), count(route.slot),
      element("span", "mono", swatch(route.member), route.member)]);
    const none = element("span", "faint", "No exporter routes by such a key.");
    byId("routes").replaceChildren(rows.length === 0 ? none : table(columns, rows));
  } catch (error) {
    byId("routes").replaceChildren(element("span", "bad", error.message));
  }
}

byId("look-up").addEventListener("submit", look);
document.addEventListener("visibilitychange", () => document.hidden || refresh());
setInterval(() => document.hidden || refresh(), REFRESH_MS);
refresh();
`;
