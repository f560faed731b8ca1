/** The first bytes of a segment: which log, which version, whose chain. */
import { crc32 } from "node:zlib";
import {
  chainNameBytesMax,
  checksumSeed,
  formatVersion,
  identityBytes,
  segmentLayout as layout,
  preambleBytes,
  segmentHeaderBytesMax,
  segmentHeaderBytesMin,
} from "./format.ts";
import { WalError } from "./wal-error.ts";

export type SegmentHeader =
  | {
      readonly kind: "valid";
      readonly identity: Buffer;
      readonly chain: string;
      readonly headerBytes: number;
    }
  /** Whole, of a version that this release does not know. */
  | { readonly kind: "newer"; readonly version: number }
  | { readonly kind: "damaged" };

/** @throws {WalError} wal_invalid_record for a name that is too long. */
export function encodeSegmentHeader(identity: Buffer, chain: string): Buffer {
  const chainBytes = Buffer.byteLength(chain);
  if (chainBytes > chainNameBytesMax) {
    throw new WalError("wal_invalid_record", `a chain's name has at most ${chainNameBytesMax} bytes`);
  }
  const header = Buffer.alloc(segmentHeaderBytesMin + chainBytes);
  header.writeUInt32LE(layout.magic, layout.magicAt);
  header.writeUInt16LE(formatVersion, layout.versionAt);
  header.writeUInt16LE(header.length, layout.headerBytesAt);
  identity.copy(header, layout.identityAt);
  header.writeUInt32LE(crc32(header.subarray(0, layout.preambleCrcAt)), layout.preambleCrcAt);
  header.write(chain, layout.chainAt);
  const crcAt = header.length - layout.headerCrcBytes;
  header.writeUInt32LE(crc32(header.subarray(0, crcAt), checksumSeed(identity)), crcAt);
  return header;
}

/** Reads a header from the first bytes of a file, of which `segmentHeaderBytesMax` are enough. */
export function decodeSegmentHeader(bytes: Buffer): SegmentHeader {
  if (bytes.length < preambleBytes) return { kind: "damaged" };
  if (bytes.readUInt32LE(layout.magicAt) !== layout.magic) return { kind: "damaged" };
  if (crc32(bytes.subarray(0, layout.preambleCrcAt)) !== bytes.readUInt32LE(layout.preambleCrcAt)) {
    return { kind: "damaged" };
  }
  const version = bytes.readUInt16LE(layout.versionAt);
  if (version > formatVersion) return { kind: "newer", version };
  const headerBytes = bytes.readUInt16LE(layout.headerBytesAt);
  if (headerBytes < segmentHeaderBytesMin || headerBytes > Math.min(segmentHeaderBytesMax, bytes.length)) {
    return { kind: "damaged" };
  }
  const identity = Buffer.from(bytes.subarray(layout.identityAt, layout.identityAt + identityBytes));
  const crcAt = headerBytes - layout.headerCrcBytes;
  if (crc32(bytes.subarray(0, crcAt), checksumSeed(identity)) !== bytes.readUInt32LE(crcAt)) {
    return { kind: "damaged" };
  }
  return { kind: "valid", identity, chain: bytes.toString("utf8", layout.chainAt, crcAt), headerBytes };
}

/** What a record may cost beside its own bytes: the header of a segment that begins with it. */
export function segmentOverheadBytes(chain: string): number {
  return segmentHeaderBytesMin + Buffer.byteLength(chain);
}
