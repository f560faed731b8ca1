/**
 * Cuts an Export request into one request for each owner, on the wire.
 *
 * One walk over the envelopes (shape.ts) finds the owner of every leaf: a whole resource, an item or a
 * data point, whatever the routing key belongs to. Neighbouring leaves of one owner become one run, an
 * envelope whose leaves all have one owner becomes a leaf itself, and what is left, a tree of runs, is
 * copied out part by part: envelope headers to each part that has something in them, runs to their
 * owner. A request of one owner is its own part, uncopied. Nothing is decoded, so whatever stands in
 * the bytes, unknown fields included, arrives as it came.
 *
 * An envelope with nothing to count in it goes with its neighbours, so that no part holds an envelope
 * that was not empty before.
 */
import { WireReader } from "../wire/reader.ts";
import { varintSize, writeVarint } from "../wire/writer.ts";
import type { EnvelopePath, Keying, UnroutableReason } from "./envelope.ts";
import { createResourceKeying } from "./keying.ts";
import { level, type RequestShape, requestShapes } from "./shape.ts";
import type { Signal } from "./signal.ts";
import { IntList, OwnerSums } from "./split-tables.ts";

/** Who owns a key: a ring, or a rule that cuts a part in two. */
export interface KeyOwners {
  /** Owners are numbered from 0 to `ownerCount` - 1. */
  readonly ownerCount: number;
  ownerOf(bytes: Uint8Array, start: number, end: number): number;
}

/** Where the parts of a request are put. */
export interface PartsMemory {
  allocateParts(sizeBytes: number): Buffer;
}

export interface SplitPart {
  readonly owner: number;
  /** One Export request; a view of a buffer that the parts of a request share. */
  readonly payload: Buffer;
  /** Spans, log records or data points. */
  readonly itemCount: number;
}

export interface SplitResult {
  readonly parts: readonly SplitPart[];
  readonly itemCount: number;
  /** Items that had no key of their own and went by their resource. */
  readonly unroutableItemCount: number;
  readonly unroutableReason: UnroutableReason | undefined;
}

/** A request cannot be cut: its headers, copied to every part, would grow it beyond reason. */
export class SplitTooLargeError extends Error {
  override readonly name = "SplitTooLargeError";
}

/** Copies of headers may make the parts together this many times the request, or this many bytes in any case. */
const growthFactorMax = 8;
const growthBytesMin = 16 * 1024 * 1024;

const NO_OWNER = -1;
const MIXED = -2;

/** Columns of the node table. A mixed node stands before the nodes inside it and names its envelope. */
const NODE = { OWNER: 0, START_OR_ENVELOPE: 1, END: 2, WIDTH: 3 } as const;
const ENVELOPE = { TAG: 0, HEADERS_FROM: 1, HEADERS_TO: 2, PARTS_FROM: 3, PARTS_TO: 4, WIDTH: 5 } as const;

const levelCount = level.DATA_POINT + 1;

export class Splitter implements EnvelopePath {
  readonly #shape: RequestShape;
  readonly #keying: Keying;
  readonly #resourceKeying = createResourceKeying();
  readonly #reader = new WireReader();

  // The path of open envelopes, which the keying reads.
  bytes: Uint8Array = new Uint8Array(0);
  readonly starts = new Int32Array(levelCount);
  readonly ends = new Int32Array(levelCount);
  readonly serials = new Float64Array(levelCount);
  metricDataField = 0;
  #walkCount = 0;

  #owners: KeyOwners = { ownerCount: 0, ownerOf: () => 0 };
  #itemCount = 0;
  #unroutableItemCount = 0;
  /** The owner of the open resource's own key, once something in it has needed that. */
  #resourceOwner = NO_OWNER;

  readonly #nodes = new IntList();
  readonly #envelopes = new IntList();
  readonly #headers = new IntList();
  readonly #envelopeParts = new IntList();
  /** For each level the header ranges of the open envelope. */
  readonly #headersOf = Array.from({ length: levelCount }, () => new IntList());
  readonly #firstNode = new Int32Array(levelCount);
  /** For each level the bytes that each owner has in the open envelope. */
  readonly #sizes = Array.from({ length: levelCount }, () => new OwnerSums());
  /** For each level the node that a neighbouring leaf may still join, or -1. */
  readonly #openRun = new Int32Array(levelCount).fill(-1);
  readonly #ownerlessBytes = new Float64Array(levelCount);
  readonly #itemCounts = new OwnerSums();
  /** The ArrayBuffer that both request and parts are in, if they are. */
  #shared: Uint8Array | undefined;
  #sourceOffset = 0;
  #targetOffset = 0;
  /** For each owner the position in the shared buffer that its next bytes go to. */
  #cursorTable = new Float64Array(0);

  constructor(signal: Signal, keying: Keying) {
    this.#shape = requestShapes[signal];
    this.#keying = keying;
  }

  /**
   * Splits one request. Not reentrant; the result refers to `payload` and to what `memory` gave, which must not change.
   * Throws WireError where the bytes are no such request, SplitTooLargeError where the parts would be out of all proportion.
   */
  split(payload: Buffer, owners: KeyOwners, memory?: PartsMemory): SplitResult {
    this.#begin(payload, owners);
    this.#walk(level.REQUEST, 0, payload.length);
    const sizes = this.#sizes[level.REQUEST]!;
    let parts: SplitPart[];
    if (sizes.size > 1) {
      parts = this.#copyParts(payload, memory);
    } else if (payload.length === 0) {
      parts = [];
    } else {
      const owner = sizes.size === 1 ? sizes.owner(0) : owners.ownerOf(payload, 0, payload.length);
      parts = [{ owner, payload, itemCount: this.#itemCount }];
    }
    return {
      parts,
      itemCount: this.#itemCount,
      unroutableItemCount: this.#unroutableItemCount,
      unroutableReason: this.#unroutableItemCount > 0 ? this.#keying.unroutableReason : undefined,
    };
  }

  #begin(payload: Buffer, owners: KeyOwners): void {
    this.bytes = payload;
    this.#owners = owners;
    this.#itemCount = 0;
    this.#unroutableItemCount = 0;
    this.#nodes.clear();
    this.#envelopes.clear();
    this.#headers.clear();
    this.#envelopeParts.clear();
    for (const sizes of this.#sizes) sizes.reset(owners.ownerCount);
    this.#ownerlessBytes.fill(0);
    this.#itemCounts.reset(owners.ownerCount);
    this.#reader.reset(payload, 0, payload.length);
  }

  /**
   * Walks the envelope at `envelopeLevel` whose content is [start, end) and notes its runs, sizes and
   * headers. Where they all have one owner, or none, the caller makes a leaf of it (`#close`).
   */
  #walk(envelopeLevel: number, start: number, end: number): void {
    const reader = this.#reader;
    const childFields = this.#shape.childFields[envelopeLevel]!;
    const childLevel = envelopeLevel + 1;
    const leaves = childLevel === this.#keying.leafLevel;
    const outerEnd = reader.end;
    this.starts[envelopeLevel] = start;
    this.ends[envelopeLevel] = end;
    this.#walkCount += 1;
    this.serials[envelopeLevel] = this.#walkCount;
    this.#firstNode[envelopeLevel] = this.#nodes.length;
    this.#openRun[envelopeLevel] = -1;
    this.#ownerlessBytes[envelopeLevel] = 0;
    this.#headersOf[envelopeLevel]!.clear();
    reader.position = start;
    reader.end = end;
    while (reader.position < end) {
      const recordStart = reader.position;
      const tag = reader.readTag();
      const isChild = tag < 128 && ((childFields >>> (tag >>> 3)) & 1) === 1;
      if (!isChild) {
        reader.skip(tag);
        this.#addHeader(envelopeLevel, recordStart, reader.position);
        continue;
      }
      const childEnd = reader.expectLength(tag) + reader.position;
      if (leaves) {
        this.#leaf(childLevel, recordStart, reader.position, childEnd);
        reader.position = childEnd;
      } else {
        this.#child(childLevel, tag, recordStart, reader.position, childEnd);
      }
    }
    reader.end = outerEnd;
    if (this.#ownerlessBytes[envelopeLevel]! > 0) this.#adoptOwnerless(envelopeLevel);
  }

  /** An envelope inside the open one: a run of the outer one where it has at most one owner, else a mixed node. */
  #child(childLevel: number, tag: number, recordStart: number, start: number, end: number): void {
    const node = this.#nodes.length;
    if (childLevel === level.METRIC_DATA) this.metricDataField = tag >>> 3;
    if (childLevel === level.RESOURCE) this.#resourceOwner = NO_OWNER;
    this.#push(MIXED, 0, 0);
    this.#walk(childLevel, start, end);
    const sizes = this.#sizes[childLevel]!;
    if (sizes.size > 1) {
      this.#closeMixed(childLevel, tag, node);
    } else {
      const owner = sizes.size === 1 ? sizes.owner(0) : NO_OWNER;
      this.#nodes.length = node;
      this.#addRun(childLevel - 1, owner, recordStart, end);
    }
    sizes.clear();
  }

  #closeMixed(childLevel: number, tag: number, node: number): void {
    const sizes = this.#sizes[childLevel]!;
    const outerSizes = this.#sizes[childLevel - 1]!;
    const { values: ranges, length } = this.#headersOf[childLevel]!;
    const envelopes = this.#envelopes;
    const envelope = envelopes.length;
    envelopes.push(tag);
    envelopes.push(this.#headers.length);
    let headerBytes = 0;
    for (let at = 0; at < length; at += 2) {
      this.#headers.push(ranges[at]!);
      this.#headers.push(ranges[at + 1]!);
      headerBytes += ranges[at + 1]! - ranges[at]!;
    }
    envelopes.push(this.#headers.length);
    envelopes.push(this.#envelopeParts.length);
    for (let index = 0; index < sizes.size; index += 1) {
      const owner = sizes.owner(index);
      const size = sizes.of(owner) + headerBytes;
      this.#envelopeParts.push(owner);
      this.#envelopeParts.push(size);
      outerSizes.add(owner, 1 + varintSize(size) + size);
    }
    envelopes.push(this.#envelopeParts.length);
    this.#nodes.values[node + NODE.START_OR_ENVELOPE] = envelope;
    this.#nodes.values[node + NODE.END] = this.#nodes.length;
    this.#openRun[childLevel - 1] = -1;
  }

  /** A message that has a key: finds its owner and counts what is in it. */
  #leaf(leafLevel: number, recordStart: number, start: number, end: number): void {
    this.starts[leafLevel] = start;
    this.ends[leafLevel] = end;
    const itemCount = leafLevel === this.#shape.itemLevel ? 1 : this.#countItems(leafLevel, start, end);
    if (itemCount === 0) {
      this.#addRun(leafLevel - 1, NO_OWNER, recordStart, end);
      return;
    }
    const keying = this.#keying;
    let owner: number;
    if (keying.find(this)) {
      owner = this.#owners.ownerOf(keying.bytes, keying.start, keying.end);
    } else {
      owner = this.#ownerByResource(leafLevel);
      this.#unroutableItemCount += itemCount;
    }
    this.#itemCount += itemCount;
    this.#itemCounts.add(owner, itemCount);
    this.#addRun(leafLevel - 1, owner, recordStart, end);
  }

  /** The owner of what has no key of its own, found once for all that is in a resource. */
  #ownerByResource(leafLevel: number): number {
    if (this.#resourceOwner === NO_OWNER || leafLevel === level.RESOURCE) {
      const keying = this.#resourceKeying;
      keying.find(this);
      this.#resourceOwner = this.#owners.ownerOf(keying.bytes, keying.start, keying.end);
    }
    return this.#resourceOwner;
  }

  /** Items inside the message at `outerLevel`, whose content is [start, end). */
  #countItems(outerLevel: number, start: number, end: number): number {
    const reader = this.#reader;
    const { itemLevel, childFields } = this.#shape;
    const outerEnd = reader.end;
    const children = childFields[outerLevel]!;
    const childrenAreItems = outerLevel + 1 === itemLevel;
    let count = 0;
    reader.position = start;
    reader.end = end;
    while (reader.position < end) {
      const tag = reader.readTag();
      if (tag >= 128 || ((children >>> (tag >>> 3)) & 1) === 0) {
        reader.skip(tag);
        continue;
      }
      const childEnd = reader.expectLength(tag) + reader.position;
      count += childrenAreItems ? 1 : this.#countItems(outerLevel + 1, reader.position, childEnd);
      reader.position = childEnd;
    }
    reader.end = outerEnd;
    return count;
  }

  #push(owner: number, startOrEnvelope: number, end: number): void {
    this.#nodes.push(owner);
    this.#nodes.push(startOrEnvelope);
    this.#nodes.push(end);
  }

  /** Adds the record [start, end) to the open envelope, to its last run where that ends here and has the same owner. */
  #addRun(envelopeLevel: number, owner: number, start: number, end: number): void {
    if (owner === NO_OWNER) this.#ownerlessBytes[envelopeLevel]! += end - start;
    else this.#sizes[envelopeLevel]!.add(owner, end - start);
    const run = this.#openRun[envelopeLevel]!;
    const nodes = this.#nodes;
    if (run >= 0 && nodes.values[run + NODE.OWNER] === owner && nodes.values[run + NODE.END] === start) {
      nodes.values[run + NODE.END] = end;
      return;
    }
    this.#openRun[envelopeLevel] = nodes.length;
    this.#push(owner, start, end);
  }

  #addHeader(envelopeLevel: number, start: number, end: number): void {
    const headers = this.#headersOf[envelopeLevel]!;
    const last = headers.length - 1;
    if (last >= 0 && headers.values[last] === start) {
      headers.values[last] = end;
      return;
    }
    headers.push(start);
    headers.push(end);
  }

  /** Gives the runs without an owner to the envelope's first owner; they stay ownerless where there is none. */
  #adoptOwnerless(envelopeLevel: number): void {
    const sizes = this.#sizes[envelopeLevel]!;
    if (sizes.size === 0) return;
    const owner = sizes.owner(0);
    sizes.add(owner, this.#ownerlessBytes[envelopeLevel]!);
    const { values, length } = this.#nodes;
    let node = this.#firstNode[envelopeLevel]!;
    while (node < length) {
      if (values[node + NODE.OWNER] === MIXED) {
        node = values[node + NODE.END]!;
        continue;
      }
      if (values[node + NODE.OWNER] === NO_OWNER) values[node + NODE.OWNER] = owner;
      node += NODE.WIDTH;
    }
  }

  #copyParts(payload: Buffer, memory: PartsMemory | undefined): SplitPart[] {
    const sizes = this.#sizes[level.REQUEST]!;
    const ownBytes = this.#ownHeaderBytes();
    // The fields of the request itself that are no resources are nobody's in particular, so the first part's;
    // but each part needs a dictionary, to which everything in it refers.
    const ownCopies = this.#shape.hasDictionary ? sizes.size : 1;
    let totalBytes = ownBytes * ownCopies;
    for (let index = 0; index < sizes.size; index += 1) totalBytes += sizes.of(sizes.owner(index));
    if (totalBytes > Math.max(growthBytesMin, payload.length * growthFactorMax)) {
      // A dictionary is often most of its request; rather whole at one of its owners than refused.
      if (this.#shape.hasDictionary) return [{ owner: sizes.owner(0), payload, itemCount: this.#itemCount }];
      throw new SplitTooLargeError(
        `its resources and scopes, copied to each of ${sizes.size} backends, would make ${totalBytes} bytes of ${payload.length}`,
      );
    }
    const target = memory?.allocateParts(totalBytes) ?? Buffer.allocUnsafeSlow(totalBytes);
    this.#copyInto(target);
    const cursors = this.#cursors(sizes, ownBytes, ownCopies);
    const ownHeaders = this.#headersOf[level.REQUEST]!;
    for (let copy = 0; copy < ownCopies; copy += 1) {
      const owner = sizes.owner(copy);
      for (let at = 0; at < ownHeaders.length; at += 2) {
        cursors[owner] = this.#copy(target, cursors[owner]!, ownHeaders, at);
      }
    }
    this.#copyNodes(target, cursors);
    const parts: SplitPart[] = [];
    let start = 0;
    for (let index = 0; index < sizes.size; index += 1) {
      const owner = sizes.owner(index);
      const end = cursors[owner]!;
      parts.push({ owner, payload: target.subarray(start, end), itemCount: this.#itemCounts.of(owner) });
      start = end;
    }
    return parts;
  }

  #ownHeaderBytes(): number {
    const { values, length } = this.#headersOf[level.REQUEST]!;
    let sizeBytes = 0;
    for (let at = 0; at < length; at += 2) sizeBytes += values[at + 1]! - values[at]!;
    return sizeBytes;
  }

  /** Where each owner's part begins in the shared buffer, of which the first `ownCopies` begin with the request's own fields. */
  #cursors(sizes: OwnerSums, ownBytes: number, ownCopies: number): Float64Array {
    if (this.#cursorTable.length < this.#owners.ownerCount) {
      this.#cursorTable = new Float64Array(this.#owners.ownerCount);
    }
    let position = 0;
    for (let index = 0; index < sizes.size; index += 1) {
      const owner = sizes.owner(index);
      this.#cursorTable[owner] = position;
      position += sizes.of(owner) + (index < ownCopies ? ownBytes : 0);
    }
    return this.#cursorTable;
  }

  #copyNodes(target: Buffer, cursors: Float64Array): void {
    const { values: nodes, length } = this.#nodes;
    for (let node = 0; node < length; node += NODE.WIDTH) {
      const owner = nodes[node + NODE.OWNER]!;
      if (owner === MIXED) this.#openEnvelope(target, cursors, nodes[node + NODE.START_OR_ENVELOPE]!);
      else cursors[owner] = this.#copy(target, cursors[owner]!, this.#nodes, node + NODE.START_OR_ENVELOPE);
    }
  }

  /** Begins an envelope in each part that has something in it: tag, length, headers. */
  #openEnvelope(target: Buffer, cursors: Float64Array, envelope: number): void {
    const columns = this.#envelopes.values;
    const parts = this.#envelopeParts.values;
    const headersFrom = columns[envelope + ENVELOPE.HEADERS_FROM]!;
    const headersTo = columns[envelope + ENVELOPE.HEADERS_TO]!;
    const partsTo = columns[envelope + ENVELOPE.PARTS_TO]!;
    let copiedFrom = 0;
    let copiedTo = 0;
    for (let part = columns[envelope + ENVELOPE.PARTS_FROM]!; part < partsTo; part += 2) {
      const owner = parts[part]!;
      let cursor = cursors[owner]!;
      target[cursor++] = columns[envelope + ENVELOPE.TAG]!;
      cursor = writeVarint(target, cursor, parts[part + 1]!);
      if (copiedTo === 0) {
        copiedFrom = cursor;
        for (let at = headersFrom; at < headersTo; at += 2) {
          cursor = this.#copy(target, cursor, this.#headers, at);
        }
        copiedTo = cursor;
      } else {
        // From the first part, where they are in one piece, however many there were between the children.
        target.copyWithin(cursor, copiedFrom, copiedTo);
        cursor += copiedTo - copiedFrom;
      }
      cursors[owner] = cursor;
    }
  }

  /** Copies the range of the request that stands at `at` of a table; returns the position after it. */
  #copy(target: Buffer, cursor: number, ranges: IntList, at: number): number {
    const start = ranges.values[at]!;
    const end = ranges.values[at + 1]!;
    if (this.#shared === undefined) target.set(this.bytes.subarray(start, end), cursor);
    else {
      this.#shared.copyWithin(
        this.#targetOffset + cursor,
        this.#sourceOffset + start,
        this.#sourceOffset + end,
      );
    }
    return cursor + end - start;
  }

  /** Copying within one ArrayBuffer needs no views, and costs half. */
  #copyInto(target: Buffer): void {
    const { buffer, byteOffset } = this.bytes;
    this.#shared = buffer === target.buffer ? new Uint8Array(buffer) : undefined;
    this.#sourceOffset = byteOffset;
    this.#targetOffset = target.byteOffset;
  }
}
