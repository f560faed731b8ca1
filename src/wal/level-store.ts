/**
 * The ledger's store on LevelDB. Its LOCK, which the operating system frees when its holder dies, is what keeps a
 * second process out of the directory. Writes are not synced unless asked: a lost one costs a repetition.
 */
import { mkdir, readdir, rm, unlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Level } from "level";
import { errorMessage } from "../base/errors.ts";
import type { LedgerStore, OpenLedgerStore } from "./ledger-store.ts";
import { WalError } from "./wal-error.ts";

/** Opening LevelDB writes some files. On a full disk this one makes room for them. */
const ballastFileName = "ballast";
const ballastBytes = 512 * 1024;

/** The ledger is small; LevelDB's default of 4 MiB would only make its logs, and a start, longer. */
const writeBufferBytes = 512 * 1024;

export const openLevelStore: OpenLedgerStore = async (directory) => {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const ballast = join(dirname(directory), ballastFileName);
  const database = await openWithRoom(directory, ballast);
  await writeFile(ballast, Buffer.alloc(ballastBytes), { mode: 0o600 }).catch(() =>
    unlink(ballast).catch(ignore),
  );
  return new LevelStore(database);
};

type Database = Level<string, string>;

/** Opens the database; failing that, once the ballast is gone; failing that, anew. */
async function openWithRoom(directory: string, ballast: string): Promise<Database> {
  try {
    return await open(directory);
  } catch (error) {
    refuseIfInUse(error, directory);
  }
  await unlink(ballast).catch(ignore);
  try {
    return await open(directory);
  } catch (error) {
    refuseIfInUse(error, directory);
  }
  await emptyDatabase(directory);
  try {
    return await open(directory);
  } catch (error) {
    refuseIfInUse(error, directory);
    throw new WalError("wal_io", `the ledger ${directory} cannot be opened: ${causeOf(error)}`, {
      cause: error,
    });
  }
}

async function open(directory: string): Promise<Database> {
  const database: Database = new Level(directory, {
    keyEncoding: "utf8",
    valueEncoding: "utf8",
    writeBufferSize: writeBufferBytes,
  });
  await database.open();
  return database;
}

/** Deletes the files of a database that cannot be opened, but for the lock that another may hold. */
async function emptyDatabase(directory: string): Promise<void> {
  for (const fileName of await readdir(directory)) {
    if (fileName !== "LOCK") await rm(join(directory, fileName), { recursive: true, force: true });
  }
}

function refuseIfInUse(error: unknown, directory: string): void {
  const cause = error instanceof Error ? error.cause : undefined;
  if (cause instanceof Error && (cause as { code?: unknown }).code === "LEVEL_LOCKED") {
    throw new WalError(
      "wal_in_use",
      `${dirname(directory)} is in use by another process: give each worker and each gateway its own directory`,
      { cause: error },
    );
  }
}

class LevelStore implements LedgerStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  entries(): AsyncIterable<readonly [string, string]> {
    return this.#database.iterator();
  }

  async write(changes: Parameters<LedgerStore["write"]>[0], sync: boolean): Promise<void> {
    await this.#database.batch([...changes], { sync });
  }

  async close(): Promise<void> {
    await this.#database.close();
  }
}

/** LevelDB's own words are in the cause. */
function causeOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return errorMessage(cause ?? error);
}

function ignore(): void {}
