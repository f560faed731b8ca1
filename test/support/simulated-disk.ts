/**
 * A disk in memory that takes every liberty that the contract of `Disk` leaves. What was not synced is, after a
 * crash, there or not, write by write and in any order, torn at any byte, or zeros where it should be; names that
 * were not synced likewise. It can fail, and run out of space, on demand. Everything random comes from a seed.
 */
import { posix } from "node:path";
import type { Disk, DiskFile } from "../../src/wal/disk.ts";
import type { LedgerChange, LedgerStore, OpenLedgerStore } from "../../src/wal/ledger-store.ts";
import { WalError } from "../../src/wal/wal-error.ts";

/** Numbers from 0 (included) to 1 (excluded) that a seed determines (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

type FileChange =
  | { readonly kind: "write"; readonly position: number; readonly bytes: Buffer }
  | { readonly kind: "truncate"; readonly sizeBytes: number };

/** A file, whatever it is called. */
interface Inode {
  /** As processes see it. */
  content: Buffer;
  /** As the platter has it. */
  durable: Buffer;
  pending: FileChange[];
}

type NameChange =
  | { readonly kind: "link"; readonly path: string; readonly inode: Inode }
  | { readonly kind: "unlink"; readonly path: string }
  | { readonly kind: "rename"; readonly from: string; readonly to: string };

/** What happens on the disk, so that tests can look at, or end, everything just before it. */
export type DiskOperation = "create" | "write" | "sync" | "syncDirectory" | "rename" | "unlink" | "truncate";

export interface SimulatedDiskOptions {
  readonly random: () => number;
  /** Bytes that all files may take together. Default: no limit. */
  readonly capacityBytes?: number;
  /** Says that it has done so and has not: what a log sees that does not wait for it. */
  readonly liesAbout?: "sync" | "syncDirectory";
}

export class SimulatedDisk implements Disk {
  readonly random: () => number;
  readonly liesAbout: SimulatedDiskOptions["liesAbout"];
  capacityBytes: number;
  /** Called before each operation takes effect. What it throws, the operation fails with. */
  onOperation: (operation: DiskOperation, path: string) => void = () => undefined;
  /** Called with the bytes of every read. */
  onRead: (sizeBytes: number) => void = () => undefined;
  /** The next write ends after so many bytes, without an error. */
  nextWriteBytesMax: number | undefined;
  #names = new Map<string, Inode>();
  #durableNames = new Map<string, Inode>();
  #pendingNames: NameChange[] = [];
  readonly #directories = new Set<string>(["/"]);
  readonly #ledgers = new Map<string, SimulatedLedger>();

  constructor({ random, capacityBytes = Number.POSITIVE_INFINITY, liesAbout }: SimulatedDiskOptions) {
    this.random = random;
    this.liesAbout = liesAbout;
    this.capacityBytes = capacityBytes;
  }

  get usedBytes(): number {
    let sum = 0;
    for (const { content } of this.#names.values()) sum += content.length;
    return sum;
  }

  /** A disk as a crash at this moment may leave it. This one goes on as if nothing had happened. */
  crashImage(random: () => number): SimulatedDisk {
    const image = new SimulatedDisk({ random, capacityBytes: this.capacityBytes });
    const copies = new Map<Inode, Inode>();
    const copyOf = (inode: Inode): Inode => {
      const content = afterCrash(inode, random);
      const copy = copies.get(inode) ?? { content, durable: content, pending: [] };
      copies.set(inode, copy);
      return copy;
    };
    const names = new Map(this.#durableNames);
    for (const change of this.#pendingNames) if (random() < 0.5) applyNameChange(names, change);
    for (const [path, inode] of names) image.#names.set(path, copyOf(inode));
    image.#durableNames = new Map(image.#names);
    for (const directory of this.#directories) image.#directories.add(directory);
    for (const [directory, ledger] of this.#ledgers) image.#ledgers.set(directory, ledger.crashImage(random));
    return image;
  }

  /** Takes away, or alters, what a file holds, durably: what a bad sector or a careless hand does. */
  alterFile(path: string, alter: (content: Buffer) => Buffer | undefined): void {
    const content = alter(Buffer.from(this.#inode(path).content));
    if (content === undefined) {
      this.#names.delete(path);
      this.#durableNames.delete(path);
    } else {
      const inode = { content, durable: content, pending: [] };
      this.#names.set(path, inode);
      this.#durableNames.set(path, inode);
    }
  }

  fileNames(directory: string): string[] {
    const prefix = `${directory}/`;
    return [...this.#names.keys()]
      .filter((path) => path.startsWith(prefix) && !path.slice(prefix.length).includes("/"))
      .map((path) => path.slice(prefix.length))
      .sort();
  }

  contentOf(path: string): Buffer {
    return this.#inode(path).content;
  }

  /** Ledgers live beside the files, and are as lossy. */
  readonly openLedgerStore: OpenLedgerStore = async (directory) => {
    const ledger = this.#ledgers.get(directory) ?? new SimulatedLedger();
    this.#ledgers.set(directory, ledger);
    ledger.open(directory);
    return ledger;
  };

  /** All of a directory's ledger is lost. */
  loseLedger(directory: string): void {
    this.#ledgers.delete(directory);
  }

  async makeDirectory(path: string): Promise<void> {
    for (let at = path; at !== "/"; at = posix.dirname(at)) this.#directories.add(at);
  }

  async readDirectory(path: string): Promise<string[]> {
    if (!this.#directories.has(path)) throw systemError("ENOENT", path);
    const children = [...this.#directories].filter(
      (other) => other !== path && posix.dirname(other) === path,
    );
    return [...this.fileNames(path), ...children.map((child) => posix.basename(child))];
  }

  async syncDirectory(path: string): Promise<void> {
    this.onOperation("syncDirectory", path);
    if (this.liesAbout === "syncDirectory") return;
    // A file system with a journal commits in order: what came before goes along, of whatever directory.
    const last = this.#pendingNames.findLastIndex((change) => directoriesOf(change).includes(path));
    for (const change of this.#pendingNames.splice(0, last + 1)) applyNameChange(this.#durableNames, change);
  }

  async createFile(path: string): Promise<DiskFile> {
    this.onOperation("create", path);
    if (this.#names.has(path)) throw systemError("EEXIST", path);
    const inode: Inode = { content: Buffer.alloc(0), durable: Buffer.alloc(0), pending: [] };
    this.#changeName({ kind: "link", path, inode });
    return new SimulatedFile(this, path, inode);
  }

  async openFile(path: string): Promise<DiskFile> {
    return new SimulatedFile(this, path, this.#inode(path));
  }

  async rename(from: string, to: string): Promise<void> {
    this.onOperation("rename", from);
    this.#inode(from);
    this.#changeName({ kind: "rename", from, to });
  }

  async unlink(path: string): Promise<void> {
    this.onOperation("unlink", path);
    this.#inode(path);
    this.#changeName({ kind: "unlink", path });
  }

  async freeBytes(): Promise<number> {
    return Math.max(Math.min(this.capacityBytes, Number.MAX_SAFE_INTEGER) - this.usedBytes, 0);
  }

  #changeName(change: NameChange): void {
    applyNameChange(this.#names, change);
    this.#pendingNames.push(change);
  }

  #inode(path: string): Inode {
    const inode = this.#names.get(path);
    if (inode === undefined) throw systemError("ENOENT", path);
    return inode;
  }
}

class SimulatedFile implements DiskFile {
  readonly #disk: SimulatedDisk;
  readonly #path: string;
  readonly #inode: Inode;
  #isOpen = true;

  constructor(disk: SimulatedDisk, path: string, inode: Inode) {
    this.#disk = disk;
    this.#path = path;
    this.#inode = inode;
  }

  async sizeBytes(): Promise<number> {
    return this.#inode.content.length;
  }

  async write(buffers: readonly Buffer[], position: number): Promise<number> {
    this.#assertOpen();
    // The bytes as they are when the call is made.
    const bytes = Buffer.concat(buffers);
    this.#disk.onOperation("write", this.#path);
    const growthBytes = Math.max(position + bytes.length - this.#inode.content.length, 0);
    const roomBytes = this.#disk.capacityBytes - this.#disk.usedBytes;
    if (growthBytes > 0 && roomBytes <= 0) throw systemError("ENOSPC", this.#path);
    const shortBytes = this.#disk.nextWriteBytesMax ?? bytes.length;
    this.#disk.nextWriteBytesMax = undefined;
    const writtenBytes = Math.min(bytes.length, shortBytes, bytes.length - growthBytes + roomBytes);
    this.#change({ kind: "write", position, bytes: bytes.subarray(0, writtenBytes) });
    return writtenBytes;
  }

  async sync(): Promise<void> {
    this.#assertOpen();
    try {
      this.#disk.onOperation("sync", this.#path);
    } catch (error) {
      // The pages are clean now, though some never reached the platter; readers go on seeing them.
      this.#inode.durable = afterCrash(this.#inode, this.#disk.random);
      this.#inode.pending = [];
      throw error;
    }
    if (this.#disk.liesAbout === "sync") return;
    for (const change of this.#inode.pending) this.#inode.durable = applied(this.#inode.durable, change);
    this.#inode.pending = [];
  }

  async read(target: Buffer, position: number): Promise<number> {
    this.#assertOpen();
    const readBytes = this.#inode.content.copy(target, 0, position);
    this.#disk.onRead(readBytes);
    return readBytes;
  }

  async truncate(sizeBytes: number): Promise<void> {
    this.#assertOpen();
    this.#disk.onOperation("truncate", this.#path);
    this.#change({ kind: "truncate", sizeBytes });
  }

  async close(): Promise<void> {
    this.#assertOpen();
    this.#isOpen = false;
  }

  #change(change: FileChange): void {
    this.#inode.content = applied(this.#inode.content, change);
    this.#inode.pending.push(change);
  }

  #assertOpen(): void {
    if (!this.#isOpen) throw systemError("EBADF", this.#path);
  }
}

/** A ledger that keeps, after a crash, any number of its last batches that were not synced, or nothing at all. */
class SimulatedLedger implements LedgerStore {
  #content: Map<string, string>;
  #durable: Map<string, string>;
  #pending: (readonly LedgerChange[])[] = [];
  #isOpen = false;

  constructor(content: ReadonlyMap<string, string> = new Map()) {
    this.#content = new Map(content);
    this.#durable = new Map(content);
  }

  open(directory: string): void {
    if (this.#isOpen) throw new WalError("wal_in_use", `${directory} is in use`);
    this.#isOpen = true;
  }

  async *entries(): AsyncIterable<readonly [string, string]> {
    yield* [...this.#content].sort(([a], [b]) => (a < b ? -1 : 1));
  }

  async write(changes: readonly LedgerChange[], sync: boolean): Promise<void> {
    applyLedgerChanges(this.#content, changes);
    this.#pending.push(changes);
    if (!sync) return;
    for (const batch of this.#pending.splice(0)) applyLedgerChanges(this.#durable, batch);
  }

  async close(): Promise<void> {
    this.#isOpen = false;
  }

  crashImage(random: () => number): SimulatedLedger {
    if (random() < 0.1) return new SimulatedLedger();
    const content = new Map(this.#durable);
    const kept = Math.floor(random() * (this.#pending.length + 1));
    for (const batch of this.#pending.slice(0, kept)) applyLedgerChanges(content, batch);
    return new SimulatedLedger(content);
  }
}

export function systemError(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}

/** What the platter may hold after a crash: each change that was not synced whole, in part, as zeros, or not at all. */
function afterCrash({ durable, pending }: Inode, random: () => number): Buffer {
  let content = durable;
  for (const change of pending) {
    const fate = random();
    if (change.kind === "truncate") {
      if (fate < 0.5) content = applied(content, change);
      continue;
    }
    const { position, bytes } = change;
    if (fate < 0.3) content = applied(content, change);
    else if (fate < 0.5) content = applied(content, tornAt(change, Math.floor(random() * bytes.length)));
    else if (fate < 0.6) content = applied(content, lateHalf(change, Math.floor(random() * bytes.length)));
    else if (fate < 0.8)
      content = applied(content, { kind: "write", position, bytes: Buffer.alloc(bytes.length) });
  }
  return content;
}

type Write = Extract<FileChange, { kind: "write" }>;

function tornAt({ position, bytes }: Write, sizeBytes: number): FileChange {
  return { kind: "write", position, bytes: bytes.subarray(0, sizeBytes) };
}

function lateHalf({ position, bytes }: Write, from: number): FileChange {
  return { kind: "write", position: position + from, bytes: bytes.subarray(from) };
}

function applied(content: Buffer, change: FileChange): Buffer {
  if (change.kind === "truncate") return Buffer.from(content.subarray(0, change.sizeBytes));
  const { position, bytes } = change;
  const next = Buffer.alloc(Math.max(content.length, position + bytes.length));
  content.copy(next);
  bytes.copy(next, position);
  return next;
}

function directoriesOf(change: NameChange): string[] {
  if (change.kind === "rename") return [posix.dirname(change.from), posix.dirname(change.to)];
  return [posix.dirname(change.path)];
}

function applyNameChange(names: Map<string, Inode>, change: NameChange): void {
  switch (change.kind) {
    case "link":
      names.set(change.path, change.inode);
      break;
    case "unlink":
      names.delete(change.path);
      break;
    case "rename": {
      const inode = names.get(change.from);
      if (inode === undefined) break;
      names.delete(change.from);
      names.set(change.to, inode);
      break;
    }
  }
}

function applyLedgerChanges(content: Map<string, string>, changes: readonly LedgerChange[]): void {
  for (const change of changes) {
    if (change.type === "put") content.set(change.key, change.value);
    else content.delete(change.key);
  }
}
