/** The loaded parts of a long run table. Rows come in blocks of fixed size; blocks not seen for long are dropped. */

import type { RunTable } from "./wire";

export const BLOCK = 1000;
const MAX_BLOCKS = 24;

export interface RowPlace {
  table: RunTable;
  at: number;
}

export class RunWindow {
  total = 0;
  #blocks = new Map<number, RunTable>();

  /** Offsets of blocks that rows `first` to `last` (not included) need and that are not here. */
  missing(first: number, last: number): number[] {
    const offsets: number[] = [];
    const end = Math.min(last, this.total);
    for (let offset = Math.floor(first / BLOCK) * BLOCK; offset < end; offset += BLOCK) {
      const block = this.#blocks.get(offset);
      if (!block) offsets.push(offset);
      else this.#touch(offset, block);
    }
    return offsets;
  }

  /** Offsets of loaded blocks that rows `first` to `last` touch; always at least the first block. */
  touched(first: number, last: number): number[] {
    const offsets: number[] = [];
    for (let offset = Math.floor(first / BLOCK) * BLOCK; offset < Math.max(last, 1); offset += BLOCK) {
      if (this.#blocks.has(offset)) offsets.push(offset);
    }
    return offsets.length ? offsets : [0];
  }

  put(offset: number, table: RunTable): void {
    this.total = table.total;
    this.#touch(offset, table);
    for (const [oldest] of this.#blocks) {
      if (this.#blocks.size <= MAX_BLOCKS) break;
      if (oldest !== 0) this.#blocks.delete(oldest);
    }
  }

  /** Row `row` of all matching rows, or undefined while it is not loaded. */
  at(row: number): RowPlace | undefined {
    const offset = Math.floor(row / BLOCK) * BLOCK;
    const table = this.#blocks.get(offset);
    return table && row - offset < table.run_id.length ? { table, at: row - offset } : undefined;
  }

  block(offset: number): RunTable | undefined {
    return this.#blocks.get(offset);
  }

  tables(): RunTable[] {
    return [...this.#blocks].sort(([a], [b]) => a - b).map(([, table]) => table);
  }

  clear(): void {
    this.#blocks.clear();
    this.total = 0;
  }

  #touch(offset: number, table: RunTable): void {
    this.#blocks.delete(offset);
    this.#blocks.set(offset, table);
  }
}

/** Whether a fresh block has the same runs in the same order. */
export function sameRows(a: RunTable, b: RunTable): boolean {
  return a.total === b.total && a.run_id.length === b.run_id.length && a.run_id.every((id, i) => id === b.run_id[i]);
}

/** The rows of `old` in their places with the values of `fresh` where it has the run: nothing moves, values live. */
export function inOldPlaces(old: RunTable, fresh: RunTable): RunTable {
  const place = new Map(fresh.run_id.map((id, i) => [id, i]));
  const from = old.run_id.map((id) => place.get(id));
  const pick = <T>(was: readonly T[], now: readonly T[] | undefined): T[] =>
    from.map((i, at) => (i === undefined || now === undefined ? was[at] : now[i]) as T);
  const pickAll = <T>(was: Record<string, (T | null)[]>, now: Record<string, (T | null)[]>): Record<string, (T | null)[]> => {
    const all: Record<string, (T | null)[]> = {};
    const nothing = old.run_id.map(() => null);
    for (const key of new Set([...Object.keys(was), ...Object.keys(now)])) {
      all[key] = pick(was[key] ?? nothing, now[key] ?? fresh.run_id.map(() => null));
    }
    return all;
  };
  return {
    total: old.total,
    run_id: old.run_id,
    experiment_id: old.experiment_id,
    run_name: pick(old.run_name, fresh.run_name),
    status: pick(old.status, fresh.status),
    lifecycle_stage: pick(old.lifecycle_stage, fresh.lifecycle_stage),
    user_id: pick(old.user_id, fresh.user_id),
    start_time: pick(old.start_time, fresh.start_time),
    end_time: pick(old.end_time, fresh.end_time),
    artifact_uri: pick(old.artifact_uri, fresh.artifact_uri),
    metrics: pickAll(old.metrics, fresh.metrics),
    params: pickAll(old.params, fresh.params),
    tags: pickAll(old.tags, fresh.tags),
  };
}
