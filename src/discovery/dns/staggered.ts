/** Several attempts at one thing, begun one after another and all awaited. */

export interface StaggeredOptions {
  /** How many attempts at most; at least one. */
  readonly attempts: number;
  /** An attempt that has not settled after this long is joined by the next; one that failed is, at once. */
  readonly staggerMs: number;
  readonly signal: AbortSignal;
}

/**
 * The first success of any attempt; the last failure when all have failed. Attempts that are no
 * longer needed are aborted. A slow answer thus still counts, and a dead server costs one stagger.
 */
export function staggered<T>(
  { attempts, staggerMs, signal }: StaggeredOptions,
  begin: (attempt: number, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const settled = new AbortController();
  const eitherSignal = AbortSignal.any([signal, settled.signal]);
  return new Promise<T>((resolve, reject) => {
    let begun = 0;
    let failed = 0;
    let timer: NodeJS.Timeout | undefined;
    const finish = (): void => {
      clearTimeout(timer);
      settled.abort();
    };
    const next = (): void => {
      clearTimeout(timer);
      // The first begins in any case: when it is too late for it, its failure says so.
      if (begun === attempts || (begun > 0 && eitherSignal.aborted)) return;
      const attempt = begun;
      begun += 1;
      if (begun < attempts) timer = setTimeout(next, staggerMs);
      begin(attempt, eitherSignal).then(
        (value) => {
          finish();
          resolve(value);
        },
        (error: unknown) => {
          failed += 1;
          next();
          if (failed === begun) {
            finish();
            reject(error);
          }
        },
      );
    };
    next();
  });
}
