/** Counts the spans of an ExportTraceServiceRequest on the wire. */
import { WireReader } from "../../src/wire/reader.ts";

/** ResourceSpans, ScopeSpans and Span, by the field that each is in its parent. */
const path = [1, 2, 2];

export function countItems(request: Uint8Array): number {
  return count(request, 0, request.length, 0);
}

function count(bytes: Uint8Array, start: number, end: number, depth: number): number {
  const reader = new WireReader();
  reader.reset(bytes, start, end);
  let items = 0;
  while (!reader.done) {
    const tag = reader.readTag();
    if (tag >>> 3 !== path[depth]) {
      reader.skip(tag);
      continue;
    }
    const childEnd = reader.expectLength(tag) + reader.position;
    items += depth === path.length - 1 ? 1 : count(bytes, reader.position, childEnd, depth + 1);
    reader.position = childEnd;
  }
  return items;
}
