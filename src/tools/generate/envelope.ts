/**
 * Requests put together from encoded parts. The three signals share one frame, down to the field numbers:
 *
 *     request        { 1: resource envelope }
 *     resource env.  { 1: resource, 2: scope envelope …, 3: schema_url }
 *     scope env.     { 1: scope, 2: item … }
 *
 * The tests decode what comes out with protobufjs.
 */

import { messageCodec } from "../otlp-proto.ts";
import { resourceSchemaUrl, type ServiceInstance, scopeKinds } from "./shop.ts";

/** Tags of length-delimited fields 1, 2 and 3; each is one byte. */
const tags = { first: 0x0a, second: 0x12, third: 0x1a } as const;

/** An item with its tag and length in front, ready to be copied. */
export interface FramedItem {
  readonly bytes: Buffer;
  /** Where the item's own bytes begin. */
  readonly bodyOffset: number;
}

export function frameItem(encoded: Buffer): FramedItem {
  const bytes = field(tags.second, encoded);
  return { bytes, bodyOffset: bytes.length - encoded.length };
}

/** The constant parts of one service's requests. */
export class Envelope {
  readonly #resource: Buffer;
  readonly #schemaUrl: Buffer;
  readonly #scopes: readonly Buffer[];

  constructor(encodedResource: Buffer, schemaUrl: string, encodedScopes: readonly Buffer[]) {
    this.#resource = field(tags.first, encodedResource);
    this.#schemaUrl = field(tags.third, Buffer.from(schemaUrl));
    this.#scopes = encodedScopes.map((scope) => field(tags.first, scope));
  }

  /**
   * A request of one resource. `itemsByScope` has the items of each scope, in the order of the
   * constructor's scopes; a scope without items is left out. `place` is called for every item
   * with the request and the offset of the item's body, to patch it.
   */
  build<Item>(
    itemsByScope: readonly (readonly Item[])[],
    framed: (item: Item) => FramedItem,
    place: (request: Buffer, bodyOffset: number, item: Item) => void,
  ): Buffer {
    const scopeBytes = itemsByScope.map((items, scope) =>
      items.reduce((total, item) => total + framed(item).bytes.length, this.#scopes[scope]!.length),
    );
    const present = itemsByScope.map((items) => items.length > 0);
    const resourceBytes = scopeBytes.reduce(
      (total, bytes, scope) => (present[scope] ? total + 1 + varintBytes(bytes) + bytes : total),
      this.#resource.length + this.#schemaUrl.length,
    );
    const request = Buffer.allocUnsafe(1 + varintBytes(resourceBytes) + resourceBytes);
    let offset = writeHead(request, 0, tags.first, resourceBytes);
    offset += this.#resource.copy(request, offset);
    itemsByScope.forEach((items, scope) => {
      if (!present[scope]) return;
      offset = writeHead(request, offset, tags.second, scopeBytes[scope]!);
      offset += this.#scopes[scope]!.copy(request, offset);
      for (const item of items) {
        const { bytes, bodyOffset } = framed(item);
        bytes.copy(request, offset);
        place(request, offset + bodyOffset, item);
        offset += bytes.length;
      }
    });
    this.#schemaUrl.copy(request, offset);
    return request;
  }
}

/** The constant parts of a service's requests, for any signal; scopes in the order of `scopeKinds`. */
export function serviceEnvelope(service: ServiceInstance): Envelope {
  const scope = messageCodec("opentelemetry.proto.common.v1.InstrumentationScope");
  return new Envelope(
    messageCodec("opentelemetry.proto.resource.v1.Resource").encode(service.resource),
    resourceSchemaUrl,
    scopeKinds.map((kind) => scope.encode(service.scopes[kind])),
  );
}

function field(tag: number, content: Buffer): Buffer {
  const head = Buffer.alloc(1 + varintBytes(content.length));
  writeHead(head, 0, tag, content.length);
  return Buffer.concat([head, content]);
}

/** Writes a tag and a length, and answers the offset behind them. */
function writeHead(target: Buffer, offset: number, tag: number, length: number): number {
  target[offset] = tag;
  let next = offset + 1;
  let rest = length;
  while (rest > 0x7f) {
    target[next] = (rest & 0x7f) | 0x80;
    next += 1;
    rest = Math.floor(rest / 128);
  }
  target[next] = rest;
  return next + 1;
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest > 0x7f; rest = Math.floor(rest / 128)) bytes += 1;
  return bytes;
}
