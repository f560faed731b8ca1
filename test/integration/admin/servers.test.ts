import { once } from "node:events";
import { request } from "node:http";
import { type AddressInfo, connect, createServer } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { HealthModel } from "../../../src/admin/health.ts";
import { listenHealth } from "../../../src/admin/health-server.ts";
import type { AdminServer } from "../../../src/admin/http-server.ts";
import { listenMetrics } from "../../../src/admin/metrics-server.ts";
import { RecentEvents } from "../../../src/admin/recent-events.ts";
import type { RouteQuestion, StatusSnapshot, StatusSource } from "../../../src/admin/status.ts";
import { STATUS_PAGE } from "../../../src/admin/status-page.ts";
import { STATUS_PAGE_SCRIPT } from "../../../src/admin/status-page-script.ts";
import { listenStatus } from "../../../src/admin/status-server.ts";
import { silentLogger } from "../../../src/base/logger.ts";
import { MetricRegistry } from "../../../src/base/metrics.ts";

const here = { host: "127.0.0.1", port: 0 };
const logger = silentLogger;
const servers: AdminServer[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

async function serving(listening: Promise<AdminServer>): Promise<string> {
  const server = await listening;
  servers.push(server);
  return server.url;
}

/** Sends bytes and answers what comes back until the server hangs up. */
async function sendRaw(url: string, bytes: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.write(bytes);
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  await new Promise<void>((resolve, reject) => {
    socket.on("error", reject);
    socket.on("close", () => resolve());
  });
  return Buffer.concat(chunks).toString();
}

describe("the metrics server", () => {
  const registry = new MetricRegistry();
  registry.counter({ name: "x_total", type: "counter", help: "X.", labels: [] }).add(3);
  const listen = (): Promise<string> =>
    serving(listenMetrics(here, { logger, collect: () => registry.families() }));

  test("serves the exposition to GET and its size to HEAD", async () => {
    const url = `${await listen()}/metrics`;
    const got = await fetch(url);
    expect(got.status).toBe(200);
    expect(got.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    const body = await got.text();
    expect(body).toBe("# HELP x_total X.\n# TYPE x_total counter\nx_total 3\n");
    const head = await fetch(`${url}?name[]=x`, { method: "HEAD" });
    expect(head.status).toBe(200);
    expect(head.headers.get("content-length")).toBe(String(body.length));
    expect(await head.text()).toBe("");
  });

  test("links to them from its first page", async () => {
    const got = await fetch(await listen());
    expect(got.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(await got.text()).toContain('href="/metrics"');
  });

  test.each(["/nothing", "/__proto__", "/constructor", "/metrics/", "//metrics", "/%00", "/metrics%2f.."])(
    "answers 404 to %s, and says what there is",
    async (path) => {
      const got = await fetch(`${await listen()}${path}`);
      expect(got.status).toBe(404);
      expect(await got.text()).toBe("no such page; there are /, /metrics\n");
    },
  );

  test("answers 405 to POST without reading its body, and serves the next request", async () => {
    const url = await listen();
    const answer = await sendRaw(
      url,
      "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 10737418240\r\n\r\nbeginning of ten gigabytes",
    );
    expect(answer).toMatch(/^HTTP\/1\.1 405 .*\r\nallow: GET, HEAD\r\n/is);
    expect(answer).toContain("Connection: close");
    expect((await fetch(`${url}/metrics`)).status).toBe(200);
  });

  test("refuses headers over 8 KiB and garbage, and serves the next request", async () => {
    const url = await listen();
    expect(await sendRaw(url, `GET / HTTP/1.1\r\nHost: x\r\nA: ${"a".repeat(9 * 1024)}\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 431 /,
    );
    expect(await sendRaw(url, "\u0000\u0001garbage\r\n\r\n")).toMatch(/^HTTP\/1\.1 400 /);
    expect((await fetch(`${url}/metrics`)).status).toBe(200);
  });

  test("answers 500 without a word of why when collecting fails, and logs it", async () => {
    const errors: object[] = [];
    const url = await serving(
      listenMetrics(here, {
        logger: { ...logger, error: (fields) => void errors.push(fields) },
        collect: () => Promise.reject(new Error("a worker is gone")),
      }),
    );
    const got = await fetch(`${url}/metrics`);
    expect(got.status).toBe(500);
    expect(await got.text()).toBe("internal error; the log says more\n");
    expect(errors).toEqual([{ path: "/metrics", error: "a worker is gone" }]);
  });

  test("says which address it cannot have, and what to do", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port } = taken.address() as AddressInfo;
    await expect(listenMetrics({ ...here, port }, { logger, collect: () => [] })).rejects.toThrow(
      `metrics: cannot listen on 127.0.0.1:${port} (listen EADDRINUSE: address already in use 127.0.0.1:${port}); free the port or choose another`,
    );
    taken.close();
  });
});

describe("the health server", () => {
  let health: HealthModel;
  let url: string;

  beforeEach(async () => {
    health = new HealthModel({ logger, metrics: new MetricRegistry() });
    url = await serving(listenHealth(here, { logger, health }));
  });

  const statusOf = async (path: string): Promise<number> => (await fetch(url + path)).status;

  test("follows the gateway from its start through a failure to its drain", async () => {
    const ring = health.add("ring:traces", { group: "pipeline:traces" });
    const statuses = async (): Promise<number[]> => [
      await statusOf("/"),
      await statusOf("/readyz"),
      await statusOf("/status"),
      await statusOf("/livez"),
    ];
    expect(await statuses()).toEqual([503, 503, 503, 200]);
    ring.report("ok");
    expect(await statuses()).toEqual([200, 200, 200, 200]);
    ring.report("failed", "no backend answers");
    expect(await statuses()).toEqual([503, 503, 500, 200]);
    ring.report("ok");
    expect(await statuses()).toEqual([200, 200, 200, 200]);
    ring.report("draining");
    expect(await statuses()).toEqual([503, 503, 503, 200]);
  });

  test("answers at / as the Collector does", async () => {
    health.add("ring:traces", { group: "pipeline:traces" }).report("ok");
    expect(await (await fetch(url)).json()).toEqual({
      status: "Server available",
      upSince: health.readySince?.toISOString(),
      uptime: expect.stringMatching(/^(\d+(\.\d+)?s|\d+ms)$/),
    });
  });

  test("tells a person what stands in the way", async () => {
    health
      .add("ring:traces", { group: "pipeline:traces" })
      .report("starting", "no backend has been seen yet");
    const got = await fetch(`${url}/readyz`);
    expect(await got.text()).toBe("not ready\nring:traces is starting: no backend has been seen yet\n");
  });

  test.each([
    ["/status", false],
    ["/status?verbose", true],
    ["/status?verbose=true", true],
    ["/status?verbose=false", false],
  ])("%s tells of components: %s", async (path, verbose) => {
    health.add("ring:traces", { group: "pipeline:traces" });
    const report = (await (await fetch(url + path)).json()) as object;
    expect("components" in report).toBe(verbose);
  });

  test("serves health_check's answer at another path when told so", async () => {
    const other = await serving(listenHealth({ ...here, path: "/health" }, { logger, health }));
    expect((await fetch(`${other}/health`)).status).toBe(503);
    expect((await fetch(other)).status).toBe(404);
  });
});

describe("the status server", () => {
  const hostile = '<script>alert("x")</script>';
  const events = new RecentEvents();
  events.record("ring", `${hostile} joined: 9.1 % of the keys moved`);
  const snapshot: StatusSnapshot = {
    version: "0.1.0",
    uptimeSeconds: 12,
    ready: true,
    notReadyBecause: [],
    accounts: [{ signal: "traces", received: 10, delivered: 7, rejected: 1, returned: 0, inFlight: 2 }],
    rings: [
      {
        exporter: hostile,
        routingKey: "traces by traceID",
        slots: 65_536,
        fingerprint: 0xfeedbeef,
        members: [{ endpoint: hostile, ownershipRatio: 1 }],
      },
    ],
    backends: [
      {
        exporter: hostile,
        endpoint: hostile,
        state: "ready",
        since: new Date(0),
        inFlight: 1,
        queuedBytes: 2048,
        lastError: hostile,
      },
    ],
    events: events.list(),
  };
  const source: StatusSource & { asked: RouteQuestion[] } = {
    asked: [],
    snapshot: () => snapshot,
    route(question) {
      this.asked.push(question);
      return [{ exporter: "load_balancing/traces", key: hostile, slot: 7, member: "10.0.0.1:4317" }];
    },
  };
  let url: string;

  beforeEach(async () => {
    source.asked.length = 0;
    url = await serving(listenStatus(here, { logger, source }));
  });

  test("tells everything as JSON", async () => {
    const got = await fetch(`${url}/api/v1/status`);
    expect(got.headers.get("content-type")).toBe("application/json; charset=utf-8");
    expect(await got.json()).toEqual(JSON.parse(JSON.stringify(snapshot)));
  });

  test("lets no name become markup: not in JSON, and the page puts names in as text alone", async () => {
    for (const path of ["/api/v1/status", "/api/v1/route?service=x"]) {
      const got = await fetch(url + path);
      const body = await got.text();
      expect(body).toContain("\\u003cscript>");
      expect(body).not.toContain("<");
      expect(got.headers.get("x-content-type-options")).toBe("nosniff");
    }
    expect(await (await fetch(url)).text()).toBe(STATUS_PAGE);
    expect(STATUS_PAGE_SCRIPT).not.toMatch(
      /innerHTML|outerHTML|insertAdjacent|document\.write|eval|Function\(|DOMParser/,
    );
  });

  test("serves a page that may run its own script and nothing else, from nowhere else", async () => {
    const got = await fetch(url);
    const policy = got.headers.get("content-security-policy");
    expect(policy).toMatch(/^default-src 'none'; script-src 'sha256-[^ ;]+'; style-src 'sha256-[^ ;]+'; /);
    expect(policy).not.toContain("unsafe");
    const body = await got.text();
    expect(body).not.toMatch(/(src|href)="(https?:)?\/\//);
    expect(body).not.toMatch(/ on[a-z]+=| style=/);
  });

  test("says where a key goes", async () => {
    const answer = await fetch(`${url}/api/v1/route?trace_id=0AF7651916CD43DD8448EB211C80319C`);
    expect(await answer.json()).toEqual({
      routes: [{ exporter: "load_balancing/traces", key: hostile, slot: 7, member: "10.0.0.1:4317" }],
    });
    await fetch(`${url}/api/v1/route?service=check%20out%2F%C3%A9`);
    expect(source.asked).toEqual([
      { kind: "traceId", traceId: "0af7651916cd43dd8448eb211c80319c" },
      { kind: "service", service: "check out/\u00e9" },
    ]);
  });

  test.each([
    ["", "give either trace_id or service"],
    ["?trace_id=0af7651916cd43dd8448eb211c80319c&service=x", "give either trace_id or service"],
    ["?trace_id=xyz", "trace_id must be 32 hexadecimal digits that are not all zero"],
    [`?trace_id=${"0".repeat(32)}`, "trace_id must be 32 hexadecimal digits that are not all zero"],
    ["?service=", "service must be a name of 1 to 1024 characters"],
    [`?service=${"a".repeat(1025)}`, "service must be a name of 1 to 1024 characters"],
  ])("refuses the question %s", async (query, error) => {
    const answer = await fetch(`${url}/api/v1/route${query}`);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toEqual({ error });
    expect(source.asked).toEqual([]);
  });

  test.each([
    ["localhost:55679", 200],
    ["127.0.0.1", 200],
    ["[::1]:55679", 200],
    ["evil.example", 421],
    ["localhost.evil.example", 421],
  ])("listening on loopback, answers to the name %j with %d", async (host, status) => {
    const asked = request(`${url}/api/v1/status`, { headers: { host } }).end();
    const [answer] = (await once(asked, "response")) as [{ statusCode: number; resume(): void }];
    answer.resume();
    expect(answer.statusCode).toBe(status);
  });
});

test("recent events are the last 200, the newest first", () => {
  const events = new RecentEvents();
  for (let index = 0; index < 250; index += 1) events.record("ring", `change ${index}`);
  const messages = events.list().map(({ message }) => message);
  expect(messages).toHaveLength(200);
  expect(messages[0]).toBe("change 249");
  expect(messages.at(-1)).toBe("change 50");
});
