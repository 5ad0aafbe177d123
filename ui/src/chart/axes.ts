/** The frame of a chart: axes, their marks, and signs for what has no place between them. */

import { xBounds, yBounds } from "../core/extent";
import { makeScale, shortNumber, tickText, ticksOf, type Scale } from "../core/scale";
import { inSight, type Pen } from "./paths";
import type { ChartLine, ChartModel, ChartStyle } from "./model";

export interface Layout {
  x: Scale;
  y: Scale;
  xTicks: number[];
  yTicks: number[];
  width: number;
  height: number;
}

/** Where everything goes in so many pixels. */
export function layOut(pen: Pen | null, model: ChartModel, width: number, height: number, font: string): Layout {
  const xs = xBounds(model);
  const ys = yBounds(model, xs);
  const top = 8;
  const bottom = Math.max(top + 10, height - 22);
  const y = makeScale(ys[0], ys[1], bottom, top, model.logY);
  const yTicks = ticksOf(y, Math.max(2, Math.round((bottom - top) / 34)), "number");
  const left = leftMargin(pen, font, yTicks);
  const x = makeScale(xs[0], xs[1], left, Math.max(left + 10, width - 14), model.logX);
  const xTicks = ticksOf(x, Math.max(2, Math.round((x.to - x.from) / (model.axis === "time" ? 96 : 64))), model.axis);
  return { x, y, xTicks, yTicks, width, height };
}

/** Room for the widest mark of the y axis. */
export function leftMargin(context: Pen | null, font: string, ticks: readonly number[]): number {
  if (!context) return 40;
  context.font = font;
  return Math.ceil(Math.max(22, ...ticks.map((tick) => context.measureText(shortNumber(tick)).width))) + 12;
}

export function drawFrame(context: Pen, model: Pick<ChartModel, "axis">, layout: Layout, style: ChartStyle): void {
  const { x, y, xTicks, yTicks } = layout;
  context.font = style.font;
  context.lineWidth = 1;
  context.strokeStyle = style.grid;
  context.fillStyle = style.ink;
  context.beginPath();
  for (const tick of yTicks) {
    const at = Math.round(y.pixel(tick)) + 0.5;
    context.moveTo(x.from, at);
    context.lineTo(x.to, at);
  }
  const floor = Math.round(y.from) + 0.5;
  context.moveTo(x.from, floor);
  context.lineTo(x.to, floor);
  for (const tick of xTicks) {
    const at = Math.round(x.pixel(tick)) + 0.5;
    context.moveTo(at, floor);
    context.lineTo(at, floor + 4);
  }
  context.stroke();
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (const tick of yTicks) context.fillText(shortNumber(tick), x.from - 6, y.pixel(tick));
  drawXTexts(context, model, layout);
}

/** Texts that would run into each other are left out. */
function drawXTexts(context: Pen, model: Pick<ChartModel, "axis">, { x, y, xTicks, width }: Layout): void {
  context.textAlign = "center";
  context.textBaseline = "top";
  const spread = (xTicks.at(-1) ?? 0) - (xTicks[0] ?? 0);
  let end = -Infinity;
  for (const tick of xTicks) {
    const text = tickText(tick, model.axis, spread);
    const half = context.measureText(text).width / 2;
    const at = Math.min(Math.max(x.pixel(tick), half), width - half);
    if (at - half < end + 6) continue;
    context.fillText(text, at, y.from + 7);
    end = at + half;
  }
}

const MARK = 4;

/**
 * Signs at the edges where a line has no place: a cross below for NaN, triangles above and below for infinities (and
 * for what is outside of clipped axes). Each sign stands once a pixel column, in the colour of bad news.
 */
export function drawMarks(context: Pen, model: ChartModel, layout: Layout, style: ChartStyle): void {
  const { y } = layout;
  const seen: Seen = { nan: new Set(), high: new Set(), low: new Set() };
  for (const line of model.lines) if (line.look !== "raw") seeUnplaced(line, layout, model.clip, seen);
  // A number that a band leaves out lies outside of no axis.
  for (const line of model.behind) seeUnplaced(line, layout, false, seen);
  context.save();
  context.strokeStyle = context.fillStyle = style.bad;
  context.lineWidth = 1.5;
  context.beginPath();
  for (const at of seen.nan) {
    context.moveTo(at - MARK, y.from - 2 * MARK);
    context.lineTo(at + MARK, y.from);
    context.moveTo(at + MARK, y.from - 2 * MARK);
    context.lineTo(at - MARK, y.from);
  }
  context.stroke();
  context.beginPath();
  for (const at of seen.high) triangle(context, at, y.to, MARK);
  for (const at of seen.low) triangle(context, at, y.from, -MARK);
  context.fill();
  context.restore();
}

type Seen = Record<"nan" | "high" | "low", Set<number>>;

function seeUnplaced(line: ChartLine, { x, y }: Layout, outliers: boolean, seen: Seen): void {
  const [from, to] = inSight(line, x);
  for (let i = from; i < to; i++) {
    const value = line.y[i] as number;
    if (value <= y.high && value >= y.low) continue;
    const at = x.pixel(line.x[i] as number);
    if (!(at >= x.from - 1 && at <= x.to + 1)) continue;
    const pixel = Math.round(at / 3) * 3;
    if (value !== value) seen.nan.add(pixel);
    else if (value === Infinity || (outliers && value > y.high)) seen.high.add(pixel);
    else if (value === -Infinity || (outliers && value < y.low)) seen.low.add(pixel);
  }
}

function triangle(context: Pen, at: number, tip: number, size: number): void {
  context.moveTo(at, tip);
  context.lineTo(at - MARK, tip + 1.6 * size);
  context.lineTo(at + MARK, tip + 1.6 * size);
  context.closePath();
}
