/** The picture of a line chart, on whatever can be drawn on: a canvas, or the maker of an SVG file. */

import type { Band } from "../core/bands";
import { drawFrame, drawMarks, type Layout } from "./axes";
import type { ChartLine, ChartModel, ChartStyle } from "./model";
import { dots, inSight, trace, type Pen } from "./paths";

const ALPHA = { line: 1, pale: 0.32, raw: 0.28 };
/** A point that wants a dot has so many pixels to itself. */
const DOT_ROOM = 18;

/** Everything but what the pointer shows. The lines must be in drawing order. */
export function paint(context: Pen, model: ChartModel, layout: Layout, style: ChartStyle): void {
  drawFrame(context, model, layout, style);
  within(context, layout);
  const lines = (wanted: (line: ChartLine) => boolean): void => {
    for (const line of model.lines.filter(wanted)) {
      const [from, to] = inSight(line, layout.x);
      paintLine(context, line, layout, from, to, model.lines.length);
    }
  };
  // Bands say more than the grey below them, and less than the lines that have a colour.
  lines((line) => line.look === "pale");
  for (const band of model.bands) paintBand(context, band, layout);
  lines((line) => line.look !== "pale");
  context.restore();
  drawMarks(context, model, layout, style);
}

/** Nothing is drawn outside of the axes until `restore`. */
export function within<T extends Pen>(context: T, { x, y }: Layout): T {
  context.save();
  context.beginPath();
  context.rect(x.from - 1, y.to - 2, x.to - x.from + 4, y.from - y.to + 4);
  context.clip();
  context.lineJoin = "round";
  return context;
}

/** The points of a line from place `from` to before `to`; `among` so many lines. */
export function paintLine(context: Pen, line: ChartLine, { x, y }: Layout, from: number, to: number, among: number): void {
  context.globalAlpha = ALPHA[line.look];
  context.strokeStyle = line.color;
  context.lineWidth = line.look === "line" ? 1.6 : 1;
  context.beginPath();
  trace(context, line, x, y, from, to);
  context.stroke();
  const single = dots(line, y, from, to, (x.to - x.from) / DOT_ROOM / Math.max(1, among / 4));
  if (single.length) {
    context.fillStyle = line.color;
    context.beginPath();
    for (const at of single) dot(context, x.pixel(line.x[at] as number), y.pixel(line.y[at] as number), line.look === "line" ? 2.4 : 1.6);
    context.fill();
  }
  context.globalAlpha = 1;
}

function paintBand(context: Pen, band: Band, { x, y }: Layout): void {
  const n = band.x.length;
  context.fillStyle = context.strokeStyle = band.color;
  context.globalAlpha = 0.18;
  context.beginPath();
  const at = (value: number): number => (y.log ? Math.max(value, y.low) : value);
  for (let i = 0; i < n; i++) context.lineTo(x.pixel(band.x[i] as number), y.pixel(at(band.high[i] as number)));
  for (let i = n - 1; i >= 0; i--) context.lineTo(x.pixel(band.x[i] as number), y.pixel(at(band.low[i] as number)));
  context.fill();
  context.globalAlpha = 1;
  context.lineWidth = 1.8;
  context.beginPath();
  trace(context, { x: band.x, y: band.mid, n, whole: true }, x, y, 0, n);
  context.stroke();
  if (n === 1) paintStretch(context, x.pixel(band.x[0] as number), [band.low, band.mid, band.high].map((values) => y.pixel(at(values[0] as number))));
}

/** One stretch alone has no area: a whisker, and a dot in its middle. */
function paintStretch(context: Pen, left: number, [low = 0, middle = 0, high = 0]: number[]): void {
  context.beginPath();
  context.moveTo(left, low);
  context.lineTo(left, high);
  context.stroke();
  context.beginPath();
  dot(context, left, middle, 3);
  context.fill();
}

export function dot(context: Pen, left: number, top: number, radius: number): void {
  context.moveTo(left + radius, top);
  context.arc(left, top, radius, 0, 2 * Math.PI);
}

/** Grey below, then what smoothed lines were made of, then lines, the first of them on top. */
export function inDrawOrder(model: ChartModel): ChartModel {
  const order = { pale: 0, raw: 1, line: 2 };
  return { ...model, lines: [...model.lines].reverse().sort((a, b) => order[a.look] - order[b.look]) };
}
