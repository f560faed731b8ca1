/**
 * One question to one nameserver: over UDP, and over TCP when the answer does not fit.
 *
 * An answer counts only when it comes from the server's address and port (the socket is connected,
 * so the kernel drops all others) and repeats the question and its random id. Every question has a
 * socket, and so a source port, of its own. Whatever else arrives is passed over, as a forger must
 * not be able to end the wait for the true answer.
 */
import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { connect, isIPv6 } from "node:net";
import { monotonicMs } from "../../base/clock.ts";
import { DnsError, type DnsErrorCode } from "./dns-error.ts";
import { canonicalName, type DnsResponse, decodeResponse, encodeQuery, type Question } from "./message.ts";
import type { Nameserver } from "./resolv-conf.ts";

export interface ExchangeLimits {
  /** When to give up, on `monotonicMs`. */
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
}

/** After so many datagrams that are no answer somebody is guessing, and the question is abandoned. */
const strayDatagramsMax = 100;

interface Query {
  readonly server: Nameserver;
  readonly question: Question;
  readonly id: number;
  readonly bytes: Buffer;
}

/** The server's answer, whatever its response code. Rejects with a DnsError. */
export async function exchange(
  server: Nameserver,
  question: Question,
  limits: ExchangeLimits,
): Promise<DnsResponse> {
  const response = await exchangeOnce(server, question, true, limits);
  // A server that knows no EDNS takes the additional record for an error (RFC 6891, 7).
  return response.rcode === "FORMERR" ? exchangeOnce(server, question, false, limits) : response;
}

async function exchangeOnce(
  server: Nameserver,
  question: Question,
  edns: boolean,
  limits: ExchangeLimits,
): Promise<DnsResponse> {
  const id = randomInt(0x1_0000);
  const query = { server, question, id, bytes: encodeQuery(id, question, edns) };
  const response = await overUdp(query, limits);
  return response.truncated ? overTcp(query, limits) : response;
}

function overUdp(query: Query, limits: ExchangeLimits): Promise<DnsResponse> {
  return settleBy("UDP", query, limits, (settle) => {
    const { address, port } = query.server;
    const socket = createSocket(isIPv6(address) ? "udp6" : "udp4");
    let strayDatagrams = 0;
    socket.on("error", (error) => settle.reject("dns_unreachable", `cannot be reached: ${error.message}`));
    socket.on("message", (bytes) => {
      const response = decodeResponse(bytes);
      if (response !== undefined && answers(response, query)) return settle.resolve(response);
      strayDatagrams += 1;
      if (strayDatagrams === strayDatagramsMax) {
        settle.reject("dns_bad_answer", `sent ${strayDatagrams} datagrams that answer no question`);
      }
    });
    socket.connect(port, address, () => socket.send(query.bytes));
    return () => socket.close();
  });
}

function overTcp(query: Query, limits: ExchangeLimits): Promise<DnsResponse> {
  return settleBy("TCP", query, limits, (settle) => {
    const socket = connect({ host: query.server.address, port: query.server.port });
    const chunks: Buffer[] = [];
    let receivedBytes = 0;
    socket.on("error", (error) => settle.reject("dns_unreachable", `cannot be reached: ${error.message}`));
    socket.on("end", () =>
      settle.reject("dns_unreachable", "closed the connection before its answer was complete"),
    );
    socket.on("data", (chunk) => {
      chunks.push(chunk);
      receivedBytes += chunk.length;
      // Two bytes of length go before the message, which bounds it to 64 KiB (RFC 1035, 4.2.2).
      if (receivedBytes < 2) return;
      const received = Buffer.concat(chunks);
      const messageBytes = received.readUInt16BE(0);
      if (receivedBytes < 2 + messageBytes) return;
      const response = decodeResponse(received.subarray(2, 2 + messageBytes));
      if (response !== undefined && answers(response, query)) settle.resolve(response);
      else settle.reject("dns_bad_answer", "sent a message that is no answer to the question");
    });
    const lengthPrefix = Buffer.alloc(2);
    lengthPrefix.writeUInt16BE(query.bytes.length);
    socket.write(Buffer.concat([lengthPrefix, query.bytes]));
    return () => socket.destroy();
  });
}

function answers(response: DnsResponse, query: Query): boolean {
  const { id, question } = response;
  if (id !== query.id) return false;
  // A server that could not read the question has none to repeat.
  if (question === undefined) return response.rcode === "FORMERR" && response.records.length === 0;
  return question.name === canonicalName(query.question.name) && question.type === query.question.type;
}

interface Settle {
  resolve(response: DnsResponse): void;
  reject(code: DnsErrorCode, problem: string): void;
}

/** A promise that is settled once: by `begin`'s exchange, by the deadline or by the signal. */
function settleBy(
  transport: string,
  { server, question }: Query,
  { deadlineMs, signal }: ExchangeLimits,
  begin: (settle: Settle) => () => void,
): Promise<DnsResponse> {
  const where = `nameserver ${server.address}#${server.port} over ${transport}`;
  return new Promise((resolve, reject) => {
    let end: () => void = () => undefined;
    let settled = false;
    const finish = (then: () => void): void => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      signal.removeEventListener("abort", cancel);
      end();
      then();
    };
    const settle: Settle = {
      resolve: (response) => finish(() => resolve(response)),
      reject: (code, problem) => {
        const message = `${where} ${problem} (${question.type} of ${question.name})`;
        finish(() => reject(new DnsError(code, message)));
      },
    };
    const cancel = (): void => settle.reject("dns_cancelled", "was not waited for");
    const giveUp = (): void => settle.reject("dns_timeout", "did not answer in time");
    const timer = setTimeout(giveUp, Math.max(0, deadlineMs - monotonicMs()));
    end = begin(settle);
    signal.addEventListener("abort", cancel);
    if (signal.aborted) cancel();
  });
}
