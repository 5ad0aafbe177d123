/** Lines on a canvas. Where points stand closer than pixels, each pixel keeps its first, lowest, highest and last. */

import { placeOf } from "../core/curves";
import type { Scale } from "../core/scale";
import type { ChartLine } from "./model";

/** What of a canvas is drawn with. */
export type Pen = Pick<
  CanvasRenderingContext2D,
  | "save" | "restore" | "beginPath" | "moveTo" | "lineTo" | "arc" | "rect" | "closePath" | "clip" | "stroke" | "fill" | "fillText" | "measureText"
  | "globalAlpha" | "strokeStyle" | "fillStyle" | "lineWidth" | "lineJoin" | "font" | "textAlign" | "textBaseline"
>;

/** Puts the points of `line` from place `from` to before `to` on the current path. */
export function trace(context: Pen, line: Pick<ChartLine, "x" | "y" | "n" | "whole">, x: Scale, y: Scale, from: number, to: number): void {
  const pixels = Math.abs(x.to - x.from);
  if (to - from > 4 * pixels) traceDense(context, line, x, y, from, to);
  else traceEach(context, line, x, y, from, to);
}

/** Places of the points inside the axes and the ones next to them. */
export function inSight(line: Pick<ChartLine, "x" | "n">, x: Scale): [number, number] {
  const first = Math.max(0, placeOf(line.x, line.n, x.low) - 1);
  let last = placeOf(line.x, line.n, x.high);
  while (last < line.n && line.x[last] === x.high) last += 1;
  return [first, Math.min(line.n, last + 1)];
}

function traceEach(context: Pen, line: Pick<ChartLine, "x" | "y" | "whole">, x: Scale, y: Scale, from: number, to: number): void {
  const { x: xs, y: ys, whole } = line;
  const [logX, logY] = [x.log, y.log];
  let down = false;
  for (let i = from; i < to; i++) {
    const [at, value] = [xs[i] as number, ys[i] as number];
    if (value - value !== 0 || (logY && value <= 0) || (logX && at <= 0)) {
      // In a stretch with numbers a NaN is marked on the axis; the line goes on.
      if (whole) down = false;
      continue;
    }
    if (down) context.lineTo(x.pixel(at), y.pixel(value));
    else context.moveTo(x.pixel(at), y.pixel(value));
    down = true;
  }
}

function traceDense(context: Pen, line: Pick<ChartLine, "x" | "y">, x: Scale, y: Scale, from: number, to: number): void {
  const { x: xs, y: ys } = line;
  let [column, down] = [NaN, false];
  let [first, low, high, last] = [NaN, Infinity, -Infinity, NaN];
  const flush = (): void => {
    if (first !== first) return;
    if (down) context.lineTo(column, y.pixel(first));
    else context.moveTo(column, y.pixel(first));
    down = true;
    if (high > low) {
      context.lineTo(column, y.pixel(low));
      context.lineTo(column, y.pixel(high));
      context.lineTo(column, y.pixel(last));
    }
  };
  for (let i = from; i < to; i++) {
    const [at, value] = [xs[i] as number, ys[i] as number];
    if (value - value !== 0 || (y.log && value <= 0) || (x.log && at <= 0)) continue;
    const pixel = Math.round(x.pixel(at));
    if (pixel !== column) {
      flush();
      [column, first, low, high] = [pixel, value, value, value];
    } else if (value < low) low = value;
    else if (value > high) high = value;
    last = value;
  }
  flush();
}

/** Places of points that need a dot to be seen: all when there are at most `most`, else those without a neighbour. */
export function dots(line: ChartLine, y: Scale, from: number, to: number, most: number): number[] {
  const drawn = (i: number): boolean => i >= 0 && i < line.n && Number.isFinite(line.y[i]) && !(y.log && (line.y[i] as number) <= 0);
  const few = to - from <= most;
  if (!few && line.nan === 0 && !y.log) return [];
  const found: number[] = [];
  for (let i = from; i < to; i++) if (drawn(i) && (few || (line.whole && !drawn(i - 1) && !drawn(i + 1)))) found.push(i);
  return found;
}
