/** The rows of collector-file.test.ts that are about what stands beside the pipelines. */
import { describe, expect, it } from "vitest";
import { faultsOf, file, load } from "./load.ts";

describe("extensions", () => {
  it("health_check and zpages are served where they say", () => {
    const { settings } = load(
      file({
        extensions: "[health_check, zpages]",
        rest: "extensions: { health_check: { endpoint: 0.0.0.0:13134, path: /health/status }, zpages: }\n",
      }),
    );
    expect(settings.healthCheck).toEqual({ host: "0.0.0.0", port: 13_134, path: "/health/status" });
    expect(settings.zpages).toEqual({ host: "localhost", port: 55_679 });
  });

  it("do nothing when service.extensions does not name them", () => {
    const { settings, warnings } = load(file({ rest: "extensions: { health_check: }\n" }));
    expect(settings).not.toHaveProperty("healthCheck");
    expect(warnings).toEqual([
      "config.yaml:9:15 extensions.health_check: has no effect: health_check is not among service.extensions",
    ]);
  });

  it("file_storage gives its directory to the log", () => {
    const { settings } = load(
      file({
        exporter: "{ resolver: { static: { hostnames: [a] } }, sending_queue: { storage: file_storage/lb } }",
        extensions: "[file_storage/lb, file_storage/other]",
        rest: "extensions: { file_storage/lb: { directory: /var/lib/lb, create_directory: true }, file_storage/other: }\n",
      }),
    );
    expect(settings.exporters[0]!.wal).toEqual({
      directory: "/var/lib/lb",
      maxSizeBytes: 4 * 2 ** 30,
      segmentSizeBytes: 64 * 2 ** 20,
      sync: "always",
      onFull: "reject",
    });
  });

  it("basicauth names an exporter, bearertokenauth lets clients in", () => {
    const { settings } = load(
      file({
        receiver: "{ protocols: { grpc: { auth: { authenticator: bearertokenauth/in } } } }",
        exporter:
          "{ resolver: { static: { hostnames: [a] } }, protocol: { otlp: { auth: { authenticator: basicauth/out } } } }",
        extensions: "[basicauth/out, bearertokenauth/in]",
        rest: `extensions:
  basicauth/out: { client_auth: { username: me, password: "0042" } }
  bearertokenauth/in: { scheme: Token, header: X-Token, tokens: [a, b] }
`,
      }),
    );
    expect(settings.receivers[0]!.grpc!.authenticator).toEqual({
      type: "bearer",
      name: "bearertokenauth/in",
      scheme: "Token",
      header: "X-Token",
      tokens: ["a", "b"],
    });
    expect(settings.exporters[0]!.protocol.auth).toEqual({ kind: "basic", username: "me", password: "0042" });
  });

  it("others are ignored with a warning, but never as an authenticator", () => {
    const rest = "extensions: { pprof: { endpoint: localhost:1777 }, oidc: }\n";
    expect(load(file({ extensions: "[pprof]", rest })).warnings).toEqual([
      "config.yaml:9:15 extensions.pprof: has no effect: there is no extension pprof here",
      "config.yaml:9:52 extensions.oidc: has no effect: there is no extension oidc here",
    ]);
    const receiver = "{ protocols: { grpc: { auth: { authenticator: oidc } } } }";
    expect(faultsOf(file({ extensions: "[pprof, oidc]", rest, receiver }))).toEqual([
      'config.yaml:2:55 receivers.otlp.protocols.grpc.auth.authenticator: expected a basicauth or bearertokenauth of service.extensions (there is none), got "oidc"',
    ]);
  });
});

describe("service.telemetry", () => {
  const telemetry = (text: string) =>
    load(file({}).replace("  pipelines:", `  telemetry: ${text}\n  pipelines:`));

  it("serves metrics on localhost:8888 and logs at info, unless told otherwise", () => {
    const { settings } = load(file({}));
    expect(settings.metrics).toEqual({ host: "localhost", port: 8888, level: "normal" });
    expect(settings.logs).toEqual({ level: "info", encoding: "auto" });
  });

  it("takes level and encoding of logs", () => {
    expect(telemetry("{ logs: { level: DEBUG, encoding: json } }").settings.logs).toEqual({
      level: "debug",
      encoding: "json",
    });
  });

  it("takes the older address of metrics, with a warning", () => {
    const { settings, warnings } = telemetry("{ metrics: { level: detailed, address: 0.0.0.0:9999 } }");
    expect(settings.metrics).toEqual({ host: "0.0.0.0", port: 9999, level: "detailed" });
    expect(warnings).toEqual([
      "config.yaml:7:44 service.telemetry.metrics.address: is the old way to say this; readers is the new one",
    ]);
  });

  it.each(["{ metrics: { level: none } }", "{ metrics: { readers: [] } }"])(
    "serves no metrics with %s",
    (text) => {
      expect(telemetry(text).settings).not.toHaveProperty("metrics");
    },
  );

  it("takes what else the Collector has there with a warning each", () => {
    const { warnings } = telemetry(
      "{ traces: { processors: [] }, resource: { a: b }, logs: { sampling: { enabled: false } }, metrics: { readers: [{ periodic: {} }] } }",
    );
    expect(warnings.map((warning) => warning.split(" ")[1])).toEqual([
      "service.telemetry.traces:",
      "service.telemetry.resource:",
      "service.telemetry.logs.sampling:",
      "service.telemetry.metrics.readers[0].periodic:",
    ]);
  });
});
