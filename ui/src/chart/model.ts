/** The one interface between pages and whatever draws their line charts. */

import type { Band } from "../core/bands";
import type { AxisKind } from "../core/scale";

/** Its first `n` points count. Lines with the same `stamp` differ by points at the end only. */
export interface ChartLine {
  id: string;
  label: string;
  color: string;
  x: ArrayLike<number>;
  y: ArrayLike<number>;
  n: number;
  stamp: number | string;
  /** All points are here, so a NaN is a gap; else it stands in a stretch that has numbers too. */
  whole: boolean;
  /** `pale`: thin and grey, below the others. `raw`: what a smoothed line of the same run was made of; no pointer finds it. */
  look: "line" | "pale" | "raw";
  /** Points that are NaN, also such that are not here. */
  nan: number;
}

export interface ChartModel {
  /** The metric. */
  title: string;
  /** What x is, and its name. */
  axis: AxisKind;
  axisName: string;
  logX: boolean;
  logY: boolean;
  /** The stretch of x that is looked at; null for all. */
  range: readonly [number, number] | null;
  /** Leave the lowest and highest hundredth of the values out of the y axis. */
  clip: boolean;
  lines: ChartLine[];
  bands: Band[];
  /** Lines for which only bands stand: of them only what has no place in a band is drawn. */
  behind: ChartLine[];
  /** Points are still coming: room is left for them, so that not every one moves the axis. */
  live: boolean;
}

/** Colours and font that a canvas cannot read from the style sheet by itself. */
export interface ChartStyle {
  ink: string;
  grid: string;
  surface: string;
  bad: string;
  font: string;
}

/** The point under the pointer, with its place in the chart's element. */
export interface Hover {
  run: string;
  label: string;
  color: string;
  x: number;
  value: number;
  /** The value came as a float32, as where many runs are drawn. */
  rounded: boolean;
  left: number;
  top: number;
}

/** Where the reader points, on whichever of the charts that are looked at together. */
export interface Cursor {
  x: number | null;
  run: string | null;
}

export interface ChartSurface {
  update(model: ChartModel): void;
  resize(width: number, height: number): void;
  /** Draws a line through `x` and lifts one run out of the others, above the chart itself. */
  point(cursor: Cursor): void;
  /** What a pointer at a place of the element points at. */
  find(left: number, top: number): Hover | null;
  /** The x of a place, and the place of an x; `inside`: whether it is within the axes. */
  xAt(left: number): number;
  /** Where the axes are, in the element. */
  frame(): { left: number; right: number; top: number; bottom: number };
  /** The picture, with the surface behind it. */
  picture(): HTMLCanvasElement;
  destroy(): void;
}
