/** From curves to what a chart draws: which line has a colour, what is smoothed, what becomes a band. */

import type { ChartLine, ChartModel } from "../chart/model";
import { bandOf, type Band } from "./bands";
import type { ChartState } from "./chart_state";
import { placeOf, type Curve } from "./curves";
import type { AxisKind } from "./scale";
import { smooth } from "./smooth";

/** More lines than this cannot be told apart by colour. */
export const MOST_COLOURED = 10;
/** More lines than this get a band that says where most of them are. */
export const MANY = 50;
export const GREY = "#8a8f99";

/** A run of which charts know no more than this. */
export interface ChartRun {
  id: string;
  name: string;
  color: string;
  /** What it is grouped by; "" without groups. */
  group: string;
  live: boolean;
}

export interface LinesOf {
  metric: string;
  runs: readonly ChartRun[];
  curves: ReadonlyMap<string, Curve>;
  /** Where x is another metric, its curves. */
  across: ReadonlyMap<string, Curve> | null;
  state: Pick<ChartState, "x" | "smoothing" | "strength" | "logX" | "logY" | "clip" | "draw" | "spread" | "range">;
  axisName: string;
  /** The colour of a group. */
  colorOf: (group: string) => string;
  everyone: string;
}

export function axisOf(x: string): AxisKind {
  return x === "step" || x === "relative" || x === "time" ? x : "number";
}

export function makeModel(from: LinesOf): ChartModel {
  const { state } = from;
  const found = from.runs.flatMap((run) => {
    const curve = from.curves.get(run.id);
    if (!curve || curve.n === 0) return [];
    const points = from.across ? acrossOf(curve, from.across.get(run.id)) : curve;
    return points && points.n ? [{ run, curve: points }] : [];
  });
  const span = spanOf(found.map((each) => each.curve), state.range);
  const lines: ChartLine[] = [];
  const behind: ChartLine[] = [];
  const bands = state.draw === "bands" || (state.draw === "auto" && found.length > MANY) ? bandsOf(from, found, span) : [];
  if (state.draw === "bands") behind.push(...found.map(({ run, curve }): ChartLine => ({ ...lineOf(run, curve, from.colorOf(run.group)), y: curve.y, stamp: curve.stamp, look: "pale" })));
  else {
    found.forEach(({ run, curve }, place) => {
      const pale = found.length > MOST_COLOURED && (run.group !== "" || place >= MOST_COLOURED);
      const color = run.group ? from.colorOf(run.group) : pale ? GREY : run.color;
      const line = lineOf(run, curve, color);
      if (state.smoothing === "none" || state.strength === 0) {
        lines.push({ ...line, y: curve.y, stamp: curve.stamp, look: pale ? "pale" : "line" });
        return;
      }
      if (!pale) lines.push({ ...line, y: curve.y, stamp: curve.stamp, look: "raw" });
      const y = smooth(state.smoothing, state.strength, curve.x, curve.y, curve.n, state.smoothing === "gaussian" ? reachOf(curve, span) : span[1] - span[0]);
      // Of a Gaussian the end moves with every point; and the span that strength is measured by with most.
      lines.push({ ...line, y, stamp: `${curve.stamp} ${curve.n} ${span.join()}`, look: pale ? "pale" : "line" });
    });
  }
  return {
    title: from.metric, axis: axisOf(state.x), axisName: from.axisName, logX: state.logX && state.x !== "time", logY: state.logY, range: state.range,
    clip: state.clip, lines, bands, behind, live: found.some(({ run }) => run.live),
  };
}

function lineOf(run: ChartRun, curve: Curve, color: string): Omit<ChartLine, "y" | "stamp" | "look"> {
  return { id: run.id, label: run.name, color, x: curve.x, n: curve.n, whole: curve.whole, nan: curve.nan };
}

/** How much of `span` a curve covers: by that a window is measured, so that a short run is no flat stub beside a long one. */
function reachOf(curve: Pick<Curve, "x" | "n">, [low, high]: [number, number]): number {
  return Math.max(0, Math.min(high, curve.x[curve.n - 1] as number) - Math.max(low, curve.x[0] as number));
}

function spanOf(curves: readonly Pick<Curve, "x" | "n">[], range: ChartState["range"]): [number, number] {
  if (range) return [range[0], range[1]];
  let [low, high] = [Infinity, -Infinity];
  for (const { x, n } of curves) {
    low = Math.min(low, x[0] as number);
    high = Math.max(high, x[n - 1] as number);
  }
  return low <= high ? [low, high] : [0, 1];
}

function bandsOf(from: LinesOf, found: { run: ChartRun; curve: Pick<Curve, "x" | "y" | "n"> }[], [low, high]: [number, number]): Band[] {
  const groups = new Map<string, Pick<Curve, "x" | "y" | "n">[]>();
  for (const { run, curve } of found) {
    const group = groups.get(run.group);
    if (group) group.push(curve);
    else groups.set(run.group, [curve]);
  }
  const spread = from.state.draw === "auto" ? "deciles" : from.state.spread;
  return [...groups].map(([group, curves]) => {
    const band = bandOf(curves, low, high, spread);
    if (from.state.smoothing !== "none" && from.state.strength > 0) {
      for (const name of ["low", "mid", "high"] as const) band[name] = smooth(from.state.smoothing, from.state.strength, band.x, band[name], band.x.length, high - low);
    }
    return { id: `band ${group}`, label: group || from.everyone, color: from.colorOf(group), runs: curves.length, ...band };
  });
}

/** `y` over another metric of the same run: its value at each step, between two logged ones in proportion. */
function acrossOf(y: Curve, x: Curve | undefined): Curve | null {
  if (!x || x.n === 0) return null;
  const points: [number, number][] = [];
  for (let i = 0; i < y.n; i++) {
    const at = valueAt(x, y.x[i] as number);
    if (Number.isFinite(at)) points.push([at, y.y[i] as number]);
  }
  points.sort((a, b) => a[0] - b[0]);
  return {
    ...y, x: Float64Array.from(points, (point) => point[0]), y: Float64Array.from(points, (point) => point[1]), n: points.length,
    stamp: -1 - ((y.stamp * 4099 + x.stamp * 31 + y.n + x.n) % 2 ** 40),
  };
}

/** The value at `at`, in proportion between two points; NaN outside of them. */
export function valueAt(curve: Pick<Curve, "x" | "y" | "n">, at: number): number {
  const next = placeOf(curve.x, curve.n, at);
  if (next < curve.n && curve.x[next] === at) return curve.y[next] as number;
  if (next === 0 || next >= curve.n) return NaN;
  const [x0, x1, y0, y1] = [curve.x[next - 1] as number, curve.x[next] as number, curve.y[next - 1] as number, curve.y[next] as number];
  return y0 + ((y1 - y0) * (at - x0)) / (x1 - x0);
}

export interface LineFacts {
  points: number;
  nan: number;
  infinite: number;
  notPositive: number;
  first: number | null;
  last: number | null;
  lowest: number | null;
  highest: number | null;
}

/** What a line's text summary tells; what is no number is counted apart. */
export function lineFacts(line: Pick<ChartLine, "x" | "y" | "n" | "nan">): LineFacts {
  const facts: LineFacts = { points: 0, nan: line.nan, infinite: 0, notPositive: 0, first: null, last: null, lowest: null, highest: null };
  for (let i = 0; i < line.n; i++) {
    const value = line.y[i] as number;
    if (Number.isNaN(value)) continue;
    if (!Number.isFinite(value)) facts.infinite += 1;
    else {
      facts.points += 1;
      if (value <= 0) facts.notPositive += 1;
      facts.first ??= value;
      facts.last = value;
      if (facts.lowest === null || value < facts.lowest) facts.lowest = value;
      if (facts.highest === null || value > facts.highest) facts.highest = value;
    }
  }
  return facts;
}
