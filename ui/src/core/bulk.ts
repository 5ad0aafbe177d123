/** One thing done to many runs, a few at a time. */

export interface Outcome {
  done: string[];
  failed: string[];
  /** Why the first of them failed. */
  failure: unknown;
}

/**
 * Calls `work` for all ids in lots of `size`, `atOnce` at a time, and tells after each how many are done. Ends early
 * when `signal` says so: what was not begun is in neither list.
 */
export async function forAll(
  ids: readonly string[],
  work: (lot: string[]) => Promise<unknown>,
  options: { size?: number; atOnce?: number; told?: (done: number) => void; signal?: AbortSignal } = {},
): Promise<Outcome> {
  const { size = 1, atOnce = 6, told, signal } = options;
  const outcome: Outcome = { done: [], failed: [], failure: undefined };
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < ids.length && !signal?.aborted) {
      const lot = ids.slice(next, (next += size));
      try {
        await work(lot);
        outcome.done.push(...lot);
      } catch (error) {
        outcome.failure ??= error;
        outcome.failed.push(...lot);
      }
      told?.(outcome.done.length + outcome.failed.length);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return outcome;
}
