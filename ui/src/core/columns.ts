/** Columns of the runs table: their ids (which stand in the address), what a cell shows, which ones show first. */

import { formatNumber, exactNumber } from "./format";
import { byName } from "./order";
import { toNumber, type RunTable } from "./wire";

export type ColumnKind = "attribute" | "metric" | "param" | "tag";

export interface Column {
  /** `status`, `start_time`, … or `m:loss`, `p:lr`, `t:team`. */
  id: string;
  kind: ColumnKind;
  key: string;
  /** Key of `order_by`, or null where the server cannot sort. */
  order: string | null;
  width: number;
}

export const ATTRIBUTES = ["status", "start_time", "duration", "user_id", "end_time", "run_id"] as const;

const WIDTHS: Record<string, number> = {
  status: 108, start_time: 128, end_time: 128, duration: 88, user_id: 104, run_id: 132,
};
const PREFIX: Record<Exclude<ColumnKind, "attribute">, string> = { metric: "m:", param: "p:", tag: "t:" };
const DEFAULT_METRICS = 6;
const DEFAULT_PARAMS = 8;
const CHARACTER = 7;

export function columnId(kind: Exclude<ColumnKind, "attribute">, key: string): string {
  return PREFIX[kind] + key;
}

/** The column of an id, or null for an id that means nothing (an old or hand-written address). */
export function columnOf(id: string): Column | null {
  if ((ATTRIBUTES as readonly string[]).includes(id)) {
    return { id, kind: "attribute", key: id, order: id === "duration" ? null : `attributes.${id}`, width: WIDTHS[id] ?? 110 };
  }
  const key = id.slice(2);
  const kind = (["metric", "param", "tag"] as const).find((each) => PREFIX[each] === id.slice(0, 2));
  if (!kind || !key) return null;
  const widest = kind === "metric" ? 180 : 220;
  const width = Math.min(widest, Math.max(88, Math.round(key.length * CHARACTER + 34)));
  return { id, kind, key, order: `${kind}s.${quoteKey(key)}`, width };
}

/** A key as the filter and sort grammar takes it: quoted with backticks unless it is a plain word. */
export function quoteKey(key: string): string {
  return /^[A-Za-z_][\w]*$/.test(key) ? key : `\`${key}\``;
}

export interface KeyFacts {
  metrics: Map<string, number>;
  params: Map<string, { runs: number; differs: boolean }>;
  tags: Map<string, number>;
}

/** Which keys the rows have, in how many of them, and whether a parameter has more than one value. */
export function keyFacts(tables: readonly RunTable[]): KeyFacts {
  const facts: KeyFacts = { metrics: new Map(), params: new Map(), tags: new Map() };
  const firsts = new Map<string, string | null>();
  for (const table of tables) {
    for (const [key, values] of Object.entries(table.metrics)) addCount(facts.metrics, key, values);
    for (const [key, values] of Object.entries(table.tags)) addCount(facts.tags, key, values);
    for (const [key, values] of Object.entries(table.params)) {
      const known = facts.params.get(key) ?? { runs: 0, differs: false };
      if (!firsts.has(key)) firsts.set(key, values[0] ?? null);
      const first = firsts.get(key) ?? null;
      for (const value of values) {
        if ((value ?? null) !== first) known.differs = true;
        if (value !== null && value !== undefined) known.runs += 1;
      }
      facts.params.set(key, known);
    }
  }
  return facts;
}

function addCount(counts: Map<string, number>, key: string, values: readonly unknown[]): void {
  let count = counts.get(key) ?? 0;
  for (const value of values) if (value !== null && value !== undefined) count += 1;
  counts.set(key, count);
}

/** Status and times, the parameters that differ (of a single run: all), and the metrics that most runs have. */
export function defaultColumns(table: RunTable): string[] {
  const facts = keyFacts([table]);
  const users = new Set(table.user_id.filter(Boolean));
  const params = [...facts.params].filter(([, fact]) => fact.differs || table.run_id.length === 1).sort(([a, x], [b, y]) => y.runs - x.runs || byName(a, b));
  const metrics = [...facts.metrics].filter(([, runs]) => runs > 0).sort(([a, n], [b, m]) => m - n || byName(a, b));
  return [
    "status", "start_time", "duration",
    ...(users.size > 1 ? ["user_id"] : []),
    ...params.slice(0, DEFAULT_PARAMS).map(([key]) => columnId("param", key)),
    ...metrics.slice(0, DEFAULT_METRICS).map(([key]) => columnId("metric", key)),
  ];
}

export interface Cell {
  text: string;
  /** What hovering shows: the exact value. */
  title: string;
}

const EMPTY: Cell = { text: "", title: "" };

/** What a metric, parameter or tag column shows for row `at`. Attributes have their own cells. */
export function valueCell(table: RunTable, at: number, column: Column): Cell {
  if (column.kind === "metric") {
    const value = toNumber(table.metrics[column.key]?.[at]);
    return value === null ? EMPTY : { text: formatNumber(value), title: exactNumber(value) };
  }
  const values = column.kind === "param" ? table.params[column.key] : table.tags[column.key];
  const value = values?.[at];
  return value === null || value === undefined ? EMPTY : { text: firstLine(value), title: value };
}

function firstLine(text: string): string {
  const end = text.indexOf("\n");
  return end < 0 ? text : `${text.slice(0, end)} …`;
}

/** Run time so far: until the end, or until `now` while it runs; null when it cannot be known. */
export function durationOf(status: string, start: number | null, end: number | null, now: number): number | null {
  if (start === null) return null;
  if (end !== null) return end - start;
  return status === "RUNNING" ? Math.max(0, now - start) : null;
}
