/** Curves as the server sends them, in binary or JSON, and their growth while runs live. */

import { toNumber, type WireNumber } from "./wire";

export const CURVES_TYPE = "application/vnd.millstream.curves";
const HEAD = 8;
const RECORD = 56;

/**
 * A series as a line; its first `n` places of `x` and `y` count, the rest is room to grow. `x` never falls; NaN and
 * infinities are among `y`. Curves with the same `stamp` differ by points at the end only.
 */
export interface Curve {
  run: string;
  key: string;
  x: Float64Array;
  y: Float32Array | Float64Array;
  n: number;
  /** Points in sight at the server, and how many of them are NaN. */
  count: number;
  nan: number;
  /** All points in sight are here; else first, lowest, highest, last and a NaN of each pixel column. */
  whole: boolean;
  stamp: number;
}

let stamps = 0;

/** A stamp that no curve has. */
export const newStamp = (): number => (stamps += 1);

/** The curves of a binary answer to a question about `runs` and `keys`. The format: formats/wire/curves.py. */
export function readCurves(buffer: ArrayBuffer, runs: readonly string[], keys: readonly string[]): Curve[] {
  const view = new DataView(buffer);
  if (buffer.byteLength < HEAD || view.getUint32(0, false) !== 0x4d534331) throw new Error("The answer holds no curves.");
  const count = view.getUint32(4, true);
  const even = new Map<string, Float64Array>();
  let at = HEAD + RECORD * count;
  const take = <T>(make: (buffer: ArrayBuffer, at: number, n: number) => T, size: number, n: number): T => {
    const made = make(buffer, at, n);
    at += Math.ceil((n * size) / 8) * 8;
    return made;
  };
  return Array.from({ length: count }, (_, number) => {
    const record = HEAD + RECORD * number;
    const [n, kind] = [view.getUint32(record + 8, true), view.getUint8(record + 12)];
    const [first, distance] = [view.getFloat64(record + 32, true), view.getFloat64(record + 40, true)];
    let x: Float64Array;
    if (kind === 0) x = evenly(even, first, distance, n);
    else if (kind === 1) x = Float64Array.from(take((b, p, c) => new Uint16Array(b, p, c), 2, n), (value) => first + value);
    else if (kind === 2) x = Float64Array.from(take((b, p, c) => new Uint32Array(b, p, c), 4, n), (value) => first + value);
    else x = take((b, p, c) => new Float64Array(b, p, c), 8, n);
    const y = view.getUint8(record + 13)
      ? take((b, p, c) => new Float64Array(b, p, c), 8, n)
      : take((b, p, c) => new Float32Array(b, p, c), 4, n);
    return {
      run: runs[view.getUint32(record, true)] ?? "", key: keys[view.getUint32(record + 4, true)] ?? "", x, y, n,
      count: view.getFloat64(record + 16, true), nan: view.getFloat64(record + 24, true),
      whole: view.getUint8(record + 14) === 1, stamp: newStamp(),
    };
  });
}

/** Runs that log in step share their x. */
function evenly(known: Map<string, Float64Array>, first: number, distance: number, n: number): Float64Array {
  const name = `${first} ${distance} ${n}`;
  let x = known.get(name);
  if (!x) known.set(name, (x = Float64Array.from({ length: n }, (_, i) => first + distance * i)));
  return x;
}

interface WireCurve {
  run_id: string;
  key: string;
  count: number;
  nan_count: number;
  whole: boolean;
  x: number[];
  y: WireNumber[];
}

/** The curves of an answer in JSON, as a static export has them. */
export function readJsonCurves(answer: { curves?: WireCurve[] }): Curve[] {
  return (answer.curves ?? []).map((each) => ({
    run: each.run_id, key: each.key, x: Float64Array.from(each.x), y: Float64Array.from(each.y, (value) => toNumber(value) ?? NaN),
    n: each.x.length, count: each.count, nan: each.nan_count, whole: each.whole, stamp: newStamp(),
  }));
}

/** The first place in [0, n) of ascending `x` that is at least `bound`; n when there is none. */
export function placeOf(x: ArrayLike<number>, n: number, bound: number): number {
  let [low, high] = [0, n];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((x[middle] as number) < bound) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * `curve` with its points from `since` on replaced by those of `fresh`. What was drawn stays as it is, and so does the
 * stamp, unless an earlier point came in between.
 */
export function grown(curve: Curve, fresh: Curve, since: number): Curve {
  const kept = placeOf(curve.x, curve.n, since);
  const n = kept + fresh.n;
  let same = fresh.n >= curve.n - kept;
  for (let i = kept; same && i < curve.n; i++) same = curve.x[i] === fresh.x[i - kept] && alike(curve.y[i], fresh.y[i - kept]);
  const room = n <= curve.x.length && owned.has(curve.x.buffer);
  const x = room ? curve.x : roomy(curve.x, kept, n);
  const y = room && (curve.y instanceof Float64Array || fresh.y instanceof Float32Array) ? curve.y : roomy(curve.y, kept, n);
  x.set(fresh.x.subarray(0, fresh.n), kept);
  y.set(fresh.y.subarray(0, fresh.n), kept);
  let nan = curve.nan;
  for (let i = curve.n; i < n; i++) if (Number.isNaN(y[i])) nan += 1;
  return { ...curve, x, y, n, nan, count: curve.count + n - curve.n, stamp: same ? curve.stamp : newStamp() };
}

/** Arrays that no other curve shares. */
const owned = new WeakSet<ArrayBufferLike>();

function roomy(values: Float32Array | Float64Array, kept: number, n: number): Float64Array {
  const made = new Float64Array(Math.max(64, Math.ceil(n * 1.5)));
  made.set(values.subarray(0, kept));
  owned.add(made.buffer);
  return made;
}

function alike(a: number | undefined, b: number | undefined): boolean {
  return a === b || (a !== a && b !== b) || (a !== undefined && b !== undefined && Math.fround(a) === Math.fround(b));
}
