/** The program as a shell sees it: where it runs from, what it prints, how it exits. */
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const program = `${root}bin/otlp-ring`;
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(`${tmpdir()}/otlp-ring-cli-`);
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(args: readonly string[], env: NodeJS.ProcessEnv = process.env, file = program): Ended {
  return spawnSync(file, args, { cwd: folder, env, encoding: "utf8" });
}

function file(name: string, text: string): string {
  writeFileSync(`${folder}/${name}`, text);
  return `${folder}/${name}`;
}

const configuration = (extra = ""): string => `
receivers: { otlp: { protocols: { grpc: { endpoint: "127.0.0.1:0" } } } }
exporters:
  load_balancing:
    resolver: { static: { hostnames: [a.example, b.example, c.example] } }
    protocol: { otlp: { tls: { insecure: true }, headers: { x-api-key: tells-nobody } } }
service: { pipelines: { traces: { receivers: [otlp], exporters: [load_balancing] }, logs: { receivers: [otlp], exporters: [load_balancing] } } }
${extra}`;

describe("bin/otlp-ring", () => {
  it("runs from any folder, and through a symbolic link, as npm makes them", () => {
    symlinkSync(program, `${folder}/linked`);
    const direct = run(["--version"]);
    expect(direct).toMatchObject({ status: 0, stderr: "" });
    expect(direct.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(run(["--version"], process.env, `${folder}/linked`).stdout).toBe(direct.stdout);
  });

  it("runs under the Node that the project brings, whatever is on PATH", () => {
    const { PATH } = process.env;
    file("node", "#!/bin/sh\necho v20.0.0\n");
    spawnSync("chmod", ["+x", `${folder}/node`]);
    const ended = run(["--version"], { PATH: `${folder}:${PATH}` });
    expect(ended.status).toBe(0);
    expect(ended.stdout).not.toContain("v20");
  });

  it("says what is missing where its dependencies are not installed", () => {
    mkdirSync(`${folder}/bare/bin`, { recursive: true });
    mkdirSync(`${folder}/bare/src`);
    copyFileSync(program, `${folder}/bare/bin/otlp-ring`);
    writeFileSync(`${folder}/bare/src/cli.ts`, "");
    const ended = run(["--version"], process.env, `${folder}/bare/bin/otlp-ring`);
    expect(ended.status).toBe(1);
    expect(ended.stderr).toContain(`run 'npm ci' in ${folder}/bare`);
  });

  it("says which Node it needs where there is none", () => {
    mkdirSync(`${folder}/nodeless/bin`, { recursive: true });
    copyFileSync(`${root}bin/node24`, `${folder}/nodeless/bin/node24`);
    const ended = run(["--version"], { PATH: `${folder}:/usr/bin:/bin` }, `${folder}/nodeless/bin/node24`);
    expect(ended.status).toBe(1);
    expect(ended.stderr).toContain("needs Node.js 24, and the node on PATH is v20.0.0");
  });
});

describe("exit codes", () => {
  it("0 for help, a version and a valid configuration", () => {
    expect(run(["--help"]).status).toBe(0);
    expect(run(["validate", "--help"]).status).toBe(0);
    expect(run(["validate", "--config", file("good.yaml", configuration())]).status).toBe(0);
  });

  it.each<[string, string[], RegExp]>([
    ["an unknown command", ["rout"], /unknown command "rout"; did you mean "route"\?/],
    ["an unknown option", ["run", "--confg", "x"], /unknown option '--confg'/],
    ["no configuration", ["run"], /name one by --config FILE/],
    [
      "a file that is not there",
      ["run", "--config", "no-such.yaml"],
      /no-such\.yaml.*expected a readable file/,
    ],
    ["route without a question", ["route", "--config", "good.yaml"], /one of --trace-id and --service/],
    [
      "a trace id that is none",
      ["route", "--config", "good.yaml", "--trace-id", "abc"],
      /expected 32 hexadecimal digits/,
    ],
    [
      "a fault set on the command line",
      ["validate", "--config", "good.yaml", "--set", "a=1"],
      /--set a: .*"a"|--set a a:/,
    ],
  ])("2 for %s", (_name, args, message) => {
    file("good.yaml", configuration());
    const ended = run(args);
    expect(ended.stderr).toMatch(message);
    expect(ended.status).toBe(2);
  });

  it("1 for a failure while running", () => {
    const taken = file("taken.yaml", configuration().replace("127.0.0.1:0", "192.0.2.1:4317"));
    const ended = run(["run", "--config", taken, "--set", "service.telemetry.metrics.level=none"]);
    expect(ended.stderr).toContain("192.0.2.1:4317");
    expect(ended.status).toBe(1);
    expect(run(["healthcheck", "--url", "http://127.0.0.1:9/"]).status).toBe(1);
  });
});

describe("print-config", () => {
  it("prints what is in force, and no secret", () => {
    const base = file("base.yaml", configuration());
    const over = file("over.yaml", `exporters: { load_balancing: { ring: { size: $${"{"}env:SLOTS} } } }`);
    const ended = run(
      ["print-config", "-c", base, "-c", over, "--set", "service.telemetry.logs.level=debug"],
      {
        ...process.env,
        SLOTS: "4096",
      },
    );
    expect(ended).toMatchObject({ status: 0, stderr: "" });
    expect(ended.stdout).toContain("size: 4096");
    expect(ended.stdout).toContain("level: debug");
    expect(ended.stdout).toContain('x-api-key: "[REDACTED]"');
    expect(ended.stdout).not.toContain("tells-nobody");
  });
});

describe("route", () => {
  it("answers the same as the ring of a gateway, for people and for programs", () => {
    const path = file("good.yaml", configuration());
    const asked = run(["route", "--config", path, "--service", "cart", "--json"]);
    const [answer] = JSON.parse(asked.stdout) as [
      { exporter: string; key: string; slot: number; member: string },
    ];
    expect(answer).toMatchObject({ exporter: "load_balancing", key: "cart" });
    expect(["a.example:4317", "b.example:4317", "c.example:4317"]).toContain(answer.member);
    expect(run(["route", "--config", path, "--service", "cart"]).stdout).toBe(
      `load_balancing  cart  slot ${answer.slot}  ${answer.member}\n`,
    );
  });

  it("fails with 1 when no exporter routes by such a key", () => {
    const onlyTraces = configuration().replace(/, logs: \{[^}]*\}/, "");
    const ended = run(["route", "--config", file("traces.yaml", onlyTraces), "--service", "cart"]);
    expect(ended.status).toBe(1);
    expect(ended.stderr).toContain("no exporter of the configuration routes by service");
  });
});
