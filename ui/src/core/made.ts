/** Charts that a reader makes of runs: one point, bar or line a run, out of its metrics, parameters and attributes. */

import { columnOf, type Column } from "./columns";
import { durationOf } from "./columns";
import type { ChartRun } from "./lines";
import { byName } from "./order";
import { toNumber, type RunTable } from "./wire";

export const KINDS = ["bar", "scatter", "parallel", "box", "histogram", "contour", "importance"] as const;
export type Kind = (typeof KINDS)[number];

/** `x`, `y` and `z` are column ids, "" for none. Of parallel coordinates `columns` are the axes. */
export interface Made {
  kind: Kind;
  x: string;
  y: string;
  z: string;
  columns: string[];
}

export const NEW_CHART: Made = { kind: "scatter", x: "", y: "", z: "", columns: [] };

/** A first chart that shows something: the first metric over the first parameter. */
export function firstOf(columns: readonly string[]): Made {
  const { metrics, params } = partedOf(columns);
  return { kind: "scatter", x: params[0] ?? "start_time", y: metrics[0] ?? "", z: "", columns: [...params.slice(0, 4), ...metrics.slice(0, 1)] };
}

/** `made` as another kind: what was chosen stays, and what the kind needs besides is filled in from `columns`. */
export function asKind(made: Made, kind: Kind, columns: readonly string[]): Made {
  const { metrics, params } = partedOf(columns);
  const y = made.y || (metrics[0] ?? "");
  const next = { ...made, kind };
  if (kind === "importance") return { ...next, y, columns: causesOf({ ...next, y }).length ? next.columns : params };
  if (kind === "parallel") return { ...next, columns: next.columns.length ? next.columns : firstOf(columns).columns };
  if (kind !== "contour") return { ...next, y, x: kind === "scatter" ? made.x || (params[0] ?? "start_time") : made.x };
  if (made.z) return next;
  // Heights are a metric over two parameters; a scatter chart has the metric as its y.
  const x = made.x || (params[0] ?? "");
  const other = params.find((id) => id !== x) ?? "";
  return made.y.startsWith("m:") || !made.y ? { ...next, x, y: other, z: y } : { ...next, x, z: metrics[0] ?? "" };
}

/** The parameters that may be causes of what an importance chart looks at; no metric is a cause, of itself least of all. */
export function causesOf(made: Made): string[] {
  return made.columns.filter((id) => id.startsWith("p:") && id !== made.y);
}

function partedOf(columns: readonly string[]): { metrics: string[]; params: string[] } {
  return { metrics: columns.filter((id) => id.startsWith("m:")), params: columns.filter((id) => id.startsWith("p:")) };
}

export function formatMade(made: Made): string {
  return [made.kind, made.x, made.y, made.z, ...made.columns].map((part) => part.replace(/[%~]/g, encodeURIComponent).replaceAll("~", "%7E")).join("~");
}

/** What an address says; null for what is no chart. */
export function parseMade(text: string): Made | null {
  try {
    const [kind, x = "", y = "", z = "", ...columns] = text.split("~").map(decodeURIComponent);
    const known = KINDS.find((each) => each === kind);
    const good = (id: string): string => (columnOf(id) ? id : "");
    return known ? { kind: known, x: good(x), y: good(y), z: good(z), columns: columns.filter((id) => columnOf(id)) } : null;
  } catch {
    return null;
  }
}

/** Which columns a chart needs. */
export function columnsOf(made: Made): string[] {
  return [...new Set([made.x, made.y, made.z, ...made.columns].filter(Boolean))];
}

/** The values of a column: numbers, or texts that stand in order along an axis. */
export interface Values {
  id: string;
  name: string;
  /** Per run: a number, or the place of its text among `texts`; null where it has none. */
  at: (number | null)[];
  /** What stands there, exactly. */
  shown: string[];
  /** The texts in order; null for numbers. */
  texts: string[] | null;
}

/** A column of `table` for `runs`. It is numeric when all that is there are numbers. */
export function valuesOf(id: string, table: RunTable, runs: readonly ChartRun[]): Values {
  const column = columnOf(id) as Column;
  const place = new Map(table.run_id.map((run, at) => [run, at]));
  const raw = runs.map((run) => { const at = place.get(run.id); return at === undefined ? null : cellOf(column, table, at); });
  const numbers = raw.map((value) => (value === null ? null : typeof value === "number" ? value : value.trim() === "" ? NaN : Number(value)));
  const name = column.kind === "attribute" ? id : column.name;
  if (numbers.every((value, i) => value === null || !Number.isNaN(value) || typeof raw[i] === "number")) {
    // NaN and infinities have no place on an axis.
    return { id, name, at: numbers.map((value) => (value !== null && Number.isFinite(value) ? value : null)), shown: raw.map((value) => (value === null ? "" : String(value))), texts: null };
  }
  const texts = [...new Set(raw.filter((value) => value !== null).map(String))].sort(byName);
  return { id, name, at: raw.map((value) => (value === null ? null : texts.indexOf(String(value)))), shown: raw.map((value) => (value === null ? "" : String(value))), texts };
}

function cellOf(column: Column, table: RunTable, at: number): number | string | null {
  if (column.kind === "metric") return toNumber(table.metrics[column.name]?.[at]);
  if (column.kind === "param") return table.params[column.name]?.[at] ?? null;
  if (column.kind === "tag") return table.tags[column.name]?.[at] ?? null;
  const [start, end] = [table.start_time[at] ?? null, table.end_time[at] ?? null];
  if (column.id === "duration") { const ms = durationOf(table.status[at] ?? "", start, end, Date.now()); return ms === null ? null : ms / 1000; }
  if (column.id === "start_time") return start;
  if (column.id === "end_time") return end;
  return column.id === "status" ? (table.status[at] ?? null) : column.id === "user_id" ? (table.user_id[at] ?? null) : (table.run_id[at] ?? null);
}

/** The bounds of the numbers among values; of texts all places. */
export function boundsOf(values: Values): [number, number] {
  if (values.texts) return [-0.5, Math.max(0.5, values.texts.length - 0.5)];
  let [low, high] = [Infinity, -Infinity];
  for (const value of values.at) {
    if (value === null) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return low <= high ? [low, high] : [0, 1];
}

export interface Box {
  name: string;
  count: number;
  low: number;
  first: number;
  middle: number;
  third: number;
  high: number;
  outside: number[];
}

/** Tukey's box plot: quartiles, whiskers to the last value within 1.5 times their distance, the rest as points. */
export function boxOf(name: string, numbers: readonly number[], quantile: (sorted: readonly number[], q: number) => number): Box {
  const sorted = [...numbers].sort((a, b) => a - b);
  const [first, middle, third] = [0.25, 0.5, 0.75].map((q) => quantile(sorted, q)) as [number, number, number];
  const reach = 1.5 * (third - first);
  const inside = sorted.filter((value) => value >= first - reach && value <= third + reach);
  return {
    name, count: sorted.length, low: inside[0] ?? first, first, middle, third, high: inside.at(-1) ?? third,
    outside: sorted.filter((value) => value < first - reach || value > third + reach),
  };
}

/** Bins of equal width, as many as Sturges' rule says: log2(n) + 1. */
export function binsOf(numbers: readonly number[]): { from: number; to: number; count: number }[] {
  if (numbers.length === 0) return [];
  const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
  const count = low === high ? 1 : Math.ceil(Math.log2(numbers.length)) + 1;
  const width = (high - low) / count;
  const bins = Array.from({ length: count }, (_, i) => ({ from: low + i * width, to: i === count - 1 ? high : low + (i + 1) * width, count: 0 }));
  for (const value of numbers) {
    const bin = bins[Math.min(count - 1, width > 0 ? Math.floor((value - low) / width) : 0)];
    if (bin) bin.count += 1;
  }
  return bins;
}

/**
 * Heights between scattered points: the mean of all points, each weighed by 1 / distance² (Shepard's method), on a grid
 * of `size` × `size` over [0, 1] × [0, 1], row by row from below.
 */
export function surfaceOf(points: readonly { x: number; y: number; z: number }[], size: number): Float64Array {
  const grid = new Float64Array(size * size);
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      const [x, y] = [column / (size - 1), row / (size - 1)];
      let [sum, weights] = [0, 0];
      for (const point of points) {
        const weight = 1 / ((point.x - x) ** 2 + (point.y - y) ** 2 + 1e-6);
        sum += point.z * weight;
        weights += weight;
      }
      grid[row * size + column] = weights > 0 ? sum / weights : NaN;
    }
  }
  return grid;
}

/** Viridis (Smith and van der Walt, 2015, CC0): equal steps look equal, in grey and to the colour-blind too. */
const VIRIDIS = ["#440154", "#482878", "#3e4989", "#31688e", "#26828e", "#1f9e89", "#35b779", "#6ece58", "#b5de2b", "#fde725"];

/** The colour of a share, 0 to 1. */
export function ramp(share: number): string {
  const at = Math.min(1, Math.max(0, share)) * (VIRIDIS.length - 1);
  const [a, b] = [VIRIDIS[Math.floor(at)] ?? "#440154", VIRIDIS[Math.ceil(at)] ?? "#fde725"];
  const mix = (from: number): string => Math.round(parseInt(a.slice(from, from + 2), 16) * (1 - (at % 1)) + parseInt(b.slice(from, from + 2), 16) * (at % 1)).toString(16).padStart(2, "0");
  return `#${mix(1)}${mix(3)}${mix(5)}`;
}
