/** The one interface between pages and whatever draws their line charts. */

import type { Axis, Line } from "../core/chart_lines";

export interface ChartLine {
  line: Line;
  label: string;
  color: string;
  /** Drawn thin and pale, below the others. */
  faint: boolean;
}

export interface ChartModel {
  /** The metric. */
  title: string;
  axis: Axis;
  log: boolean;
  lines: ChartLine[];
}

/** Colours and font that a canvas cannot read from the style sheet by itself. */
export interface ChartStyle {
  ink: string;
  grid: string;
  surface: string;
  font: string;
}

/** The point under the pointer, with its place in the chart's element. */
export interface Hover {
  run: string;
  label: string;
  color: string;
  x: number;
  value: number;
  left: number;
  top: number;
}

export interface ChartSurface {
  /** Shows new data; a zoom in force stays. */
  update(model: ChartModel): void;
  resize(width: number, height: number): void;
  /** Lifts one run's line out of the others, or none. */
  focus(run: string | null): void;
  destroy(): void;
}

export type DrawLines = (
  host: HTMLElement,
  model: ChartModel,
  style: ChartStyle,
  onHover: (hover: Hover | null) => void,
) => ChartSurface;
