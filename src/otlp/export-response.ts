/**
 * Export<Signal>ServiceResponse: `partial_success` (field 1) with the number of rejected items
 * (field 1) and a message (field 2); the same in all three signals.
 */
import { WireReader } from "../wire/reader.ts";
import { lengthDelimitedField, varintField } from "../wire/writer.ts";

const PARTIAL_SUCCESS = 1;
const REJECTED_ITEMS = 1;
const ERROR_MESSAGE = 2;

export interface PartialSuccess {
  /** Items refused for good; 0 with a message is a warning. */
  readonly rejectedItems: number;
  readonly message: string;
}

/** The response in protobuf; a full success has no partial_success at all (OTLP, Full Success). */
export function encodeExportResponse(partial: PartialSuccess | undefined): Buffer {
  if (partial === undefined) return Buffer.alloc(0);
  const fields: Buffer[] = [];
  if (partial.rejectedItems > 0) fields.push(varintField(REJECTED_ITEMS, partial.rejectedItems));
  if (partial.message !== "") fields.push(lengthDelimitedField(ERROR_MESSAGE, Buffer.from(partial.message)));
  return lengthDelimitedField(PARTIAL_SUCCESS, Buffer.concat(fields));
}

/**
 * Reads a response; undefined for a full success. A count that is negative or beyond 2^53 reads as 0
 * or as a number larger than any request, which callers bound by what they sent. Throws WireError.
 */
export function decodeExportResponse(bytes: Uint8Array): PartialSuccess | undefined {
  const response = new WireReader();
  response.reset(bytes, 0, bytes.length);
  if (!response.findLast(PARTIAL_SUCCESS)) return undefined;
  const partial = new WireReader();
  partial.reset(bytes, response.valueStart, response.valueEnd);
  let rejectedItems = 0;
  let message = "";
  while (!partial.done) {
    const tag = partial.readTag();
    if (tag === REJECTED_ITEMS << 3) {
      const count = partial.readVarint();
      // A negative int64 is a varint of ten bytes, more than 2^63; the largest one rounds to that.
      rejectedItems = count <= 2 ** 63 ? count : 0;
    } else if (tag >>> 3 === ERROR_MESSAGE) {
      const length = partial.expectLength(tag);
      const content = bytes.subarray(partial.position, partial.position + length);
      message = new TextDecoder().decode(content);
      partial.position += length;
    } else {
      partial.skip(tag);
    }
  }
  return rejectedItems === 0 && message === "" ? undefined : { rejectedItems, message };
}
