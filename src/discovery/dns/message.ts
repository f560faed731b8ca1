/** DNS messages (RFC 1035, EDNS0 of RFC 6891) as bytes and back; the one file that knows dns-packet. */
import { SocketAddress } from "node:net";
import dnsPacket, { type Answer, type DecodedPacket } from "dns-packet";

export type RecordType = "A" | "AAAA" | "SRV";

export interface Question {
  readonly name: string;
  readonly type: RecordType;
}

/** Names are in lower case and without the root's dot. */
export type DnsRecord =
  | { readonly type: "A" | "AAAA"; readonly name: string; readonly ttlS: number; readonly address: string }
  | { readonly type: "CNAME"; readonly name: string; readonly ttlS: number; readonly target: string }
  | {
      readonly type: "SRV";
      readonly name: string;
      readonly ttlS: number;
      readonly target: string;
      readonly port: number;
      /** The lower, the sooner it is to be used (RFC 2782). */
      readonly priority: number;
    };

export interface DnsResponse {
  readonly id: number;
  /** `NOERROR`, `NXDOMAIN`, `SERVFAIL`, … */
  readonly rcode: string;
  /** The answer did not fit (TC): it is to be asked for over TCP. `records` is then empty. */
  readonly truncated: boolean;
  readonly question: { readonly name: string; readonly type: string } | undefined;
  /** Of the answer section, and of the types that we ask for or follow. */
  readonly records: readonly DnsRecord[];
}

/** Largest UDP answer that is asked for: what passes everywhere without fragments (https://dnsflagday.net/2020/). */
export const udpPayloadBytesMax = 1232;

const headerBytes = 12;
/** The shortest question (root name, type, class) and record (root name, type, class, TTL, length). */
const questionBytesMin = 5;
const recordBytesMin = 11;
const truncatedFlag = 0x0200;

export function encodeQuery(id: number, question: Question, edns: boolean): Buffer {
  return dnsPacket.encode({
    type: "query",
    id,
    flags: dnsPacket.RECURSION_DESIRED,
    questions: [{ name: question.name, type: question.type, class: "IN" }],
    additionals: edns ? [ednsRecord] : [],
  });
}

const ednsRecord: Answer = {
  type: "OPT",
  name: ".",
  udpPayloadSize: udpPayloadBytesMax,
  extendedRcode: 0,
  ednsVersion: 0,
  flags: 0,
  flag_do: false,
  options: [],
};

/** The response in these bytes; undefined where there is none. Never throws. */
export function decodeResponse(bytes: Buffer): DnsResponse | undefined {
  if (bytes.length < headerBytes) return undefined;
  const truncated = (bytes.readUInt16BE(2) & truncatedFlag) !== 0;
  const whole = truncated ? withoutRecords(bytes) : bytes;
  if (!countsFit(whole)) return undefined;
  try {
    const packet = dnsPacket.decode(whole) as DecodedPacket & {
      readonly rcode: string;
      readonly opcode: string;
    };
    // Some of dns-packet's readers run past the end and make up what is missing; the position is NaN then, or beyond.
    if (!(dnsPacket.decode.bytes <= whole.length)) return undefined;
    if (packet.type !== "response" || packet.opcode !== "QUERY") return undefined;
    const [question] = packet.questions ?? [];
    return {
      id: packet.id ?? 0,
      rcode: packet.rcode,
      truncated,
      question:
        question === undefined || question.class !== "IN"
          ? undefined
          : { name: canonicalName(question.name), type: question.type },
      records: (packet.answers ?? []).flatMap(toRecord),
    };
  } catch {
    return undefined;
  }
}

/** Lower case and no dot at the end: the form in which names are compared (RFC 4343). */
export function canonicalName(name: string): string {
  return name.toLowerCase().replace(/\.$/, "");
}

/** Whether so many questions and records can lie in so few bytes; dns-packet allocates what the header claims. */
function countsFit(bytes: Buffer): boolean {
  const records = bytes.readUInt16BE(6) + bytes.readUInt16BE(8) + bytes.readUInt16BE(10);
  const claimed = bytes.readUInt16BE(4) * questionBytesMin + records * recordBytesMin;
  return claimed <= bytes.length - headerBytes;
}

/** A truncated message may end within a record, so only its header and question are read. */
function withoutRecords(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  return copy.fill(0, 6, headerBytes);
}

function toRecord(answer: Answer): DnsRecord[] {
  if (answer.type === "OPT" || !("class" in answer) || answer.class !== "IN") return [];
  const common = { name: canonicalName(answer.name), ttlS: answer.ttl ?? 0 };
  if (answer.type === "A") return [{ ...common, type: "A", address: answer.data }];
  if (answer.type === "AAAA") return [{ ...common, type: "AAAA", address: canonicalIPv6(answer.data) }];
  if (answer.type === "CNAME") return [{ ...common, type: "CNAME", target: canonicalName(answer.data) }];
  if (answer.type !== "SRV") return [];
  const { target, port, priority = 0 } = answer.data;
  return [{ ...common, type: "SRV", target: canonicalName(target), port, priority }];
}

/** The one text of an address (RFC 5952): every replica must hash the same. */
function canonicalIPv6(address: string): string {
  return new SocketAddress({ address, family: "ipv6" }).address;
}
