/** Axes: values to pixels and back, and the marks that people can read. */

import { formatDuration, formatNumber, formatTick, zoneOffset, type DurationWords } from "./format";

export type AxisKind = "number" | "step" | "relative" | "time";

export interface Scale {
  readonly low: number;
  readonly high: number;
  readonly log: boolean;
  /** Pixels of `low` and `high`. */
  readonly from: number;
  readonly to: number;
  readonly pixel: (value: number) => number;
  readonly value: (pixel: number) => number;
}

/** A scale from `low` to `high` over pixels `from` to `to`. A logarithmic one takes positive bounds only. */
export function makeScale(low: number, high: number, from: number, to: number, log: boolean): Scale {
  if (log && low > 0 && high > low) {
    const [a, b] = [Math.log(low), Math.log(high)];
    const factor = (to - from) / (b - a);
    return { low, high, log, from, to, pixel: (value) => from + (Math.log(value) - a) * factor, value: (pixel) => Math.exp(a + (pixel - from) / factor) };
  }
  const span = high - low;
  // Of the largest numbers the difference is infinite.
  const factor = Number.isFinite(span) && span > 0 ? (to - from) / span : 0;
  if (factor === 0 && high > low) {
    const half = high / 2 - low / 2;
    // Of the largest numbers no more than half of the difference is a number.
    return { low, high, log: false, from, to, pixel: (value) => from + ((value / 2 - low / 2) / half) * (to - from), value: (pixel) => { const part = (pixel - from) / (to - from); return low * (1 - part) + high * part; } };
  }
  return { low, high, log: false, from, to, pixel: (value) => from + (value - low) * factor, value: (pixel) => (factor ? low + (pixel - from) / factor : low) };
}

/** `low` and `high` with some air around, so that no line lies on the frame; equal ones get a span. */
export function withAir(low: number, high: number, log: boolean, air = 0.05): [number, number] {
  if (log) {
    if (low === high) return [low / 2, high * 2];
    const factor = (high / low) ** air;
    return [Math.max(low / factor, Number.MIN_VALUE), Math.min(high * factor, Number.MAX_VALUE)];
  }
  if (low === high) {
    const half = low === 0 ? 1 : Math.abs(low) * 0.1;
    return [low - half, high + half];
  }
  const more = (high - low) * air;
  return Number.isFinite(more) ? [low - more, high + more] : [low, high];
}

const SECONDS = [
  0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200,
  86_400, 172_800, 432_000, 864_000, 2_592_000, 7_776_000, 31_536_000,
];

/** About `count` marks inside a scale. */
export function ticksOf(scale: Scale, count: number, kind: AxisKind): number[] {
  const { low, high } = scale;
  if (!(high > low) || count < 1) return [low];
  if (scale.log) return logTicks(low, high, count);
  const rough = (high - low) / count;
  if (!Number.isFinite(rough)) return [low, high];
  const jump = kind === "relative" || kind === "time" ? (SECONDS.map((s) => s * 1000).find((ms) => ms >= rough) ?? nice(rough)) : nice(rough);
  const least = kind === "step" ? Math.max(1, jump) : jump;
  // Marks of the clock stand at full hours of this place.
  const shift = kind === "time" ? zoneOffset(low) * 60_000 : 0;
  const ticks: number[] = [];
  for (let i = Math.ceil((low - shift) / least); i * least + shift <= high && ticks.length < 100; i++) ticks.push(i * least + shift);
  return ticks;
}

function nice(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  const times = rough / power;
  // 0.30000000000000004 is no mark.
  const factor = times <= 1 ? 1 : times <= 2 ? 2 : times <= 5 ? 5 : 10;
  return power < 1 ? factor / Math.round(1 / power) : factor * power;
}

function logTicks(low: number, high: number, count: number): number[] {
  const [first, last] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  const all: number[] = [];
  const factors = last - first <= 2 ? [1, 2, 5] : [1];
  const every = Math.max(1, Math.ceil((last - first) / count));
  for (let power = first; power <= last; power++) {
    if ((power - first) % every !== 0) continue;
    for (const factor of factors) {
      const value = power < 0 ? factor / 10 ** -power : factor * 10 ** power;
      if (value >= low && value <= high && Number.isFinite(value)) all.push(value);
    }
  }
  if (all.length >= 2) return all;
  const flat = makeScale(low, high, 0, 1, false);
  return ticksOf(flat, Math.min(count, 3), "number");
}

/** How a mark is written; `spread` is how far all marks are apart. */
export function tickText(value: number, kind: AxisKind, spread: number, words?: DurationWords): string {
  if (kind === "time") return formatTick(value, spread);
  if (kind === "relative") return value < 0 ? `−${formatDuration(-value, words)}` : formatDuration(value, words);
  return shortNumber(value);
}

const UNITS: readonly [number, string][] = [[1e9, "G"], [1e6, "M"], [1e3, "k"]];

/** A number of an axis: 20k rather than 20000; very large and very small ones with an exponent. */
export function shortNumber(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e4 && size < 1e12) {
    for (const [unit, letter] of UNITS) if (size >= unit) return formatNumber(Number((value / unit).toPrecision(6))) + letter;
  }
  return formatNumber(Number(value.toPrecision(6)));
}
