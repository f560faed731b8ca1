/** The key-value store under the ledger. */

export type LedgerChange =
  | { readonly type: "put"; readonly key: string; readonly value: string }
  | { readonly type: "del"; readonly key: string };

/**
 * While it is open nobody else has the same store open. What it holds may be stale after a crash (changes since
 * the last synced batch are lost from some point on), or gone altogether.
 */
export interface LedgerStore {
  /** Everything in it, in the order of the keys. */
  entries(): AsyncIterable<readonly [key: string, value: string]>;
  /** All of the changes or none; durable when `sync` is set and the promise resolves. */
  write(changes: readonly LedgerChange[], sync: boolean): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens the store in a directory, made where it is missing. A store that is damaged is begun anew.
 * Rejects with WalError `wal_in_use` while another holds it.
 */
export type OpenLedgerStore = (directory: string) => Promise<LedgerStore>;
