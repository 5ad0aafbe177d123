/**
 * The loaded parts of a long run table. Rows come in blocks of fixed size, with only the columns that were asked for;
 * blocks not seen for long are dropped.
 */

import type { Span } from "./grid_layout";
import type { MetricStats, RunOutline, RunTable } from "./wire";

export const BLOCK = 100;
const MAX_BLOCKS = 120;

/** A group of runs, as its row shows it. */
export interface GroupPlace {
  id: string;
  runs: number;
  values: Record<string, string | null>;
  /** Of a metric's column, by its name. */
  stats: (name: string) => Stats | null;
}

export interface Stats {
  count: number;
  mean: MetricStats["mean"][number];
  std: MetricStats["std"][number];
  min: MetricStats["min"][number];
  max: MetricStats["max"][number];
}

export interface RowPlace {
  table: RunTable;
  /** Place in the table; that of a group is none. */
  at: number;
  depth: number;
  /** Rows directly below, whether open or not. */
  below: number;
  group?: GroupPlace;
}

/** What a block is made of, and which columns came with it. */
export class Block {
  readonly #rows: RowPlace[] | null;

  constructor(
    readonly table: RunTable,
    readonly columns: ReadonlySet<string>,
    readonly outline: RunOutline | null = null,
  ) {
    this.#rows = outline && placesOf(outline, table);
  }

  get size(): number {
    return this.#rows?.length ?? this.table.run_id.length;
  }

  row(at: number): RowPlace {
    return this.#rows?.[at] ?? { table: this.table, at, depth: 0, below: 0 };
  }

  id(at: number): string {
    const { group, table, at: place } = this.row(at);
    return group ? `group ${group.id}` : (table.run_id[place] ?? "");
  }

  /** The same rows with other values. */
  with(table: RunTable, columns: ReadonlySet<string>): Block {
    return new Block(table, columns, this.outline);
  }
}

function placesOf(outline: RunOutline, table: RunTable): RowPlace[] {
  let groups = 0;
  return outline.run.map((at, row) => {
    const [depth, below] = [outline.depth[row] ?? 0, outline.below[row] ?? 0];
    return at === null ? { table, at: -1, depth, below, group: groupAt(outline, groups++) } : { table, at, depth, below };
  });
}

function groupAt({ groups }: RunOutline, at: number): GroupPlace {
  return {
    id: groups.id[at] ?? "",
    runs: groups.runs[at] ?? 0,
    values: Object.fromEntries(Object.entries(groups.values).map(([key, column]) => [key, column[at] ?? null])),
    stats: (name) => {
      const found = groups.metrics[name];
      if (!found) return null;
      const of = <T>(column: readonly T[]): T | null => column[at] ?? null;
      return { count: found.count[at] ?? 0, mean: of(found.mean), std: of(found.std), min: of(found.min), max: of(found.max) };
    },
  };
}

/** A block that is missing, or some columns of one. */
export interface Missing {
  offset: number;
  columns: string[];
}

export class RunWindow {
  /** Rows in all. */
  total = 0;
  #blocks = new Map<number, Block>();
  /** Blocks whose values may be others by now, but for those in some rows. */
  #old = new Map<number, Span>();

  /** What rows `first` to `last` (not included) need with these columns and is not here; what is old counts `inSight`. */
  missing(first: number, last: number, columns: readonly string[], inSight: Span = { first, last }): Missing[] {
    const found: Missing[] = [];
    const end = Math.min(last, this.total);
    for (let offset = Math.floor(first / BLOCK) * BLOCK; offset < end; offset += BLOCK) {
      const block = this.#blocks.get(offset);
      const old = this.#isOld(offset, inSight);
      const lacking = block && !old ? columns.filter((each) => !block.columns.has(each)) : [...columns];
      if (!block || old || lacking.length) found.push({ offset, columns: lacking });
      if (block) this.#touch(offset, block);
    }
    return found;
  }

  /** Offsets of loaded blocks that rows `first` to `last` touch; always at least the first block. */
  touched(first: number, last: number): number[] {
    const offsets: number[] = [];
    for (let offset = Math.floor(first / BLOCK) * BLOCK; offset < Math.max(last, 1); offset += BLOCK) {
      if (this.#blocks.has(offset)) offsets.push(offset);
    }
    return offsets.length ? offsets : [0];
  }

  /** Takes a block; where the same rows are here already, it adds its columns to theirs. */
  put(offset: number, fresh: Block, total: number): void {
    this.total = total;
    const old = this.#blocks.get(offset);
    this.#old.delete(offset);
    const both = old && sameRows(old, fresh) ? fresh.with(joined(old.table, fresh.table), new Set([...old.columns, ...fresh.columns])) : fresh;
    this.#touch(offset, both);
    for (const [oldest] of this.#blocks) {
      if (this.#blocks.size <= MAX_BLOCKS) break;
      if (oldest !== 0) this.#blocks.delete(oldest);
    }
  }

  /** Puts in what stands in its old place. */
  replace(offset: number, block: Block): void {
    this.#blocks.set(offset, block);
  }

  /** All that is here but the rows `fresh` may have other values now: it shows on, and is missing once it is in sight. */
  age(fresh: Span): void {
    for (const offset of this.#blocks.keys()) this.#old.set(offset, fresh);
  }

  #isOld(offset: number, { first, last }: Span): boolean {
    const fresh = this.#old.get(offset);
    const [from, to] = [Math.max(first, offset), Math.min(last, offset + BLOCK, this.total)];
    return fresh !== undefined && from < to && (from < fresh.first || to > fresh.last);
  }

  /** Row `row` of all rows, or undefined while it is not loaded. */
  at(row: number): RowPlace | undefined {
    const offset = Math.floor(row / BLOCK) * BLOCK;
    const block = this.#blocks.get(offset);
    return block && row - offset < block.size ? block.row(row - offset) : undefined;
  }

  /** What row `row` is, empty while it is not loaded. */
  id(row: number): string {
    const offset = Math.floor(row / BLOCK) * BLOCK;
    const block = this.#blocks.get(offset);
    return block && row - offset < block.size ? block.id(row - offset) : "";
  }

  block(offset: number): Block | undefined {
    return this.#blocks.get(offset);
  }

  tables(): RunTable[] {
    return [...this.#blocks].sort(([a], [b]) => a - b).map(([, block]) => block.table);
  }

  clear(): void {
    this.#blocks.clear();
    this.#old.clear();
    this.total = 0;
  }

  #touch(offset: number, block: Block): void {
    this.#blocks.delete(offset);
    this.#blocks.set(offset, block);
  }
}

/** Whether two blocks have the same rows in the same order. */
export function sameRows(a: Block, b: Block): boolean {
  if (a.size !== b.size) return false;
  for (let at = 0; at < a.size; at++) if (a.id(at) !== b.id(at)) return false;
  return true;
}

/** The columns of both; where both have one, the later. The runs are the same. */
function joined(old: RunTable, fresh: RunTable): RunTable {
  return {
    ...fresh,
    metrics: { ...old.metrics, ...fresh.metrics },
    params: { ...old.params, ...fresh.params },
    tags: { ...old.tags, ...fresh.tags },
  };
}

/** The rows of `old` in their places with the values of `fresh` where it has the run: nothing moves, values live. */
export function inOldPlaces(old: RunTable, fresh: RunTable): RunTable {
  const place = new Map(fresh.run_id.map((id, i) => [id, i]));
  const from = old.run_id.map((id) => place.get(id));
  const pick = <T>(was: readonly T[], now: readonly T[]): T[] => from.map((i, at) => (i === undefined ? was[at] : now[i]) as T);
  const pickAll = <T>(was: Record<string, (T | null)[]>, now: Record<string, (T | null)[]>): Record<string, (T | null)[]> => {
    const all = { ...was };
    const nothing = old.run_id.map(() => null);
    for (const [key, column] of Object.entries(now)) all[key] = pick(was[key] ?? nothing, column);
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
