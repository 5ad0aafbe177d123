/** Line charts on two canvases: what was logged below, what the pointer shows above, so that hovering redraws no line. */

import { placeOf } from "../core/curves";
import { frames } from "../core/frames";
import type { Scale } from "../core/scale";
import { drawMarks, layOut, type Layout } from "./axes";
import type { ChartLine, ChartModel, ChartStyle, ChartSurface, Cursor, Hover } from "./model";
import { dot, inDrawOrder, paint, paintLine, within } from "./paint";
import { inSight, trace } from "./paths";

/** A pointer finds a line within so many pixels. */
const REACH = 36;

interface Drawn {
  stamp: number | string;
  n: number;
  look: string;
}

export function drawLines(host: HTMLElement, model: ChartModel, style: ChartStyle): ChartSurface {
  return new CanvasLines(host, model, style);
}

class CanvasLines implements ChartSurface {
  #base = document.createElement("canvas");
  #top = document.createElement("canvas");
  #width = 0;
  #height = 0;
  #model: ChartModel;
  #layout: Layout | undefined;
  #drawn = new Map<string, Drawn>();
  #looks = "";
  #cursor: Cursor = { x: null, run: null };
  #pointed = false;

  constructor(
    host: HTMLElement,
    model: ChartModel,
    private readonly style: ChartStyle,
  ) {
    this.#model = inDrawOrder(model);
    for (const canvas of [this.#base, this.#top]) {
      canvas.setAttribute("aria-hidden", "true");
      host.prepend(canvas);
    }
    host.append(this.#top);
    this.resize(host.clientWidth, host.clientHeight);
  }

  update(model: ChartModel): void {
    this.#model = inDrawOrder(model);
    frames.ask(this, () => this.#refresh());
  }

  resize(width: number, height: number): void {
    if (width <= 0 || height <= 0 || (width === this.#width && height === this.#height && this.#layout)) return;
    [this.#width, this.#height] = [width, height];
    const ratio = window.devicePixelRatio || 1;
    for (const canvas of [this.#base, this.#top]) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
      canvas.style.width = `${width}px`;
      canvas.style.height = `${height}px`;
      canvas.getContext("2d")?.setTransform(ratio, 0, 0, ratio, 0, 0);
    }
    this.#layout = undefined;
    frames.ask(this, () => this.#draw());
  }

  point(cursor: Cursor): void {
    this.#cursor = cursor;
    if (this.#layout) this.#drawTop();
  }

  frame(): { left: number; right: number; top: number; bottom: number } {
    const { x, y } = this.#ready();
    return { left: x.from, right: x.to, top: y.to, bottom: y.from };
  }

  xAt(left: number): number {
    return this.#ready().x.value(left);
  }

  find(left: number, top: number): Hover | null {
    const { x, y } = this.#ready();
    let best: Hover | null = null;
    let least = REACH;
    for (const line of this.#model.lines) {
      if (line.look === "raw" || line.n === 0) continue;
      const at = nearest(line, x, y, left);
      if (at < 0) continue;
      const [px, py] = [x.pixel(line.x[at] as number), y.pixel(line.y[at] as number)];
      // The line between two points is hit too, not only its points.
      const distance = Math.min(Math.hypot(px - left, py - top), this.#awayFrom(line, x, y, left, top));
      if (distance >= least || px < x.from - 1 || px > x.to + 1) continue;
      least = distance;
      best = { run: line.id, label: line.label, color: line.color, x: line.x[at] as number, value: line.y[at] as number, rounded: line.y instanceof Float32Array, left: px, top: Math.min(Math.max(py, y.to), y.from) };
    }
    return best;
  }

  picture(): HTMLCanvasElement {
    const copy = document.createElement("canvas");
    [copy.width, copy.height] = [this.#base.width, this.#base.height];
    const context = copy.getContext("2d") as CanvasRenderingContext2D;
    context.fillStyle = this.style.surface;
    context.fillRect(0, 0, copy.width, copy.height);
    context.drawImage(this.#base, 0, 0);
    return copy;
  }

  destroy(): void {
    frames.drop(this);
    this.#base.remove();
    this.#top.remove();
  }

  #context(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
    return canvas.getContext("2d") as CanvasRenderingContext2D;
  }

  #ready(): Layout {
    return this.#layout ?? this.#makeLayout();
  }

  #awayFrom(line: ChartLine, x: Scale, y: Scale, left: number, top: number): number {
    const next = placeOf(line.x, line.n, x.value(left));
    if (next <= 0 || next >= line.n) return Infinity;
    const [x0, x1] = [x.pixel(line.x[next - 1] as number), x.pixel(line.x[next] as number)];
    const [y0, y1] = [y.pixel(line.y[next - 1] as number), y.pixel(line.y[next] as number)];
    if (!(x1 > x0)) return Infinity;
    return Math.abs(y0 + ((y1 - y0) * (left - x0)) / (x1 - x0) - top);
  }

  #makeLayout(): Layout {
    return layOut(this.#base.getContext("2d"), this.#model, this.#width, this.#height, this.style.font);
  }

  /** Draws only what is new when nothing else has changed. */
  #refresh(): void {
    const before = this.#layout;
    if (before === undefined || this.#looks !== looksOf(this.#model) || !this.#grewInside(before)) return this.#draw();
    const context = within(this.#context(this.#base), before);
    const { lines } = this.#model;
    for (const line of lines) {
      const done = this.#drawn.get(line.id + line.look);
      if (!done || done.n === line.n) continue;
      paintLine(context, line, before, Math.max(0, done.n - 1), line.n, lines.length);
      done.n = line.n;
    }
    context.restore();
    drawMarks(context, this.#model, before, this.style);
    if (this.#pointed) this.#drawTop();
  }

  /** Whether all that came lies within the axes, after what is drawn. */
  #grewInside({ x, y }: Layout): boolean {
    const { lines, bands, live, range, clip } = this.#model;
    if (bands.length > 0 || clip || !(live || range)) return false;
    for (const line of lines) {
      const done = this.#drawn.get(line.id + line.look);
      if (!done || done.stamp !== line.stamp || done.n > line.n || done.look !== line.color) return false;
      for (let i = done.n; i < line.n; i++) {
        const [at, value] = [line.x[i] as number, line.y[i] as number];
        if ((!range && at > x.high) || value > y.high || value < y.low) return false;
      }
    }
    return lines.length === this.#drawn.size;
  }

  #draw(): void {
    frames.drop(this);
    const layout = (this.#layout = this.#makeLayout());
    const context = this.#context(this.#base);
    context.clearRect(0, 0, this.#width, this.#height);
    paint(context, this.#model, layout, this.style);
    this.#drawn.clear();
    for (const line of this.#model.lines) this.#drawn.set(line.id + line.look, { stamp: line.stamp, n: line.n, look: line.color });
    this.#looks = looksOf(this.#model);
    this.#drawTop();
  }

  #drawTop(): void {
    const layout = this.#layout;
    const context = this.#top.getContext("2d");
    if (!layout || !context) return;
    const { x, run } = this.#cursor;
    if (this.#pointed) context.clearRect(0, 0, this.#width, this.#height);
    this.#pointed = x !== null || run !== null;
    if (!this.#pointed) return;
    within(context, layout);
    const hot = run === null ? [] : this.#model.lines.filter((line) => line.id === run && line.look !== "raw");
    if (hot.length) {
      context.globalAlpha = 0.55;
      context.fillStyle = this.style.surface;
      context.fillRect(layout.x.from, layout.y.to, layout.x.to - layout.x.from, layout.y.from - layout.y.to);
      context.globalAlpha = 1;
    }
    if (x !== null) this.#cross(context, layout, x);
    for (const line of hot) this.#hot(context, line, layout);
    context.restore();
  }

  #cross(context: CanvasRenderingContext2D, { x, y }: Layout, at: number): void {
    const pixel = Math.round(x.pixel(at)) + 0.5;
    context.strokeStyle = this.style.ink;
    context.globalAlpha = 0.7;
    context.lineWidth = 1;
    context.setLineDash([3, 3]);
    context.beginPath();
    context.moveTo(pixel, y.to);
    context.lineTo(pixel, y.from);
    context.stroke();
    context.setLineDash([]);
    context.globalAlpha = 1;
  }

  #hot(context: CanvasRenderingContext2D, line: ChartLine, { x, y }: Layout): void {
    const [from, to] = inSight(line, x);
    context.beginPath();
    trace(context, line, x, y, from, to);
    context.strokeStyle = this.style.surface;
    context.lineWidth = 5;
    context.stroke();
    context.strokeStyle = line.color;
    context.lineWidth = 2.5;
    context.stroke();
    if (this.#cursor.x === null) return;
    const at = nearest(line, x, y, x.pixel(this.#cursor.x));
    if (at < 0) return;
    context.fillStyle = line.color;
    context.beginPath();
    dot(context, x.pixel(line.x[at] as number), y.pixel(line.y[at] as number), 4);
    context.fill();
    context.strokeStyle = this.style.surface;
    context.lineWidth = 1.5;
    context.stroke();
  }
}

/** The place of the point nearest to a pixel along x that can be drawn; -1 for none. */
function nearest(line: ChartLine, x: Scale, y: Scale, left: number): number {
  const target = x.value(left);
  const next = placeOf(line.x, line.n, target);
  const drawn = (i: number): boolean => Number.isFinite(line.y[i]) && !(y.log && (line.y[i] as number) <= 0);
  let [before, after] = [next - 1, next];
  while (before >= 0 && !drawn(before)) before -= 1;
  while (after < line.n && !drawn(after)) after += 1;
  if (before < 0) return after < line.n ? after : -1;
  if (after >= line.n) return before;
  return target - (line.x[before] as number) <= (line.x[after] as number) - target ? before : after;
}

function looksOf(model: ChartModel): string {
  return [model.axis, model.logX, model.logY, model.clip, model.live, model.range?.join(), ...model.lines.map((line) => line.id)].join(" ");
}
