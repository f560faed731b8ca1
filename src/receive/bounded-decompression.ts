/** Decompression that holds no byte outside the budget, whatever the content claims about its size. */
import {
  CompressionError,
  type ContentCoding,
  decompress,
  decompressedSizeHint,
} from "../base/compression.ts";
import type { Reservation } from "./reservation.ts";

/** Where the content was larger than it said, or said nothing, the next attempt may be this much larger. */
const boundGrowth = 4;
const boundBytesMin = 64 * 1024;

export type DecompressionFault = "too_large" | "corrupt" | "over_budget";

/**
 * The content of `bytes`, at most `sizeBytesMax` of it; `reservation` grows by its size. An honest
 * size is reserved and the content decompressed once; otherwise again with a larger reservation each
 * time, up to the limit.
 */
export function decompressWithinBudget(
  coding: ContentCoding,
  bytes: Buffer,
  sizeBytesMax: number,
  reservation: Reservation,
): Buffer | DecompressionFault {
  const heldBytes = reservation.heldBytes;
  let boundBytes = decompressedSizeHint(coding, bytes, sizeBytesMax);
  for (;;) {
    if (!reservation.tryGrow(heldBytes + boundBytes - reservation.heldBytes)) return "over_budget";
    try {
      const content = decompress(coding, bytes, boundBytes);
      reservation.shrinkTo(heldBytes + content.length);
      return content;
    } catch (thrown) {
      if (!(thrown instanceof CompressionError)) throw thrown;
      if (thrown.reason === "corrupt" || boundBytes >= sizeBytesMax) return thrown.reason;
      boundBytes = Math.min(Math.max(boundBytes * boundGrowth, boundBytesMin), sizeBytesMax);
    }
  }
}
