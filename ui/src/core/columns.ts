/** Columns of the runs table: their ids (which stand in the address), what a cell shows, which ones show first. */

import { formatNumber, exactNumber } from "./format";
import { byName } from "./order";
import { toNumber, type KeyColumns, type RunKeys, type RunTable } from "./wire";

export type ColumnKind = "attribute" | "metric" | "param" | "tag";
/** Which number of a metric's points. */
export type Part = "last" | "min" | "max" | "first" | "mean";

export interface Column {
  /** `status`, `start_time`, … or `m:loss` (its last value), `min:loss`, `p:lr`, `t:team`. */
  id: string;
  kind: ColumnKind;
  key: string;
  part: Part;
  /** Key of `order_by`, or null where the server cannot sort. */
  order: string | null;
  /** What to ask the server for; null for what comes with every run. */
  wanted: string | null;
  /** Under which name its values come. */
  name: string;
  width: number;
}

export const ATTRIBUTES = ["status", "start_time", "duration", "user_id", "end_time", "run_id"] as const;
export const PARTS: readonly Part[] = ["last", "min", "max", "first", "mean"];

const WIDTHS: Record<string, number> = {
  status: 108, start_time: 128, end_time: 128, duration: 88, user_id: 104, run_id: 132,
};
const PREFIX = { m: "metric", min: "metric", max: "metric", first: "metric", mean: "metric", p: "param", t: "tag" } as const;
export const DEFAULT_METRICS = 6;
export const DEFAULT_PARAMS = 8;
const CHARACTER = 7;
const SIGNS = 46;

export function columnId(kind: Exclude<ColumnKind, "attribute">, key: string, part: Part = "last"): string {
  const prefix = kind === "metric" ? (part === "last" ? "m" : part) : kind[0];
  return `${prefix}:${key}`;
}

/** The column of an id, or null for an id that means nothing (an old or hand-written address). */
export function columnOf(id: string): Column | null {
  if ((ATTRIBUTES as readonly string[]).includes(id)) {
    const order = id === "duration" ? null : `attributes.${id}`;
    return { id, kind: "attribute", key: id, part: "last", order, wanted: null, name: id, width: WIDTHS[id] ?? 110 };
  }
  const colon = id.indexOf(":");
  const [prefix, key] = [id.slice(0, colon), id.slice(colon + 1)];
  if (colon < 0 || !key || !(prefix in PREFIX)) return null;
  const kind = PREFIX[prefix as keyof typeof PREFIX];
  const part: Part = kind === "metric" && prefix !== "m" ? (prefix as Part) : "last";
  const own = `${kind}s.${part === "last" ? quoteKey(key) : `\`${key}\`.${part}`}`;
  const letters = key.length + (part === "last" ? 0 : part.length + 1);
  const width = Math.min(kind === "metric" ? 190 : 230, Math.max(80, Math.round(letters * CHARACTER + SIGNS)));
  return { id, kind, key, part, order: own, wanted: own, name: part === "last" ? key : `${key}.${part}`, width };
}

/** A key as the filter and sort grammar takes it: quoted with backticks unless it is a plain word. */
export function quoteKey(key: string): string {
  return /^[A-Za-z_][\w]*$/.test(key) ? key : `\`${key}\``;
}

export interface KeyFacts {
  /** Runs that were looked at. */
  total: number;
  /** Of each key in how many of them it is. */
  metrics: Map<string, number>;
  params: Map<string, { runs: number; differs: boolean }>;
  tags: Map<string, number>;
  /** Columns (by id) that show the same for every run, with what they show where that is a text. */
  same: Map<string, string | null>;
  /** Parameters that are numbers in all runs. */
  numeric: Set<string>;
}

export const NO_FACTS: KeyFacts = {
  total: 0, metrics: new Map(), params: new Map(), tags: new Map(), same: new Map(), numeric: new Set(),
};

/** What the server says of the keys of all matching runs. */
export function factsOf(keys: RunKeys): KeyFacts {
  const { metrics, params, tags } = keys;
  const counts = (columns: KeyColumns): [string, number][] => columns.key.map((key, i) => [key, columns.runs[i] ?? 0]);
  const same = new Map<string, string | null>();
  for (const [kind, columns] of [["metric", metrics], ["param", params], ["tag", tags]] as const) {
    columns.key.forEach((key, i) => { if (!columns.varies[i]) same.set(columnId(kind, key), columns.value[i] ?? null); });
  }
  return {
    total: keys.total,
    metrics: new Map(counts(metrics)),
    params: new Map(params.key.map((key, i) => [key, { runs: params.runs[i] ?? 0, differs: params.varies[i] ?? true }])),
    tags: new Map(counts(tags)),
    same,
    numeric: new Set(params.key.filter((_, i) => params.numeric[i])),
  };
}

/** What the machine measured beside the run comes last. */
const ownFirst = (a: string, b: string): number => Number(a.startsWith("system/")) - Number(b.startsWith("system/"));

/**
 * What runs are told apart by comes first, beside charts too: status, the metrics that most have, the parameters that
 * differ; then times. Of a single run all it has.
 */
export function defaultColumns(facts: KeyFacts, severalUsers = false): string[] {
  const few = facts.total < 2;
  const params = [...facts.params].filter(([, fact]) => few || fact.differs).sort(([a, x], [b, y]) => y.runs - x.runs || byName(a, b));
  const metrics = [...facts.metrics].filter(([key]) => few || !facts.same.has(columnId("metric", key))).sort(([a, n], [b, m]) => ownFirst(a, b) || m - n || byName(a, b));
  return [
    "status",
    ...metrics.slice(0, DEFAULT_METRICS).map(([key]) => columnId("metric", key)),
    ...params.slice(0, DEFAULT_PARAMS).map(([key]) => columnId("param", key)),
    ...(severalUsers ? ["user_id"] : []),
    "start_time", "duration",
  ];
}

/** The shown columns with one more, which goes behind the last of its kind, or behind `after`. */
export function withColumn(shown: readonly string[], id: string, after?: string): string[] {
  if (shown.includes(id)) return [...shown];
  const kind = columnOf(id)?.kind;
  const at = after === undefined ? -1 : shown.indexOf(after);
  const place = at >= 0 ? at : shown.findLastIndex((each) => columnOf(each)?.kind === kind);
  const next = [...shown];
  next.splice(place < 0 ? shown.length : place + 1, 0, id);
  return next;
}

/** The shown columns with `id` moved to stand before `before`, or to the end for null. */
export function withMoved(shown: readonly string[], id: string, before: string | null): string[] {
  if (id === before) return [...shown];
  const next = shown.filter((each) => each !== id);
  const at = before === null ? -1 : next.indexOf(before);
  next.splice(at < 0 ? next.length : at, 0, id);
  return next;
}

export interface Cell {
  text: string;
  /** What follows the text where there is room for all of it: cut, it would mislead. */
  more?: string;
  /** What hovering shows: the exact value. */
  title: string;
}

const EMPTY: Cell = { text: "", title: "" };

/** What a metric, parameter or tag column shows for row `at`. Attributes have their own cells. */
export function valueCell(table: RunTable, at: number, column: Column): Cell {
  if (column.kind === "metric") {
    const value = toNumber(table.metrics[column.name]?.[at]);
    return value === null ? EMPTY : { text: formatNumber(value), title: exactNumber(value) };
  }
  const values = column.kind === "param" ? table.params[column.name] : table.tags[column.name];
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
