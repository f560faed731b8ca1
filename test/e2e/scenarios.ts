/** What must hold of the program as a whole. Each scenario throws where it does not. */
import assert from "node:assert/strict";
import { type Finished, freePort, sleep, until, type Workplace } from "./lib/processes.ts";
import { metric, startGateway, startSinks } from "./lib/topology.ts";

type Scenario = (workplace: Workplace) => Promise<void>;

/** Of `otlp-ring generate --json`; only what the scenarios look at. */
interface Summary {
  readonly signals: Readonly<
    Record<string, { readonly acknowledged: number; readonly lost?: number; readonly duplicated?: number }>
  >;
  readonly traces?: { readonly seen: number; readonly split: number };
}

function summaryOf({ exitCode, stdout, stderr }: Finished): Summary {
  assert.equal(exitCode, 0, `generate failed:\n${stdout}\n${stderr}`);
  return JSON.parse(stdout) as Summary;
}

const load = ["--duration", "4s", "--rate", "20000", "--json"];

export const scenarios: Readonly<Record<string, Scenario>> = {
  "everything arrives once, and every trace at one sink": async (workplace) => {
    const sinks = await startSinks(workplace, 3);
    const gateway = await startGateway(workplace, { exporters: { load_balancing: { ports: sinks.ports } } });
    const summary = summaryOf(
      await workplace.run([
        "generate",
        "--endpoint",
        gateway.endpoint,
        ...load,
        "--sink-report",
        sinks.reportUrl,
        "--expect-whole-traces",
      ]),
    );
    assert.ok(summary.traces !== undefined && summary.traces.seen > 100, "traces were seen");
    const balance = async (name: string): Promise<number> => metric(gateway.metricsUrl, `otlpring_${name}`);
    assert.equal(await balance("received_items_total"), await balance("delivered_items_total"));
    assert.equal(await balance("in_flight_items"), 0);
    assert.equal(await gateway.process.stop(), 0, gateway.process.output());
  },

  "one pipeline feeds two pools by two keys": async (workplace) => {
    const byTrace = await startSinks(workplace, 2);
    const byService = await startSinks(workplace, 3);
    const gateway = await startGateway(workplace, {
      signals: ["traces"],
      exporters: {
        "load_balancing/sampling": { ports: byTrace.ports },
        "load_balancing/spanmetrics": { ports: byService.ports, routingKey: "service" },
      },
    });
    const common = ["generate", "--endpoint", gateway.endpoint, ...load, "--signals", "traces"];
    const whole = [...common, "--sink-report", byTrace.reportUrl, "--expect-whole-traces"];
    summaryOf(await workplace.run(whole));
    const report = (await (await fetch(byService.reportUrl)).json()) as {
      sinks: { services: Record<string, unknown> }[];
    };
    const services = report.sinks.flatMap((sink) => Object.keys(sink.services));
    assert.ok(services.length > 5, "services were seen");
    assert.equal(new Set(services).size, services.length, "a service is at two sinks");
  },

  "a backend that is killed and comes back: clients are asked to send again, and the gateway recovers":
    async (workplace) => {
      const steady = await startSinks(workplace, 2);
      const port = await freePort();
      const first = await startSinks(workplace, 1, [], [port]);
      const gateway = await startGateway(workplace, {
        exporters: { load_balancing: { ports: [...steady.ports, port] } },
      });
      const generating = workplace.run([
        "generate",
        "--endpoint",
        gateway.endpoint,
        "--duration",
        "6s",
        "--rate",
        "5000",
        "--json",
      ]);
      await sleep(2000);
      await first.process.stop("SIGKILL");
      await sleep(1000);
      await startSinks(workplace, 1, [], [port]);
      const summary = summaryOf(await generating);
      assert.ok(summary.signals["traces"] !== undefined && summary.signals["traces"].acknowledged > 5000);
      const up = (): Promise<number> => metric(gateway.metricsUrl, "otlpring_backend_up");
      await until("all backends are up again", async () => (await up()) === 3);
      assert.ok(
        (await metric(gateway.metricsUrl, "otlpring_returned_items_total")) > 0,
        "something was returned",
      );
      assert.equal(await metric(gateway.metricsUrl, "otlpring_in_flight_items"), 0);
    },

  "SIGTERM under load drains: nothing that was acknowledged is lost": async (workplace) => {
    const sinks = await startSinks(workplace, 2, ["--delay", "20ms"]);
    const gateway = await startGateway(workplace, { exporters: { load_balancing: { ports: sinks.ports } } });
    const generating = workplace.run([
      "generate",
      "--endpoint",
      gateway.endpoint,
      "--duration",
      "4s",
      "--rate",
      "5000",
      "--no-retry",
      "--json",
      "--sink-report",
      sinks.reportUrl,
    ]);
    await sleep(2000);
    assert.equal(await gateway.process.stop(), 0, gateway.process.output());
    const { exitCode, stdout } = await generating;
    assert.equal(exitCode, 0, stdout);
  },

  "a demo whose port is taken says so and ends": async (workplace) => {
    const sinks = await startSinks(workplace, 1);
    const taken = `127.0.0.1:${sinks.ports[0]}`;
    const { exitCode, stderr } = await workplace.run([
      "demo",
      "--set",
      "service.telemetry.metrics.level=none",
      "--set",
      `receivers.otlp.protocols.grpc.endpoint=${taken}`,
    ]);
    assert.equal(exitCode, 1);
    assert.match(stderr, new RegExp(`cannot listen on ${taken}`));
  },

  "a configuration with faults is refused with all of them and exit code 2": async (workplace) => {
    const file = workplace.file(
      "bad.yaml",
      "receivers: { otlp: { protocols: { grpc: { endpont: x } } } }\nexporters: { load_balancing: { resolver: {} } }\n",
    );
    const { exitCode, stderr } = await workplace.run(["validate", "--config", file]);
    assert.equal(exitCode, 2);
    assert.match(
      stderr,
      /bad\.yaml:1:\d+ receivers\.otlp\.protocols\.grpc\.endpont: .*did you mean "endpoint"/,
    );
    assert.match(stderr, /bad\.yaml:2:\d+ exporters\.load_balancing\.resolver/);
  },
};
