import {
  copyFileSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { createSecureServer, connect as http2Connect } from "node:http2";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ConnectionOptions, connect, createServer, type Server, type TLSSocket } from "node:tls";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { silentLogger } from "../../../src/base/logger.ts";
import { MetricRegistry } from "../../../src/base/metrics.ts";
import {
  type ClientTlsSettings,
  loadClientTls,
  loadServerTls,
  type ServerTlsSettings,
  tlsMetrics,
} from "../../../src/base/tls.ts";
import { certificates } from "../../support/certificates/paths.ts";

const { authorityOne, authorityTwo, serverOne, serverTwo, client } = certificates;
const serverFiles = { certFile: serverOne.cert, keyFile: serverOne.key };
const clientFiles = { certFile: client.cert, keyFile: client.key };

let directory: string;
let metrics: MetricRegistry;
const closers: (() => void)[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "otlp-ring-tls-"));
  metrics = new MetricRegistry();
});

afterEach(() => {
  for (const close of closers.splice(0).reverse()) close();
  rmSync(directory, { recursive: true });
});

function eventually(condition: () => boolean): Promise<true> {
  return vi.waitUntil(condition, { timeout: 20_000 });
}

function reloads(success: "true" | "false"): number {
  return metrics.counter(tlsMetrics.reloads, success).value;
}

/** A TLS server that greets, so that a refusal after TLS 1.3's handshake is seen by the client too. */
async function listen(settings: ServerTlsSettings): Promise<{ port: number; server: Server }> {
  const tls = loadServerTls(settings, { logger: silentLogger, metrics });
  const server = createServer(tls.options, (socket) => {
    socket.on("error", () => undefined);
    socket.end("hello");
  });
  server.on("tlsClientError", () => undefined);
  tls.onReload((options) => server.setSecureContext(options));
  closers.push(
    () => server.close(),
    () => tls.close(),
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { port: (server.address() as AddressInfo).port, server };
}

function clientOptions(settings: ClientTlsSettings): ConnectionOptions {
  const tls = loadClientTls(settings, { logger: silentLogger, metrics });
  expect(tls).toBeDefined();
  closers.push(() => tls!.close());
  return tls!.connectOptions();
}

interface Greeting {
  readonly serverName: string;
  readonly protocol: string | null;
  readonly cipher: string;
}

/** Connects, and answers who greeted; rejects when either side refuses. */
function greet(port: number, options: ConnectionOptions): Promise<Greeting> {
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connect({ host: "127.0.0.1", port, ...options });
    let greeting: Greeting | undefined;
    socket.on("secureConnect", () => {
      greeting = {
        serverName: String(socket.getPeerCertificate().subject.CN),
        protocol: socket.getProtocol(),
        cipher: socket.getCipher().standardName,
      };
    });
    socket.on("data", () => resolve(greeting!));
    socket.on("error", reject);
    socket.on("close", () => reject(new Error("closed without a greeting")));
  });
}

describe("a server", () => {
  test("is trusted by a client that knows its authority, and by no other", async () => {
    const { port } = await listen(serverFiles);
    await expect(greet(port, clientOptions({ caFile: authorityOne }))).resolves.toMatchObject({
      serverName: "otlp-ring test server-one",
    });
    await expect(greet(port, clientOptions({ caFile: authorityTwo }))).rejects.toThrow(/certificate/);
    await expect(greet(port, clientOptions({}))).rejects.toThrow(/certificate/);
  });

  test("takes certificate and key as text", async () => {
    const { port } = await listen({
      certPem: readFileSync(serverOne.cert, "utf8"),
      keyPem: readFileSync(serverOne.key, "utf8"),
    });
    const options = clientOptions({ caPem: readFileSync(authorityOne, "utf8") });
    await expect(greet(port, options)).resolves.toBeDefined();
  });

  test("serves HTTP/2 over TLS to a client of the same settings", async () => {
    const tls = loadServerTls(serverFiles, { logger: silentLogger, metrics });
    const server = createSecureServer(tls.options, (_request, response) => {
      response.end("hello");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    closers.push(
      () => server.close(),
      () => tls.close(),
    );
    const session = http2Connect(
      `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
      clientOptions({ caFile: authorityOne }),
    );
    closers.push(() => session.destroy());
    const stream = session.request({ ":path": "/" });
    const body = await stream.setEncoding("utf8").toArray();
    expect(body.join("")).toBe("hello");
  });

  test("speaks nothing below TLS 1.2, and nothing below min_version", async () => {
    const { port } = await listen({ ...serverFiles, minVersion: "1.3" });
    const options = clientOptions({ caFile: authorityOne, maxVersion: "1.2" });
    await expect(greet(port, options)).rejects.toThrow(/version|alert/);
    const plain = await listen(serverFiles);
    await expect(
      greet(plain.port, { ca: readFileSync(authorityOne), minVersion: "TLSv1", maxVersion: "TLSv1.1" }),
    ).rejects.toThrow();
  });

  test("keeps TLS 1.3 when cipher suites of TLS 1.2 are chosen, and offers only those there", async () => {
    const { port } = await listen({
      ...serverFiles,
      cipherSuites: ["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"],
    });
    await expect(greet(port, clientOptions({ caFile: authorityOne }))).resolves.toMatchObject({
      protocol: "TLSv1.3",
    });
    await expect(
      greet(port, clientOptions({ caFile: authorityOne, maxVersion: "1.2" })),
    ).resolves.toMatchObject({
      protocol: "TLSv1.2",
      cipher: "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    });
  });

  test.each(["LOCALHOST", "no-such.example", "a".repeat(63), "xn--nxasmq6b", "under_score.-odd-"])(
    "does not mind the server name %j",
    async (servername) => {
      const { port } = await listen(serverFiles);
      const options = {
        ...clientOptions({ caFile: authorityOne }),
        servername,
        checkServerIdentity: () => undefined,
      };
      await expect(greet(port, options)).resolves.toBeDefined();
      await expect(greet(port, clientOptions({ caFile: authorityOne }))).resolves.toBeDefined();
    },
  );
});

describe("a server with clients' authorities", () => {
  const settings: ServerTlsSettings = { ...serverFiles, clientCaFile: authorityOne };

  test("takes a client whose certificate they signed", async () => {
    const { port } = await listen(settings);
    await expect(greet(port, clientOptions({ caFile: authorityOne, ...clientFiles }))).resolves.toBeDefined();
  });

  test("refuses a client without a certificate, under TLS 1.2 and 1.3", async () => {
    const { port } = await listen(settings);
    await expect(greet(port, clientOptions({ caFile: authorityOne }))).rejects.toThrow();
    await expect(greet(port, clientOptions({ caFile: authorityOne, maxVersion: "1.2" }))).rejects.toThrow();
  });

  test("refuses a client of another authority, and serves the next good one", async () => {
    const { port } = await listen(settings);
    const stranger = { certFile: serverTwo.cert, keyFile: serverTwo.key };
    await expect(greet(port, clientOptions({ caFile: authorityOne, ...stranger }))).rejects.toThrow();
    await expect(greet(port, clientOptions({ caFile: authorityOne, ...clientFiles }))).resolves.toBeDefined();
  });

  test("reads them again when they change, so that a withdrawn client is refused", async () => {
    const clientCaFile = join(directory, "clients.pem");
    copyFileSync(authorityOne, clientCaFile);
    const { port } = await listen({
      ...settings,
      clientCaFile,
      clientCaFileReload: true,
      reloadIntervalMs: 10,
    });
    const options = clientOptions({ caFile: authorityOne, ...clientFiles });
    await expect(greet(port, options)).resolves.toBeDefined();
    copyFileSync(authorityTwo, clientCaFile);
    await eventually(() => reloads("true") === 1);
    await expect(greet(port, options)).rejects.toThrow();
  });
});

describe("a client", () => {
  test("expects the overriding name instead of the one dialled", async () => {
    const { port } = await listen(serverFiles);
    const asked = (serverNameOverride: string): ConnectionOptions =>
      clientOptions({ caFile: authorityOne, serverNameOverride });
    await expect(greet(port, asked("localhost"))).resolves.toBeDefined();
    await expect(greet(port, asked("127.0.0.1"))).resolves.toBeDefined();
    await expect(greet(port, asked("tier2.example"))).rejects.toThrow(/tier2\.example/);
    await expect(greet(port, asked("10.0.0.1"))).rejects.toThrow(/10\.0\.0\.1/);
  });

  test("takes any certificate when told to skip verification", async () => {
    const { port } = await listen(serverFiles);
    await expect(greet(port, clientOptions({ insecureSkipVerify: true }))).resolves.toBeDefined();
  });

  test("trusts a given authority beside the system's when told so", async () => {
    const { port } = await listen(serverFiles);
    const options = clientOptions({ caFile: authorityOne, includeSystemCaCertsPool: true });
    await expect(greet(port, options)).resolves.toBeDefined();
  });

  test("is plain text when insecure, unless an authority is given", () => {
    const modules = { logger: silentLogger, metrics };
    expect(loadClientTls({ insecure: true }, modules)).toBeUndefined();
    expect(loadClientTls({ insecure: true, caFile: authorityOne }, modules)).toBeDefined();
  });

  test("connects with a new authority once its file has changed", async () => {
    const caFile = join(directory, "ca.pem");
    copyFileSync(authorityTwo, caFile);
    const { port } = await listen(serverFiles);
    const tls = loadClientTls({ caFile, reloadIntervalMs: 10 }, { logger: silentLogger, metrics });
    closers.push(() => tls?.close());
    await expect(greet(port, tls!.connectOptions())).rejects.toThrow(/certificate/);
    copyFileSync(authorityOne, caFile);
    await eventually(() => reloads("true") === 1);
    await expect(greet(port, tls!.connectOptions())).resolves.toBeDefined();
  });
});

describe("a reload", () => {
  const trustBoth = (): ConnectionOptions =>
    clientOptions({ caPem: readFileSync(authorityOne, "utf8") + readFileSync(authorityTwo, "utf8") });

  function serverInDirectory(): ServerTlsSettings {
    const settings = { certFile: join(directory, "tls.crt"), keyFile: join(directory, "tls.key") };
    copyFileSync(serverOne.cert, settings.certFile);
    copyFileSync(serverOne.key, settings.keyFile);
    return { ...settings, reloadIntervalMs: 10 };
  }

  test("gives new connections the new certificate", async () => {
    const settings = serverInDirectory();
    const { port } = await listen(settings);
    await expect(greet(port, trustBoth())).resolves.toMatchObject({
      serverName: "otlp-ring test server-one",
    });
    copyFileSync(serverTwo.key, settings.keyFile!);
    copyFileSync(serverTwo.cert, settings.certFile!);
    await eventually(() => reloads("true") === 1);
    await expect(greet(port, trustBoth())).resolves.toMatchObject({
      serverName: "otlp-ring test server-two",
    });
  });

  test("sees a Kubernetes secret change, which is a swap of symbolic links", async () => {
    for (const [version, pair] of Object.entries({ "..1": serverOne, "..2": serverTwo })) {
      const folder = mkdtempSync(join(directory, "v"));
      copyFileSync(pair.cert, join(folder, "tls.crt"));
      copyFileSync(pair.key, join(folder, "tls.key"));
      symlinkSync(folder, join(directory, version));
    }
    symlinkSync("..1", join(directory, "..data"));
    symlinkSync("..data/tls.crt", join(directory, "tls.crt"));
    symlinkSync("..data/tls.key", join(directory, "tls.key"));
    const { port } = await listen({
      certFile: join(directory, "tls.crt"),
      keyFile: join(directory, "tls.key"),
      reloadIntervalMs: 10,
    });
    await expect(greet(port, trustBoth())).resolves.toMatchObject({
      serverName: "otlp-ring test server-one",
    });
    symlinkSync("..2", join(directory, "..data_tmp"));
    renameSync(join(directory, "..data_tmp"), join(directory, "..data"));
    await eventually(() => reloads("true") === 1);
    await expect(greet(port, trustBoth())).resolves.toMatchObject({
      serverName: "otlp-ring test server-two",
    });
  });

  test.each<[name: string, spoil: (settings: ServerTlsSettings) => void]>([
    ["garbage in place of the certificate", ({ certFile }) => writeFileSync(certFile!, "garbage\0\u00ff")],
    ["an empty certificate file", ({ certFile }) => writeFileSync(certFile!, "")],
    ["a damaged certificate", ({ certFile }) => damage(certFile!)],
    ["garbage in place of the key", ({ keyFile }) => writeFileSync(keyFile!, "garbage")],
    ["the key of another certificate", ({ keyFile }) => copyFileSync(serverTwo.key, keyFile!)],
    ["a file that is gone", ({ certFile }) => unlinkSync(certFile!)],
    [
      "a file too large to be one",
      ({ certFile }) => writeFileSync(certFile!, Buffer.alloc(2 * 1024 * 1024, 0x41)),
    ],
  ])("keeps the old certificate after %s", async (_name, spoil) => {
    const settings = serverInDirectory();
    const { port } = await listen(settings);
    spoil(settings);
    await eventually(() => reloads("false") >= 1);
    await expect(greet(port, trustBoth())).resolves.toMatchObject({
      serverName: "otlp-ring test server-one",
    });
    expect(reloads("true")).toBe(0);
  });

  test("logs and counts the same bad files once, and never a word of what they hold", async () => {
    const settings = serverInDirectory();
    const lines: string[] = [];
    const logger = {
      ...silentLogger,
      error: (fields: object, message: string) => lines.push(JSON.stringify([fields, message])),
    };
    const tls = loadServerTls({ ...settings, clientCaFile: authorityOne }, { logger, metrics });
    closers.push(() => tls.close());
    replaceFile(settings.keyFile!, "SECRET-BYTES");
    await eventually(() => lines.length > 0);
    replaceFile(settings.certFile!, "other garbage");
    await eventually(() => lines.length > 1);
    expect(reloads("false")).toBe(2);
    expect(lines.join()).not.toContain("SECRET");
  });
});

/** At once, so that nobody reads it half written. */
function replaceFile(file: string, content: string): void {
  writeFileSync(`${file}.new`, content);
  renameSync(`${file}.new`, file);
}

function damage(file: string): void {
  const pem = readFileSync(file, "utf8");
  writeFileSync(file, pem.replace(/\n[A-Za-z0-9+/]{20}/, "\nAAAAAAAAAAAAAAAAAAAA"));
}

describe("settings that cannot work are refused with the file and what to do", () => {
  const modules = { logger: silentLogger, metrics: new MetricRegistry() };

  test.each<[name: string, settings: ServerTlsSettings, message: RegExp]>([
    ["no certificate", {}, /add cert_file and key_file/],
    ["a certificate without its key", { certFile: serverOne.cert }, /add key_file or key_pem/],
    [
      "a missing file",
      { certFile: "/no/such.pem", keyFile: serverOne.key },
      /tls\.cert_file: cannot read \/no\/such/,
    ],
    [
      "a folder in place of a file",
      { certFile: tmpdir(), keyFile: serverOne.key },
      /tls\.cert_file: cannot read .*EISDIR/,
    ],
    [
      "a key in place of the certificate",
      { certFile: serverOne.key, keyFile: serverOne.key },
      /cert_file .*server-one-key\.pem holds no PEM certificate/,
    ],
    [
      "a key that is not the certificate's",
      { certFile: serverOne.cert, keyFile: serverTwo.key },
      /cert_file .*server-one\.pem and key_file .*server-two-key\.pem cannot be used together/,
    ],
    ["the same thing twice", { ...serverFiles, certPem: "x" }, /both cert_file and cert_pem/],
    [
      "authorities that hold none",
      { ...serverFiles, clientCaFile: serverOne.key },
      /client_ca_file .* no PEM/,
    ],
    [
      "versions the wrong way round",
      { ...serverFiles, minVersion: "1.3", maxVersion: "1.2" },
      /raise max_version/,
    ],
    [
      "an unknown cipher suite",
      { ...serverFiles, cipherSuites: ["RC4"] },
      /cipher_suites: "RC4" is not one of/,
    ],
  ])("%s", (_name, settings, message) => {
    expect(() => loadServerTls(settings, modules)).toThrow(message);
  });

  test("a client's authorities that hold none", () => {
    expect(() => loadClientTls({ caPem: "nothing" }, modules)).toThrow(/ca_pem holds no PEM certificate/);
  });
});
