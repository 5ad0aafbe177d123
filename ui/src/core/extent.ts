/** How far charts reach: bounds of x and y, with or without outliers. */

import { quantile } from "./bands";
import { placeOf } from "./curves";
import { withAir } from "./scale";
import type { ChartModel } from "../chart/model";

export type Bounds = [number, number];

/** Room for points to come, as a part of what is there. */
const AHEAD = 0.08;
/** So many values say well enough where outliers begin. */
const SAMPLE = 20_000;

/** The bounds of x: what is looked at, else all there is. */
export function xBounds(model: ChartModel): Bounds {
  if (model.range) return [model.range[0], model.range[1]];
  let [low, high] = [Infinity, -Infinity];
  for (const line of [...model.lines, ...model.behind, ...model.bands.map((band) => ({ x: band.x, n: band.x.length }))]) {
    let first = 0;
    if (model.logX) first = placeOf(line.x, line.n, Number.MIN_VALUE);
    if (first >= line.n) continue;
    low = Math.min(low, line.x[first] as number);
    high = Math.max(high, line.x[line.n - 1] as number);
  }
  if (low > high) return model.logX ? [1, 10] : [0, 1];
  if (low === high) return model.logX ? [low / 2, high * 2] : [low - 0.5, high + 0.5];
  return model.live && !model.logX ? [low, high + (high - low) * AHEAD] : [low, high];
}

/** The bounds of the numbers that are drawn between `from` and `to`, with air; on a logarithmic axis of positive ones. */
export function yBounds(model: ChartModel, [from, to]: Bounds): Bounds {
  let [low, high, all] = [Infinity, -Infinity, 0];
  const see = (y: ArrayLike<number>, first: number, last: number): void => {
    for (let i = first; i < last; i++) {
      const value = y[i] as number;
      if (value - value !== 0 || (model.logY && value <= 0)) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
    all += last - first;
  };
  eachPart(model, from, to, see);
  if (low > high) return model.logY ? [0.1, 1] : [0, 1];
  if (model.clip && all > 2) [low, high] = clipped(model, from, to, all, [low, high]);
  return withAir(low, high, model.logY);
}

function eachPart(model: ChartModel, from: number, to: number, see: (y: ArrayLike<number>, first: number, last: number) => void): void {
  for (const line of model.lines) see(line.y, placeOf(line.x, line.n, from), after(line.x, line.n, to));
  for (const band of model.bands) {
    const [first, last] = [placeOf(band.x, band.x.length, from), after(band.x, band.x.length, to)];
    for (const y of [band.low, band.mid, band.high]) see(y, first, last);
  }
}

function after(x: ArrayLike<number>, n: number, bound: number): number {
  let place = placeOf(x, n, bound);
  while (place < n && (x[place] as number) <= bound) place += 1;
  return place;
}

function clipped(model: ChartModel, from: number, to: number, all: number, whole: Bounds): Bounds {
  const every = Math.max(1, Math.floor(all / SAMPLE));
  const values: number[] = [];
  eachPart(model, from, to, (y, first, last) => {
    for (let i = first; i < last; i += every) {
      const value = y[i] as number;
      if (Number.isFinite(value) && (!model.logY || value > 0)) values.push(value);
    }
  });
  values.sort((a, b) => a - b);
  return values.length < 3 ? whole : [quantile(values, 0.01), quantile(values, 0.99)];
}
