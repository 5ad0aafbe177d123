/** From metric series to lines on common axes. Points that cannot be drawn become gaps and are counted, never hidden. */

import { byName } from "./order";
import { toNumber, type Series } from "./wire";

export type Axis = "step" | "elapsed" | "wall";

export interface Line {
  id: string;
  /** Steps, or seconds. Never falls. */
  x: number[];
  /** Null is a gap. */
  y: (number | null)[];
  /** How many points are NaN, infinite, or not above zero on a logarithmic scale. */
  gaps: { nan: number; infinite: number; notPositive: number };
}

/** One run's series as a line over `axis`. `elapsed` counts seconds from the run's own start `origin` (ms). */
export function toLine(series: Series, axis: Axis, log: boolean, origin: number | null): Line {
  const start = origin ?? series.time.reduce((least, time) => Math.min(least, time), Infinity);
  const order = series.value.map((_, i) => i);
  const xOf = (i: number): number => {
    if (axis === "step") return series.step[i] ?? 0;
    const time = series.time[i] ?? 0;
    return (axis === "wall" ? time : time - start) / 1000;
  };
  const xs = order.map(xOf);
  if (xs.some((x, i) => i > 0 && x < (xs[i - 1] ?? x))) order.sort((a, b) => (xs[a] ?? 0) - (xs[b] ?? 0) || a - b);
  const gaps = { nan: 0, infinite: 0, notPositive: 0 };
  const y = order.map((i) => {
    const value = toNumber(series.value[i]) ?? NaN;
    if (Number.isNaN(value)) gaps.nan += 1;
    else if (!Number.isFinite(value)) gaps.infinite += 1;
    else if (log && value <= 0) gaps.notPositive += 1;
    else return value;
    return null;
  });
  return { id: series.run_id, x: order.map((i) => xs[i] ?? 0), y, gaps };
}

export interface Aligned {
  x: number[];
  /** Per line and x: a value, null for a gap, undefined where the line has no point. */
  y: (number | null | undefined)[][];
}

/** All lines over one common x. A step that a run logged more than once keeps all its points. */
export function alignLines(lines: readonly Line[]): Aligned {
  const only = lines.length === 1 ? lines[0] : undefined;
  if (only) return { x: only.x, y: [only.y] };
  const repeats = new Map<number, number>();
  for (const line of lines) {
    let run = 0;
    line.x.forEach((x, i) => {
      run = i > 0 && line.x[i - 1] === x ? run + 1 : 1;
      if (run > (repeats.get(x) ?? 0)) repeats.set(x, run);
    });
  }
  const x: number[] = [];
  const place = new Map<number, number>();
  for (const value of [...repeats.keys()].sort((a, b) => a - b)) {
    place.set(value, x.length);
    for (let i = repeats.get(value) ?? 1; i > 0; i--) x.push(value);
  }
  const y = lines.map((line) => {
    const column = new Array<number | null | undefined>(x.length);
    let run = 0;
    line.x.forEach((value, i) => {
      run = i > 0 && line.x[i - 1] === value ? run + 1 : 0;
      column[(place.get(value) ?? 0) + run] = line.y[i] ?? null;
    });
    return column;
  });
  return { x, y };
}

export interface LineFacts {
  points: number;
  first: number | null;
  last: number | null;
  lowest: number | null;
  highest: number | null;
}

/** What a line's text summary tells; gaps do not count. */
export function lineFacts(line: Line): LineFacts {
  const facts: LineFacts = { points: 0, first: null, last: null, lowest: null, highest: null };
  for (const value of line.y) {
    if (value === null) continue;
    facts.points += 1;
    facts.first ??= value;
    facts.last = value;
    if (facts.lowest === null || value < facts.lowest) facts.lowest = value;
    if (facts.highest === null || value > facts.highest) facts.highest = value;
  }
  return facts;
}

/** The metric a reader most likely wants first: a loss, else a score, else what most runs have. */
export function likeliestMetric(coverage: ReadonlyMap<string, number>): string | undefined {
  const liking = (key: string): number => (/loss/i.test(key) ? 2 : /acc|f1|auc|score|rmse|mae|r2/i.test(key) ? 1 : 0);
  return [...coverage].sort(([a, n], [b, m]) => liking(b) - liking(a) || m - n || byName(a, b))[0]?.[0];
}

/** Metric keys by the part before the last slash, in order of first sight; keys without one come under "". */
export function groupByPrefix(keys: readonly string[]): { prefix: string; keys: string[] }[] {
  const groups = new Map<string, string[]>();
  for (const key of keys) {
    const prefix = key.includes("/") ? key.slice(0, key.lastIndexOf("/")) : "";
    const group = groups.get(prefix);
    if (group) group.push(key);
    else groups.set(prefix, [key]);
  }
  return [...groups].map(([prefix, members]) => ({ prefix, keys: members }));
}
