/** How node:http2 serves, for both receivers: the bounds that nghttp2 and Node keep for us. */
import type { ServerOptions } from "node:http2";
import type { ByteBudget } from "../base/byte-budget.ts";

/**
 * How much of a body may arrive before its call reads it (SETTINGS_INITIAL_WINDOW_SIZE). One stream
 * carries this much a round trip: 500 MB/s at 2 ms.
 */
export const streamWindowBytes = 1024 * 1024;
/** A DATA frame of the clients that make use of it; the fewer, the less is done per byte. */
const frameBytesMax = 256 * 1024;
/**
 * What nghttp2 takes of RST_STREAM on a connection before it ends it. Clients reset streams that were
 * answered early, under overload many of them, so this is wide; Http2Connection counts those that were not.
 */
const streamResetBurst = 10_000;
const streamResetsPerSecond = 1000;
const megabyte = 1_000_000;

export interface Http2Limits {
  /** Calls at a time on one connection. */
  readonly maxConcurrentStreams: number;
  readonly headerListBytesMax: number;
  readonly budget: ByteBudget;
}

export function http2ServerOptions(limits: Http2Limits): ServerOptions {
  return {
    // Node resets streams of a connection that holds more, 10 MB by default: the budget is the bound here.
    maxSessionMemory: Math.ceil(limits.budget.limitBytes / megabyte),
    streamResetBurst,
    streamResetRate: streamResetsPerSecond,
    settings: {
      initialWindowSize: streamWindowBytes,
      maxConcurrentStreams: limits.maxConcurrentStreams,
      maxFrameSize: frameBytesMax,
      maxHeaderListSize: limits.headerListBytesMax,
      enablePush: false,
    },
  };
}
