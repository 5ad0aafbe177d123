/** A chart as an SVG file: the same drawing, written down. */

import { layOut } from "./axes";
import type { ChartModel, ChartStyle } from "./model";
import { inDrawOrder, paint } from "./paint";
import type { Pen } from "./paths";

const round = (value: number): number => Math.round(value * 100) / 100;

const escaped = (text: string): string => text.replace(/[&<>"]/g, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[sign] ?? sign);

/** What draws on a canvas writes SVG with this. */
export class SvgPen implements Pen {
  globalAlpha = 1;
  strokeStyle: Pen["strokeStyle"] = "#000";
  fillStyle: Pen["fillStyle"] = "#000";
  lineWidth = 1;
  lineJoin: Pen["lineJoin"] = "round";
  font = "11px sans-serif";
  textAlign: Pen["textAlign"] = "left";
  textBaseline: Pen["textBaseline"] = "alphabetic";
  #path: string[] = [];
  #parts: string[] = [];
  #clips = 0;
  #open: number[] = [];
  #stack: { alpha: number; width: number; stroke: Pen["strokeStyle"]; fill: Pen["fillStyle"] }[] = [];
  readonly #prefix: string;
  #ruler = document.createElement("canvas").getContext("2d");

  /** What ids begin with: those of two drawings on one page must differ. */
  constructor(prefix = "c") {
    this.#prefix = prefix;
  }

  save(): void {
    this.#stack.push({ alpha: this.globalAlpha, width: this.lineWidth, stroke: this.strokeStyle, fill: this.fillStyle });
    this.#open.push(0);
  }

  restore(): void {
    const before = this.#stack.pop();
    if (before) [this.globalAlpha, this.lineWidth, this.strokeStyle, this.fillStyle] = [before.alpha, before.width, before.stroke, before.fill];
    for (let groups = this.#open.pop() ?? 0; groups > 0; groups--) this.#parts.push("</g>");
  }

  beginPath(): void { this.#path = []; }
  moveTo(x: number, y: number): void { this.#path.push(`M${round(x)} ${round(y)}`); }
  lineTo(x: number, y: number): void { this.#path.push(`${this.#path.length ? "L" : "M"}${round(x)} ${round(y)}`); }
  closePath(): void { this.#path.push("Z"); }
  rect(x: number, y: number, width: number, height: number): void { this.#path.push(`M${round(x)} ${round(y)}h${round(width)}v${round(height)}h${round(-width)}Z`); }

  /** Whole circles only. */
  arc(x: number, y: number, radius: number): void {
    const r = round(radius);
    this.#path.push(`M${round(x - radius)} ${round(y)}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0`);
  }

  clip(): void {
    this.#clips += 1;
    this.#parts.push(`<clipPath id="${this.#prefix}${this.#clips}"><path d="${this.#path.join("")}"/></clipPath><g clip-path="url(#${this.#prefix}${this.#clips})">`);
    if (this.#open.length) this.#open[this.#open.length - 1] = (this.#open.at(-1) ?? 0) + 1;
  }

  stroke(): void {
    if (this.#path.length) this.#parts.push(`<path d="${this.#path.join("")}" fill="none" stroke="${String(this.strokeStyle)}" stroke-width="${this.lineWidth}" stroke-linejoin="round"${this.#alpha()}/>`);
  }

  fill(): void {
    if (this.#path.length) this.#parts.push(`<path d="${this.#path.join("")}" fill="${String(this.fillStyle)}"${this.#alpha()}/>`);
  }

  measureText(text: string): TextMetrics {
    if (!this.#ruler) return { width: text.length * 6.5 } as TextMetrics;
    this.#ruler.font = this.font;
    return this.#ruler.measureText(text);
  }

  fillText(text: string, x: number, y: number): void {
    const anchor = { right: "end", center: "middle" }[this.textAlign as string] ?? "start";
    const drop = { middle: 4, top: 9 }[this.textBaseline as string] ?? 0;
    this.#parts.push(`<text x="${round(x)}" y="${round(y + drop)}" text-anchor="${anchor}" fill="${String(this.fillStyle)}" style="font:${escaped(this.font)}">${escaped(text)}</text>`);
  }

  /** The file. */
  written(width: number, height: number, surface: string, title: string): string {
    return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img"><title>${escaped(title)}</title>` +
      `<rect width="100%" height="100%" fill="${surface}"/>${this.#parts.join("")}</svg>`;
  }

  #alpha(): string {
    return this.globalAlpha < 1 ? ` opacity="${this.globalAlpha}"` : "";
  }
}

export function svgOf(model: ChartModel, width: number, height: number, style: ChartStyle, prefix = "c"): string {
  const pen = new SvgPen(prefix);
  const ordered = inDrawOrder(model);
  paint(pen, ordered, layOut(pen, ordered, width, height, style.font), style);
  return pen.written(width, height, style.surface, model.title);
}
