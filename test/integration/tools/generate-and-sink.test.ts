/** Generator and sinks over real sockets, with nothing in between, so that every figure is known. */
import { Client, credentials, logVerbosity, setLogVerbosity, status } from "@grpc/grpc-js";
import { afterEach, describe, expect, it } from "vitest";
import { type Comparison, compare } from "../../../src/tools/generate/comparison.ts";
import { Generator, type GeneratorOptions } from "../../../src/tools/generate/generator.ts";
import { fetchSinkViews, sinkViews } from "../../../src/tools/generate/sink-views.ts";
import { signalFacts, signals } from "../../../src/tools/otlp-proto.ts";
import { ReportServer } from "../../../src/tools/sink/report-server.ts";
import { Sink, type SinkOptions } from "../../../src/tools/sink/sink.ts";
import { FaultySink } from "./faulty-sink.ts";

// One test listens on a port that is taken, which grpc-js would print.
setLogVerbosity(logVerbosity.NONE);

const never = new AbortController().signal;
const quickRetry = { attemptsMax: 50, initialBackoffMs: 1, maxBackoffMs: 2 };

const toClose: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(toClose.splice(0).map((close) => close()));
});

async function startSinks(...options: SinkOptions[]): Promise<Sink[]> {
  const sinks = options.map((each) => new Sink(each));
  await Promise.all(sinks.map((sink) => sink.start()));
  toClose.push(...sinks.map((sink) => () => sink.stop()));
  return sinks;
}

function generatorFor(sinks: readonly Sink[], options: Partial<GeneratorOptions> = {}): Generator {
  return new Generator({
    endpoints: sinks.map(({ endpoint }) => endpoint),
    count: 3000,
    batchSize: 50,
    seed: 5,
    retry: quickRetry,
    ...options,
  });
}

function compareWith(generator: Generator, sinks: readonly Sink[]): Comparison {
  const reports = sinks.map((sink) => sink.report({ run: generator.run }));
  return compare(generator.accounts, sinkViews(reports, generator.run));
}

const flawless = {
  lost: 0,
  duplicated: 0,
  invented: 0,
  rejectedYetSeen: 0,
  seenUnanswered: 0,
  beyondLimit: 0,
};

describe("generate against sinks directly", () => {
  it("accounts for every item of all three signals at one sink", async () => {
    const sinks = await startSinks({});
    const generator = generatorFor(sinks);
    await generator.generate(never);
    const comparison = compareWith(generator, sinks);
    const report = sinks[0]!.report();
    for (const signal of signals) {
      const account = generator.accounts[signal];
      expect(account.acknowledged).toBe(account.sent);
      expect(account.sent).toBeGreaterThanOrEqual(950);
      expect(comparison.signals[signal]).toEqual({ ...flawless, seen: account.sent, splitServices: [] });
      expect(report.signals[signal]).toMatchObject({
        items: account.sent,
        requests: account.requests,
        resources: account.requests,
        bytes: account.bytes,
      });
    }
    expect(comparison.splitTraces).toBe(0);
    expect(comparison.traces).toBe(report.runs[0]!.traceCount);
  });

  it("accounts for every item over two sinks, where traces and services are split", async () => {
    const sinks = await startSinks({}, {});
    const generator = generatorFor(sinks, { compression: "gzip" });
    await generator.generate(never);
    const comparison = compareWith(generator, sinks);
    for (const signal of signals) {
      expect(comparison.signals[signal]).toMatchObject({
        ...flawless,
        seen: generator.accounts[signal].sent,
      });
    }
    const [left, right] = sinks.map((sink) => sink.report().runs[0]!.signals.metrics.services);
    const inBoth = Object.keys(left!).filter((service) => Object.hasOwn(right!, service));
    expect(inBoth.length).toBeGreaterThan(0);
    expect(comparison.signals.metrics.splitServices).toEqual(inBoth.sort());
    expect(comparison.splitTraces).toBeGreaterThan(0);
    expect(comparison.splitTraces).toBeLessThanOrEqual(comparison.traces);
    expect(sinks.every((sink) => sink.report().signals.traces.items > 0)).toBe(true);
  });

  it("keeps trying where a sink fails now and then, and counts the retries", async () => {
    const sinks = await startSinks({ failRate: 0.4, retryDelayMs: 1 });
    const generator = generatorFor(sinks, { signals: ["logs"] });
    await generator.generate(never);
    const { logs } = generator.accounts;
    expect(logs.acknowledged).toBe(logs.sent);
    expect(logs.retries).toBe(sinks[0]!.report().failedRequests);
    expect(logs.retries).toBeGreaterThan(0);
    expect(compareWith(generator, sinks).signals.logs).toMatchObject(flawless);
  });

  it("gives up at once where the code is not retryable, and counts nothing of it as lost", async () => {
    const sinks = await startSinks({ failRate: 0.5, failCode: "INVALID_ARGUMENT" });
    const generator = generatorFor(sinks, { signals: ["metrics"] });
    await generator.generate(never);
    const { metrics } = generator.accounts;
    const failedRequests = sinks[0]!.report().failedRequests;
    expect(metrics.retries).toBe(0);
    expect(Object.fromEntries(metrics.failures)).toEqual({
      INVALID_ARGUMENT: {
        requests: failedRequests,
        message: "the sink refuses this request, as it was told to",
      },
    });
    expect(metrics.failed).toBe(failedRequests * 50);
    expect(metrics.failed + metrics.acknowledged).toBe(metrics.sent);
    expect(compareWith(generator, sinks).signals.metrics).toMatchObject({
      ...flawless,
      seen: metrics.acknowledged,
    });
  });

  it("repeats RESOURCE_EXHAUSTED with RetryInfo only", async () => {
    const [patient, strict] = await startSinks(
      { failRate: 0.4, failCode: "RESOURCE_EXHAUSTED", retryDelayMs: 1 },
      { failRate: 0.4, failCode: "RESOURCE_EXHAUSTED" },
    );
    const repeated = generatorFor([patient!], { signals: ["logs"] });
    const dropped = generatorFor([strict!], { signals: ["logs"] });
    await Promise.all([repeated.generate(never), dropped.generate(never)]);
    expect(repeated.accounts.logs.failed).toBe(0);
    expect(repeated.accounts.logs.retries).toBeGreaterThan(0);
    expect(dropped.accounts.logs.failed).toBeGreaterThan(0);
    expect(dropped.accounts.logs.retries).toBe(0);
  });

  it("sets rejected items off against what is missing, exactly", async () => {
    const sinks = await startSinks({ rejectRate: 0.1 });
    const generator = generatorFor(sinks);
    await generator.generate(never);
    const comparison = compareWith(generator, sinks);
    for (const signal of signals) {
      const account = generator.accounts[signal];
      expect(account.rejected).toBeGreaterThan(0);
      expect(account.rejected).toBe(sinks[0]!.report().signals[signal].rejectedItems);
      expect(comparison.signals[signal]).toMatchObject({ ...flawless, seen: account.acknowledged });
    }
  });

  it("ends after its duration, or when it is told to, and still sends what was begun", async () => {
    const sinks = await startSinks({});
    const timed = generatorFor(sinks, { count: 1e9, durationMs: 300, itemsPerSecond: 20_000 });
    await timed.generate(never);
    const abort = new AbortController();
    const told = generatorFor(sinks, { count: 1e9, seed: 6 });
    const ended = told.generate(abort.signal);
    await expect.poll(() => told.accounts.traces.acknowledged, { timeout: 20_000 }).toBeGreaterThan(100);
    abort.abort();
    await ended;
    for (const generator of [timed, told]) {
      expect(generator.accounts.traces.acknowledged).toBe(generator.accounts.traces.sent);
      expect(compareWith(generator, sinks).signals.traces).toMatchObject(flawless);
    }
  });

  it("sees connections go away and loses nothing by it", async () => {
    const sinks = await startSinks({ maxConnectionAgeMs: 20, delayMs: 2 });
    const retry = { attemptsMax: 100, initialBackoffMs: 5, maxBackoffMs: 100 };
    const generator = generatorFor(sinks, { signals: ["traces"], count: 4000, retry });
    await generator.generate(never);
    expect(generator.accounts.traces.failed).toBe(0);
    expect(compareWith(generator, sinks).signals.traces).toMatchObject({ lost: 0, invented: 0 });
  });
});

describe("planted faults", () => {
  it("are reported: every tenth request lost, every fourth twice", async () => {
    const sink = new FaultySink((request) => (request % 10 === 0 ? 0 : request % 4 === 0 ? 2 : 1));
    await sink.start();
    toClose.push(() => sink.stop());
    const generator = new Generator({
      endpoints: [sink.endpoint],
      signals: ["logs"],
      count: 4000,
      batchSize: 100,
      concurrency: 1,
    });
    await generator.generate(never);
    // Requests 0 to 39: 0, 10, 20, 30 are lost; 4, 8, 12, … 36 without 20 come twice.
    expect(sink.compareWith(generator).signals.logs).toMatchObject({
      lost: 400,
      duplicated: 800,
      invented: 0,
      seen: 3600,
    });
  });

  it("are reported: items of a run that somebody else makes up", async () => {
    const sinks = await startSinks({});
    const generator = generatorFor(sinks, { signals: ["metrics"], count: 100 });
    const impostor = generatorFor(sinks, { signals: ["metrics"], count: 150 });
    await generator.generate(never);
    await impostor.generate(never);
    expect(impostor.run).toBe(generator.run);
    expect(compareWith(generator, sinks).signals.metrics).toMatchObject({
      lost: 0,
      duplicated: 100,
      invented: 50,
    });
  });
});

describe("a sink", () => {
  it("answers what is no message with INVALID_ARGUMENT, and takes the next request", async () => {
    const sinks = await startSinks({});
    const client = new Client(sinks[0]!.endpoint, credentials.createInsecure());
    const code = await new Promise((resolve) => {
      const asItIs = (bytes: Buffer): Buffer => bytes;
      client.makeUnaryRequest(
        signalFacts.logs.grpcPath,
        asItIs,
        asItIs,
        Buffer.from("0aff", "hex"),
        (error) => resolve(error?.code),
      );
    });
    client.close();
    expect(code).toBe(status.INVALID_ARGUMENT);
    expect(sinks[0]!.report().malformedRequests).toBe(1);
    const generator = generatorFor(sinks, { signals: ["logs"], count: 50 });
    await generator.generate(never);
    expect(generator.accounts.logs.acknowledged).toBe(50);
  });

  it("starts again where it was, with what it had counted", async () => {
    const sinks = await startSinks({});
    const first = generatorFor(sinks, { signals: ["logs"], count: 50 });
    await first.generate(never);
    const { endpoint } = sinks[0]!;
    await sinks[0]!.stop();
    expect(await sinks[0]!.start()).toBe(endpoint);
    const second = generatorFor(sinks, { signals: ["logs"], count: 50, seed: 9 });
    await second.generate(never);
    expect(sinks[0]!.report().signals.logs.items).toBe(100);
  });

  it("says where it cannot listen", async () => {
    const [taken] = await startSinks({});
    await expect(new Sink({ endpoint: taken!.endpoint }).start()).rejects.toThrow(
      `cannot listen on ${taken!.endpoint}`,
    );
  });
});

describe("the report over HTTP", () => {
  async function startReport(sinks: readonly Sink[]): Promise<string> {
    const server = new ReportServer(sinks);
    const url = await server.start("127.0.0.1:0");
    toClose.push(() => server.stop());
    return url;
  }

  it("tells all sinks, with the sets of the run that is asked for", async () => {
    const sinks = await startSinks({}, {});
    const url = await startReport(sinks);
    const generator = generatorFor(sinks);
    await generator.generate(never);
    const views = await fetchSinkViews([url], generator.run);
    expect(views.map(({ endpoint }) => endpoint)).toEqual(sinks.map(({ endpoint }) => endpoint));
    expect(compare(generator.accounts, views)).toEqual(compareWith(generator, sinks));
    const brief = (await (await fetch(url)).json()) as { sinks: { runs: { traces?: unknown }[] }[] };
    expect(brief.sinks.map(({ runs }) => runs[0]!.traces)).toEqual([undefined, undefined]);
  });

  it("forgets everything on POST /reset, and knows no other path", async () => {
    const sinks = await startSinks({});
    const url = await startReport(sinks);
    await generatorFor(sinks, { signals: ["logs"], count: 50 }).generate(never);
    expect((await fetch(url.replace("/report", "/reset"))).status).toBe(404);
    expect(sinks[0]!.report().signals.logs.items).toBe(50);
    expect((await fetch(url.replace("/report", "/reset"), { method: "POST" })).status).toBe(200);
    expect(sinks[0]!.report().signals.logs.items).toBe(0);
    expect(sinks[0]!.report().runs).toEqual([]);
  });

  it("is named in the error where it cannot be had", async () => {
    const sinks = await startSinks({});
    const url = await startReport(sinks);
    await expect(fetchSinkViews([`${url}s`], 1)).rejects.toThrow(`at ${url}s: it answers 404`);
    await expect(fetchSinkViews(["http://127.0.0.1:1/report"], 1)).rejects.toThrow(
      "http://127.0.0.1:1/report",
    );
  });
});
