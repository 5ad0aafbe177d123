/**
 * How much parameters have to do with a metric, of the runs that have both.
 *
 * Correlation: Pearson's r for numbers; for texts the correlation ratio η (Pearson, 1905: the root of the share of the
 * variance that lies between the values' means). Importance: the mean decrease of variance in a forest of regression
 * trees (Breiman et al., 1984; Breiman, 2001), normalised to 1: each tree sees a sample of the runs drawn with
 * replacement and, at each branch, half of the parameters. The dice are always the same, so that the same runs give the
 * same numbers.
 */

export interface Feature {
  name: string;
  /** Numbers, or the places of texts; null where a run has none. */
  at: readonly (number | null)[];
  texts: boolean;
}

export interface Weight {
  name: string;
  importance: number;
  /** −1 to 1; of texts 0 to 1. */
  correlation: number;
  texts: boolean;
}

const TREES = 60;
const DEPTH = 6;
const LEAST_LEAF = 2;
export const LEAST_RUNS = 4;

/** The weights of features for `target`, the greatest first. Empty when fewer than four runs have the metric. */
export function weigh(features: readonly Feature[], target: readonly (number | null)[]): Weight[] {
  const rows = target.flatMap((value, row) => (value === null || !Number.isFinite(value) ? [] : [row]));
  if (rows.length < LEAST_RUNS || features.length === 0) return [];
  const y = rows.map((row) => target[row] as number);
  const columns = features.map((feature) => {
    const here = rows.map((row) => feature.at[row] ?? null);
    // Runs without it stand apart from all others.
    const apart = here.reduce((least: number, value) => (value === null ? least : Math.min(least, value)), Infinity) - 1;
    return here.map((value) => value ?? (Number.isFinite(apart) ? apart : 0));
  });
  const gains = forest(columns, y);
  const total = gains.reduce((sum, gain) => sum + gain, 0);
  return features.map((feature, i) => ({
    name: feature.name, importance: total > 0 ? (gains[i] as number) / total : 0, texts: feature.texts,
    correlation: feature.texts ? ratio(columns[i] as number[], y) : pearson(columns[i] as number[], y),
  })).sort((a, b) => b.importance - a.importance || Math.abs(b.correlation) - Math.abs(a.correlation));
}

export function pearson(x: readonly number[], y: readonly number[]): number {
  const [mx, my] = [mean(x), mean(y)];
  let [xy, xx, yy] = [0, 0, 0];
  for (let i = 0; i < x.length; i++) {
    const [a, b] = [(x[i] as number) - mx, (y[i] as number) - my];
    xy += a * b;
    xx += a * a;
    yy += b * b;
  }
  return xx > 0 && yy > 0 ? xy / Math.sqrt(xx * yy) : 0;
}

export function ratio(groups: readonly number[], y: readonly number[]): number {
  const all = mean(y);
  const sums = new Map<number, [number, number]>();
  groups.forEach((group, i) => { const [n, sum] = sums.get(group) ?? [0, 0]; sums.set(group, [n + 1, sum + (y[i] as number)]); });
  const between = [...sums.values()].reduce((sum, [n, value]) => sum + n * (value / n - all) ** 2, 0);
  const whole = y.reduce((sum, value) => sum + (value - all) ** 2, 0);
  return whole > 0 ? Math.sqrt(between / whole) : 0;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value / values.length, 0);
}

function forest(columns: readonly number[][], y: readonly number[]): number[] {
  const gains = columns.map(() => 0);
  const dice = mulberry(20_011);
  for (let tree = 0; tree < TREES; tree++) {
    const rows = y.map(() => Math.floor(dice() * y.length));
    grow(columns, y, rows, 0, gains, dice);
  }
  return gains;
}

function grow(columns: readonly number[][], y: readonly number[], rows: number[], depth: number, gains: number[], dice: () => number): void {
  if (depth >= DEPTH || rows.length < 2 * LEAST_LEAF) return;
  let best = { gain: 1e-12, column: -1, bound: 0 };
  const seen = columns.map((_, i) => i).filter(() => dice() < 0.5);
  for (const column of seen.length ? seen : [Math.floor(dice() * columns.length)]) {
    const found = split(columns[column] as number[], y, rows);
    if (found && found.gain > best.gain) best = { ...found, column };
  }
  if (best.column < 0) return;
  gains[best.column] = (gains[best.column] ?? 0) + best.gain;
  const values = columns[best.column] as number[];
  grow(columns, y, rows.filter((row) => (values[row] as number) <= best.bound), depth + 1, gains, dice);
  grow(columns, y, rows.filter((row) => (values[row] as number) > best.bound), depth + 1, gains, dice);
}

/** The bound that takes most of the squared distances from the mean away. */
function split(values: readonly number[], y: readonly number[], rows: readonly number[]): { gain: number; bound: number } | null {
  const sorted = [...rows].sort((a, b) => (values[a] as number) - (values[b] as number));
  const all = sorted.reduce((sum, row) => sum + (y[row] as number), 0);
  let [left, best] = [0, null as { gain: number; bound: number } | null];
  for (let i = 0; i < sorted.length - 1; i++) {
    left += y[sorted[i] as number] as number;
    const [here, next] = [values[sorted[i] as number] as number, values[sorted[i + 1] as number] as number];
    const n = i + 1;
    if (here === next || n < LEAST_LEAF || sorted.length - n < LEAST_LEAF) continue;
    const gain = left ** 2 / n + (all - left) ** 2 / (sorted.length - n) - all ** 2 / sorted.length;
    if (!best || gain > best.gain) best = { gain, bound: here + (next - here) / 2 };
  }
  return best;
}

/** Tommy Ettinger's mulberry32: numbers from 0 to 1 that are the same each time. */
function mulberry(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
