/**
 * Backends for the end-to-end benchmark, in a process of their own: they take OTLP/gRPC on node:http2,
 * count the items on the wire and answer OK. As cheap as can be, so that the gateway is what is measured.
 *
 * Forked with the number of backends as argument; sends { ports }, and { itemCount } when asked.
 */
import { createServer, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { countItems } from "./count-items.ts";

const backendCount = Number(process.argv[2] ?? 8);
const windowBytes = 16 * 1024 * 1024;
let itemCount = 0;
let requestCount = 0;

const responseHeaders = [":status", "200", "content-type", "application/grpc"];
const emptyMessage = Buffer.alloc(5);

function serve(stream: ServerHttp2Stream, headers: { readonly [name: string]: unknown }): void {
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  stream.on("error", () => undefined);
  stream.on("end", () => {
    const body = Buffer.concat(chunks);
    itemCount += countItems(decoded(body, headers["grpc-encoding"]));
    requestCount += 1;
    stream.respond(responseHeaders as never, { waitForTrailers: true });
    stream.once("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.end(emptyMessage);
  });
}

function decoded(body: Buffer, encoding: unknown): Buffer {
  const message = body.subarray(5);
  if (body[0] === 0) return message;
  return encoding === "zstd" ? zstdDecompressSync(message) : gunzipSync(message);
}

function listen(): Promise<number> {
  const server = createServer({ settings: { initialWindowSize: windowBytes }, maxSessionMemory: 1024 });
  server.on("session", (session) => session.setLocalWindowSize(windowBytes));
  server.on("stream", serve);
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
}

process.on("message", (message) => {
  if (message === "count") process.send?.({ itemCount, requestCount });
});
process.on("disconnect", () => process.exit(0));
process.send?.({ ports: await Promise.all(Array.from({ length: backendCount }, listen)) });
