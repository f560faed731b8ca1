/** HTTP/2 frames written by hand, for what no HTTP/2 library would send (RFC 9113 §4.1, RFC 7541). */
import * as net from "node:net";
import * as tls from "node:tls";
import { onTestFinished } from "vitest";

export const frameType = {
  DATA: 0,
  HEADERS: 1,
  RST_STREAM: 3,
  SETTINGS: 4,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const;
export const frameFlag = { ACK: 1, END_STREAM: 1, END_HEADERS: 4 } as const;

const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const frameHeadBytes = 9;

export function frame(
  type: number,
  flags: number,
  streamId: number,
  payload: Buffer = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(frameHeadBytes);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, payload]);
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A header block of literals without indexing and without Huffman coding; names and values below 127 bytes. */
export function headerBlock(headers: Readonly<Record<string, string>>): Buffer {
  const pieces = Object.entries(headers).map(([name, value]) =>
    Buffer.concat([
      Buffer.from([0, name.length]),
      Buffer.from(name),
      Buffer.from([value.length]),
      Buffer.from(value),
    ]),
  );
  return Buffer.concat(pieces);
}

export const exportHeaderBlock = headerBlock({
  ":method": "POST",
  ":scheme": "http",
  ":path": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
  ":authority": "localhost",
  "content-type": "application/grpc",
  te: "trailers",
});

/** What to write first on a connection. */
export const greeting = Buffer.concat([Buffer.from(preface), frame(frameType.SETTINGS, 0, 0)]);

export interface RawConnection {
  readonly socket: net.Socket;
  /** Resolves when the other side has closed the connection or broken it off. */
  readonly closed: Promise<void>;
  /** Payloads of the frames of this type that came so far. */
  readonly frames: (type: number) => Buffer[];
}

/** A TCP connection (or TLS, with the options given) that has greeted. */
export function rawConnection(port: number, tlsOptions?: tls.ConnectionOptions): RawConnection {
  const address = { host: "127.0.0.1", port };
  const socket = tlsOptions === undefined ? net.connect(address) : tls.connect({ ...address, ...tlsOptions });
  const received: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => received.push(chunk));
  socket.on("error", () => undefined);
  const closed = new Promise<void>((resolve) => {
    socket.on("close", () => resolve());
  });
  onTestFinished(() => {
    socket.destroy();
  });
  socket.write(greeting);
  return { socket, closed, frames: (type) => payloadsOf(type, Buffer.concat(received)) };
}

/** The error codes of GOAWAY frames. */
export function goawayCodes(connection: RawConnection): number[] {
  return connection.frames(frameType.GOAWAY).map((payload) => payload.readUInt32BE(4));
}

function payloadsOf(type: number, bytes: Buffer): Buffer[] {
  const payloads: Buffer[] = [];
  let at = 0;
  while (at + frameHeadBytes <= bytes.length) {
    const end = at + frameHeadBytes + bytes.readUIntBE(at, 3);
    if (end <= bytes.length && bytes[at + 3] === type)
      payloads.push(bytes.subarray(at + frameHeadBytes, end));
    at = end;
  }
  return payloads;
}
