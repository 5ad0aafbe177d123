/** A chart by keys: arrows go from point to point and from line to line, plus and minus zoom, 0 shows all. */

import { placeOf } from "../core/curves";
import type { ChartLine, ChartModel, ChartSurface, Cursor, Hover } from "./model";

interface Told {
  model: () => ChartModel;
  surface: () => ChartSurface | undefined;
  hover: () => Hover | null;
  show: (hover: Hover | null, cursor: Cursor) => void;
  zoom: (range: readonly [number, number] | null) => void;
  open: (run: string) => void;
  say: (point: Hover) => void;
}

/** With Shift. */
const LEAP = 10;

export function chartKeys(told: Told): (event: KeyboardEvent) => void {
  const lines = (): ChartLine[] => told.model().lines.filter((line) => line.look !== "raw" && line.n > 0);
  const go = (line: ChartLine, at: number): void => {
    const surface = told.surface();
    if (!surface) return;
    const place = Math.min(Math.max(at, 0), line.n - 1);
    const [x, value] = [line.x[place] as number, line.y[place] as number];
    const frame = surface.frame();
    const share = (x - surface.xAt(frame.left)) / (surface.xAt(frame.right) - surface.xAt(frame.left) || 1);
    const hover = { run: line.id, label: line.label, color: line.color, x, value, rounded: line.y instanceof Float32Array, left: frame.left + share * (frame.right - frame.left), top: (frame.top + frame.bottom) / 2 };
    told.show(hover, { x, run: line.id });
    told.say(hover);
  };
  const move = (by: number, event: KeyboardEvent): void => {
    const all = lines();
    const now = told.hover();
    const line = all.find((each) => each.id === now?.run) ?? all.at(-1);
    if (!line) return;
    const at = now ? placeOf(line.x, line.n, now.x) : by > 0 ? -by : line.n;
    go(line, at + by * (event.shiftKey ? LEAP : 1));
  };
  const change = (by: number): void => {
    const all = lines();
    const now = told.hover();
    const at = all.findIndex((each) => each.id === now?.run);
    const line = all[at < 0 ? all.length - 1 : (at + by + all.length) % all.length];
    if (line) go(line, now ? placeOf(line.x, line.n, now.x) : 0);
  };
  const zoom = (factor: number): void => {
    const surface = told.surface();
    if (!surface) return;
    const frame = surface.frame();
    const [low, high] = [surface.xAt(frame.left), surface.xAt(frame.right)];
    const middle = told.hover()?.x ?? (low + high) / 2;
    told.zoom([middle - (middle - low) * factor, middle + (high - middle) * factor]);
  };
  const keys: Record<string, (event: KeyboardEvent) => void> = {
    ArrowLeft: (event) => move(-1, event),
    ArrowRight: (event) => move(1, event),
    ArrowUp: () => change(1),
    ArrowDown: () => change(-1),
    "+": () => zoom(0.5),
    "=": () => zoom(0.5),
    "-": () => zoom(2),
    "0": () => told.zoom(null),
    Enter: () => { const run = told.hover()?.run; if (run) told.open(run); },
    Escape: () => told.show(null, { x: null, run: null }),
  };
  return (event) => {
    const act = keys[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape" && !told.hover()) return;
    event.preventDefault();
    event.stopPropagation();
    act(event);
  };
}
