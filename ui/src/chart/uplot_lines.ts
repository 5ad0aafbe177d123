/** Line charts drawn by uPlot; loaded only when a chart comes into sight. */

import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { alignLines, type Axis } from "../core/chart_lines";
import { formatDuration, formatNumber, formatTick } from "../core/format";
import type { ChartModel, ChartStyle, ChartSurface, DrawLines, Hover } from "./model";

const STEP_JUMPS = Array.from({ length: 15 }, (_, power) => [1, 2, 5].map((n) => n * 10 ** power)).flat();
const SECOND_JUMPS = [
  ...Array.from({ length: 4 }, (_, i) => [1, 2, 5].map((n) => n * 10 ** (i - 4))).flat(),
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 432_000, 864_000, 2_592_000, 7_776_000, 31_536_000,
];
const CHARACTER = 6.6;

export const drawLines: DrawLines = (host, model, style, onHover) => new Lines(host, model, style, onHover);

/** Canvas pixels that a mark wants to itself. */
const POINT_ROOM = 20;

class Lines implements ChartSurface {
  #plot: uPlot;
  #model: ChartModel;
  #zoomed = false;

  constructor(
    private readonly host: HTMLElement,
    model: ChartModel,
    private readonly style: ChartStyle,
    private readonly onHover: (hover: Hover | null) => void,
  ) {
    this.#model = inDrawOrder(model);
    this.#plot = this.#make();
  }

  update(model: ChartModel): void {
    const before = this.#model;
    this.#model = inDrawOrder(model);
    const looks = (each: ChartModel): string =>
      JSON.stringify([each.axis, each.log, each.lines.map((line) => [line.line.id, line.color, line.faint, line.label])]);
    if (looks(before) === looks(this.#model)) {
      const scale = this.#plot.scales.x;
      const kept = this.#zoomed && scale ? { min: scale.min ?? 0, max: scale.max ?? 1 } : null;
      this.#plot.setData(dataOf(this.#model), kept === null);
      if (kept) this.#plot.setScale("x", kept);
      return;
    }
    this.#plot.destroy();
    this.#zoomed = false;
    this.#plot = this.#make();
  }

  resize(width: number, height: number): void {
    if (width > 0 && (width !== this.#plot.width || height !== this.#plot.height)) this.#plot.setSize({ width, height });
  }

  focus(run: string | null): void {
    const at = this.#model.lines.findIndex((each) => each.line.id === run);
    this.#plot.setSeries(at < 0 ? null : at + 1, { focus: true }, false);
  }

  destroy(): void {
    this.#plot.destroy();
  }

  #make(): uPlot {
    return new uPlot(this.#options(), dataOf(this.#model), this.host);
  }

  #options(): uPlot.Options {
    const { axis, log, lines } = this.#model;
    return {
      width: Math.max(80, this.host.clientWidth),
      height: Math.max(80, this.host.clientHeight),
      padding: [8, axis === "wall" ? 36 : 16, 0, axis === "wall" ? 24 : 8],
      legend: { show: false },
      focus: { alpha: 0.2 },
      cursor: {
        y: false,
        drag: { x: true, y: false, setScale: true },
        focus: { prox: lines.length > 1 ? 32 : -1 },
        hover: { skip: [undefined, null] },
        points: { size: 7 },
      },
      scales: { x: { time: false, range: (plot, min, max) => xRange(plot.data[0], min, max) }, y: { distr: log ? 3 : 1 } },
      axes: [this.#xAxis(axis), this.#yAxis()],
      series: [
        {},
        ...lines.map((each) => ({
          label: each.label,
          stroke: each.color,
          width: each.faint ? 1 : 1.6,
          alpha: each.faint ? 0.45 : 1,
          points: {
            size: 5,
            show: (plot: uPlot, at: number, from: number, to: number): boolean =>
              isSparse(plot.data[at], from, to, plot.bbox.width / POINT_ROOM),
          },
        })),
      ],
      hooks: {
        setCursor: [(plot: uPlot): void => this.onHover(this.#hover(plot))],
        setScale: [(plot: uPlot, key: string): void => { if (key === "x") this.#zoomed = isZoomed(plot); }],
      },
    };
  }

  #axisBase(): uPlot.Axis {
    return {
      stroke: this.style.ink,
      font: this.style.font,
      grid: { stroke: this.style.grid, width: 1 },
      ticks: { stroke: this.style.grid, width: 1, size: 4 },
      gap: 4,
    };
  }

  #xAxis(axis: Axis): uPlot.Axis {
    return {
      ...this.#axisBase(),
      size: 28,
      space: axis === "wall" ? 90 : 50,
      incrs: axis === "step" ? STEP_JUMPS : SECOND_JUMPS,
      values: (_, splits) => {
        const spread = (splits.at(-1) ?? 0) - (splits[0] ?? 0);
        if (axis === "step") return splits.map(formatNumber);
        return splits.map((value) => (axis === "wall" ? formatTick(value * 1000, spread * 1000) : formatDuration(value * 1000)));
      },
    };
  }

  #yAxis(): uPlot.Axis {
    return {
      ...this.#axisBase(),
      // A logarithmic axis hands null for the marks it leaves unnamed.
      values: (_, splits: (number | null)[]) => splits.map((value) => (value === null ? "" : formatNumber(value))),
      size: (_, values: string[] | null) =>
        Math.max(36, 14 + CHARACTER * Math.max(0, ...(values ?? []).map((value) => value?.length ?? 0))),
    };
  }

  /** The nearest point of any line; the plot itself looks only along the pointer's column. */
  #hover(plot: uPlot): Hover | null {
    const { left, top } = plot.cursor;
    if (left === undefined || top === undefined || left < 0) return null;
    let best: Hover | null = null;
    let least = Infinity;
    this.#model.lines.forEach((each, i) => {
      const at = plot.cursor.idxs?.[i + 1];
      const value = at === null || at === undefined ? null : plot.data[i + 1]?.[at];
      const x = at === null || at === undefined ? undefined : plot.data[0]?.[at];
      if (value === null || value === undefined || x === undefined) return;
      const [px, py] = [plot.valToPos(x, "x"), plot.valToPos(value, "y")];
      const distance = Math.abs(py - top) + Math.abs(px - left);
      if (distance >= least) return;
      least = distance;
      const [ox, oy] = [plot.over.offsetLeft, plot.over.offsetTop];
      best = { run: each.line.id, label: each.label, color: each.color, x, value, left: px + ox, top: py + oy };
    });
    return best;
  }
}

/** Whether so few values are in sight that each gets a mark; a lone one would not be seen otherwise. */
function isSparse(values: ArrayLike<number | null | undefined> | undefined, from: number, to: number, most: number): boolean {
  let seen = 0;
  for (let at = from; values !== undefined && at <= to; at += 1) {
    if (values[at] === null || values[at] === undefined) continue;
    seen += 1;
    if (seen > most) return false;
  }
  return seen > 0;
}

/** The range of x; a single x gets some room on both sides. */
function xRange(all: ArrayLike<number>, min: number | null, max: number | null): [number, number] {
  const [first, last] = [all[0], all[all.length - 1]];
  if (first !== undefined && first === last) return [first - 0.5, first + 0.5];
  return min === null || max === null ? [0, 1] : [min, max];
}

function inDrawOrder(model: ChartModel): ChartModel {
  const pale = model.lines.filter((each) => each.faint);
  return { ...model, lines: [...pale, ...model.lines.filter((each) => !each.faint)] };
}

function dataOf(model: ChartModel): uPlot.AlignedData {
  const { x, y } = alignLines(model.lines.map((each) => each.line));
  return [x, ...y] as uPlot.AlignedData;
}

function isZoomed(plot: uPlot): boolean {
  const x = plot.data[0];
  const { min, max } = plot.scales.x ?? {};
  if (!x?.length || min === undefined || max === undefined) return false;
  return min > (x[0] ?? 0) || max < (x[x.length - 1] ?? 0);
}
