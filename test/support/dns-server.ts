/**
 * A nameserver on loopback, UDP and TCP on one port, that answers as a test tells it to: truthfully,
 * late, not at all, or preceded by forgeries.
 */
import { createSocket, type RemoteInfo, type Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import dnsPacket, { type Answer, type DecodedPacket, type Packet } from "dns-packet";

export const rcode = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, REFUSED: 5 } as const;

/** Datagrams that are sent before the true answer, and that must not be believed. */
export const forgeries = [
  "wrong id",
  "wrong name",
  "wrong type",
  "other port",
  "query",
  "noise",
  "empty",
] as const;
export type Forgery = (typeof forgeries)[number];

export interface Reply {
  readonly records?: readonly Answer[];
  readonly rcode?: number;
  readonly delayMs?: number;
  /** Sent over UDP before the answer; they say that the name is at 203.0.113.66. */
  readonly forged?: readonly Forgery[];
  /** No answer at all. */
  readonly silent?: boolean;
  /** Over UDP: say that the answer did not fit (TC), and end within its last record if there is one. */
  readonly cutOff?: boolean;
  /** Over TCP: close the connection unanswered. */
  readonly hangUp?: boolean;
  /** These bytes in place of a message. */
  readonly raw?: Buffer;
}

export interface AskedQuestion {
  readonly name: string;
  readonly type: string;
  readonly transport: "udp" | "tcp";
  readonly id: number;
  readonly sourcePort: number;
  readonly edns: boolean;
}

export type Script = Reply | ((question: AskedQuestion) => Reply);

/** The address of forgeries; of the block that is kept for documentation (RFC 5737). */
export const forgedAddress = "203.0.113.66";

export function aRecords(name: string, addresses: readonly string[], ttl = 5): Answer[] {
  return addresses.map((data) => ({ type: "A", name, ttl, data }));
}

export class TestDnsServer {
  /** Everything that was asked, in order. */
  readonly asked: AskedQuestion[] = [];
  readonly address: string;
  readonly port: number;
  readonly #scripts = new Map<string, Script>();
  readonly #udp: UdpSocket;
  readonly #otherPort: UdpSocket;
  readonly #tcp: Server;
  readonly #connections = new Set<Socket>();
  readonly #timers = new Set<NodeJS.Timeout>();

  /** Names without a script do not exist. */
  static async start(address = "127.0.0.1"): Promise<TestDnsServer> {
    for (let attempt = 1; ; attempt += 1) {
      const tcp = createServer();
      tcp.listen(0, address);
      await once(tcp, "listening");
      const { port } = tcp.address() as AddressInfo;
      const family = address.includes(":") ? "udp6" : "udp4";
      const udp = createSocket(family);
      try {
        udp.bind(port, address);
        await once(udp, "listening");
      } catch (error) {
        // The port is free for TCP and taken for UDP: another one then.
        tcp.close();
        if (attempt === 10) throw error;
        continue;
      }
      const otherPort = createSocket(family);
      otherPort.bind(0, address);
      await once(otherPort, "listening");
      return new TestDnsServer(address, port, udp, otherPort, tcp);
    }
  }

  private constructor(address: string, port: number, udp: UdpSocket, otherPort: UdpSocket, tcp: Server) {
    this.address = address;
    this.port = port;
    this.#udp = udp;
    this.#otherPort = otherPort;
    this.#tcp = tcp;
    udp.on("message", (bytes, from) => this.#onDatagram(bytes, from));
    tcp.on("connection", (socket) => this.#onConnection(socket));
  }

  /** How questions of this name and type are answered from now on. */
  script(name: string, type: string, script: Script): void {
    this.#scripts.set(`${type} ${name.toLowerCase()}`, script);
  }

  /** The names that were asked for, each once, in order. */
  askedNames(): string[] {
    return [...new Set(this.asked.map(({ name }) => name))];
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    for (const socket of this.#connections) socket.destroy();
    this.#udp.close();
    this.#otherPort.close();
    this.#tcp.close();
    await once(this.#tcp, "close");
  }

  #replyTo(query: DecodedPacket, transport: "udp" | "tcp", sourcePort: number): Reply {
    const { name, type } = query.questions![0]!;
    const edns = (query.additionals ?? []).some((record) => record.type === "OPT");
    const question: AskedQuestion = { name, type, transport, id: query.id!, sourcePort, edns };
    this.asked.push(question);
    const script = this.#scripts.get(`${type} ${name.toLowerCase()}`) ?? { rcode: rcode.NXDOMAIN };
    return typeof script === "function" ? script(question) : script;
  }

  #onDatagram(bytes: Buffer, from: RemoteInfo): void {
    const query = dnsPacket.decode(bytes);
    const reply = this.#replyTo(query, "udp", from.port);
    for (const forgery of reply.forged ?? []) {
      const sender = forgery === "other port" ? this.#otherPort : this.#udp;
      sender.send(forge(query, forgery), from.port, from.address);
    }
    if (reply.silent === true) return;
    this.#after(reply.delayMs, () => this.#udp.send(datagram(query, reply), from.port, from.address));
  }

  #onConnection(socket: Socket): void {
    this.#connections.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.#connections.delete(socket));
    let received = Buffer.alloc(0);
    socket.on("data", (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
      const query = dnsPacket.decode(received.subarray(2));
      const reply = this.#replyTo(query, "tcp", socket.remotePort ?? 0);
      if (reply.silent === true) return;
      if (reply.hangUp === true) {
        socket.end();
        return;
      }
      const message = reply.raw ?? dnsPacket.encode(response(query, reply));
      const framed = Buffer.concat([Buffer.alloc(2), message]);
      framed.writeUInt16BE(message.length);
      // In two pieces, as a network would bring it.
      this.#after(reply.delayMs, () => {
        socket.write(framed.subarray(0, 1));
        this.#after(1, () => socket.write(framed.subarray(1)));
      });
    });
  }

  #after(delayMs: number | undefined, run: () => void): void {
    if (delayMs === undefined) {
      run();
      return;
    }
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      run();
    }, delayMs);
    this.#timers.add(timer);
  }
}

function response(query: DecodedPacket, reply: Reply, flags = 0): Packet {
  return {
    type: "response",
    id: query.id!,
    flags: dnsPacket.RECURSION_DESIRED | dnsPacket.RECURSION_AVAILABLE | flags | (reply.rcode ?? 0),
    questions: query.questions!,
    answers: [...(reply.records ?? [])],
  };
}

/** The answer as UDP carries it: what is larger than the asker takes is cut off, and says so. */
function datagram(query: DecodedPacket, reply: Reply): Buffer {
  if (reply.raw !== undefined) return reply.raw;
  const opt = (query.additionals ?? []).find((record) => record.type === "OPT");
  const bytesMax = opt?.udpPayloadSize ?? 512;
  const message = dnsPacket.encode(response(query, reply));
  if (reply.cutOff !== true && message.length <= bytesMax) return message;
  const truncated = dnsPacket.encode(response(query, reply, dnsPacket.TRUNCATED_RESPONSE));
  const missingBytes = (reply.records ?? []).length > 0 ? 3 : 0;
  return truncated.subarray(0, Math.min(bytesMax, truncated.length - missingBytes));
}

function forge(query: DecodedPacket, forgery: Forgery): Buffer {
  const question = query.questions![0]!;
  const lie = response(query, { records: aRecords(question.name, [forgedAddress]) });
  switch (forgery) {
    case "wrong id":
      return dnsPacket.encode({ ...lie, id: (query.id! + 1) & 0xffff });
    case "wrong name":
      return dnsPacket.encode({ ...lie, questions: [{ ...question, name: `x${question.name}` }] });
    case "wrong type":
      return dnsPacket.encode({ ...lie, questions: [{ ...question, type: "TXT" }] });
    case "query":
      return dnsPacket.encode({ ...lie, type: "query" });
    case "other port":
      return dnsPacket.encode(lie);
    case "noise": {
      // The true id and question, and then a header that claims 65,535 records.
      const bytes = dnsPacket.encode(lie);
      bytes.writeUInt16BE(0xffff, 6);
      return bytes;
    }
    case "empty":
      return Buffer.alloc(0);
    default:
      return forgery satisfies never;
  }
}
