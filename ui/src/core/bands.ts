/** Many lines as one: their middle, and how far they are apart. No point is left out of the extremes. */

import { placeOf } from "./curves";

export type Spread = "minmax" | "std" | "deciles";

export interface Band {
  id: string;
  label: string;
  color: string;
  runs: number;
  x: Float64Array;
  low: Float64Array;
  mid: Float64Array;
  high: Float64Array;
}

export interface Points {
  x: ArrayLike<number>;
  y: ArrayLike<number>;
  n: number;
}

const CELLS = 160;

/**
 * The band of some lines between `from` and `to`, in at most 160 stretches of x. The middle is the mean (of deciles:
 * the median) over runs, each with the mean of its points in the stretch, or what lies between its neighbours there.
 * "minmax" is from the lowest to the highest of all points; "std" one standard deviation (of the sample) on both sides.
 */
export function bandOf(lines: readonly Points[], from: number, to: number, spread: Spread): Pick<Band, "x" | "low" | "mid" | "high"> {
  const cells = cellsOf(lines, from, to);
  const kept: { x: number; low: number; mid: number; high: number }[] = [];
  // Stretches around their middles, the first of which is `from`: steps that are even apart do not alternate between them.
  const width = cells > 1 ? (to - from) / (cells - 1) : to - from;
  const at = lines.map(() => 0);
  for (let cell = 0; cell < cells; cell++) {
    const middle = from + cell * width;
    const end = cell === cells - 1 ? Infinity : middle + width / 2;
    const values: number[] = [];
    let [lowest, highest] = [Infinity, -Infinity];
    lines.forEach((line, number) => {
      if (cell === 0) at[number] = placeOf(line.x, line.n, from);
      let [i, sum, count] = [at[number] as number, 0, 0];
      for (; i < line.n && (line.x[i] as number) < end && (line.x[i] as number) <= to; i++) {
        const value = line.y[i] as number;
        if (!Number.isFinite(value)) continue;
        sum += value;
        count += 1;
        if (value < lowest) lowest = value;
        if (value > highest) highest = value;
      }
      at[number] = i;
      const value = count ? sum / count : between(line, i, middle);
      if (value !== null) values.push(value);
    });
    if (values.length === 0) continue;
    kept.push({ x: middle, ...summary(values, lowest, highest, spread) });
  }
  const column = (name: "x" | "low" | "mid" | "high"): Float64Array => Float64Array.from(kept, (row) => row[name]);
  return { x: column("x"), low: column("low"), mid: column("mid"), high: column("high") };
}

/** No more stretches than the longest line has points. */
function cellsOf(lines: readonly Points[], from: number, to: number): number {
  const most = lines.reduce((sum, line) => Math.max(sum, placeOf(line.x, line.n, to) - placeOf(line.x, line.n, from) + 1), 1);
  return to > from ? Math.min(CELLS, most) : 1;
}

function between(line: Points, next: number, x: number): number | null {
  if (next <= 0 || next >= line.n) return null;
  const [x0, x1, y0, y1] = [line.x[next - 1] as number, line.x[next] as number, line.y[next - 1] as number, line.y[next] as number];
  const value = x1 > x0 ? y0 + ((y1 - y0) * (x - x0)) / (x1 - x0) : y1;
  return Number.isFinite(value) ? value : null;
}

function summary(values: number[], lowest: number, highest: number, spread: Spread): { low: number; mid: number; high: number } {
  if (spread === "deciles") {
    values.sort((a, b) => a - b);
    return { low: quantile(values, 0.1), mid: quantile(values, 0.5), high: quantile(values, 0.9) };
  }
  const mid = values.reduce((sum, value) => sum + value / values.length, 0);
  if (spread === "minmax") return { low: Math.min(lowest, ...values), mid, high: Math.max(highest, ...values) };
  const variance = values.length < 2 ? 0 : values.reduce((sum, value) => sum + (value - mid) ** 2, 0) / (values.length - 1);
  return { low: mid - Math.sqrt(variance), mid, high: mid + Math.sqrt(variance) };
}

/** The quantile `q` of ascending `values`, between two of them in proportion (R's type 7). */
export function quantile(values: ArrayLike<number>, q: number): number {
  const at = (values.length - 1) * q;
  const [low, part] = [Math.floor(at), at % 1];
  const a = values[low] as number;
  return part === 0 ? a : a + ((values[low + 1] as number) - a) * part;
}
