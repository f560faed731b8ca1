/**
 * A request taken apart into what must survive a split, by protobufjs' reader and nothing of ours:
 * each item with the header bytes of every envelope around it, each envelope without items likewise.
 */
import protobuf from "protobufjs";
import type { StableSignal as Signal } from "../../src/otlp/signal.ts";

const childrenOf: Readonly<Record<Signal, readonly (readonly number[])[]>> = {
  traces: [[1], [2], [2]],
  logs: [[1], [2], [2]],
  metrics: [[1], [2], [2], [5, 7, 9, 10, 11], [1]],
};

export interface RawRequest {
  /** One string an item, and one an envelope that holds none. */
  readonly pieces: string[];
  readonly itemCount: number;
  /** The request's own fields that are no resources. */
  readonly ownHeader: string;
}

export function takeApart(signal: Signal, request: Uint8Array): RawRequest {
  const pieces: string[] = [];
  let itemCount = 0;
  const levels = childrenOf[signal];

  /** Returns how many items the message holds. */
  const visit = (content: Uint8Array, depth: number, context: string): number => {
    const children = levels[depth];
    if (children === undefined) {
      pieces.push(`${context} item ${Buffer.from(content).toString("hex")}`);
      itemCount += 1;
      return 1;
    }
    const { header, records } = readEnvelope(content, children);
    const inner = depth === 0 ? "" : `${context}/${header}`;
    const piecesBefore = pieces.length;
    let items = 0;
    for (const { field, body } of records) {
      const found = visit(body, depth + 1, `${inner}#${field}`);
      if (found === 0) pieces.push(`${inner} empty ${field} ${Buffer.from(body).toString("hex")}`);
      items += found;
    }
    // An empty envelope counts once, at its outermost level.
    if (items === 0 && depth > 0) pieces.length = piecesBefore;
    return items;
  };
  visit(request, 0, "");
  return { pieces: pieces.sort(), itemCount, ownHeader: readEnvelope(request, [1]).header };
}

function readEnvelope(
  content: Uint8Array,
  children: readonly number[],
): { header: string; records: { field: number; body: Uint8Array }[] } {
  const reader = protobuf.Reader.create(content);
  const header: Uint8Array[] = [];
  const records: { field: number; body: Uint8Array }[] = [];
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const tag = reader.uint32();
    if (children.includes(tag >>> 3)) {
      records.push({ field: tag >>> 3, body: reader.bytes() });
    } else {
      reader.skipType(tag & 7, 0, tag >>> 3);
      header.push(content.subarray(start, reader.pos));
    }
  }
  return { header: Buffer.concat(header).toString("hex"), records };
}
