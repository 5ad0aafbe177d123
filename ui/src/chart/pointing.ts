/** What a pointer does on a chart: points, and drags a stretch to look at. */

import type { ChartSurface, Cursor, Hover } from "./model";

export interface Brush {
  left: number;
  width: number;
  top: number;
  height: number;
}

interface Told {
  surface: () => ChartSurface | undefined;
  show: (hover: Hover | null, cursor: Cursor) => void;
  brush: (brush: Brush | null) => void;
  zoom: (range: readonly [number, number]) => void;
  open: (run: string) => void;
}

/** Fewer pixels are a click. */
const LEAST = 5;

export function pointing(told: Told): Record<"move" | "leave" | "down" | "up" | "click", (event: PointerEvent | MouseEvent) => void> {
  let start: number | null = null;
  let dragged = false;
  let last: Hover | null = null;
  const placeOf = (event: MouseEvent): [number, number] => {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const brushOf = (surface: ChartSurface, to: number): Brush => {
    const frame = surface.frame();
    const clamp = (at: number): number => Math.min(Math.max(at, frame.left), frame.right);
    const [a, b] = [clamp(start ?? to), clamp(to)];
    return { left: Math.min(a, b), width: Math.abs(b - a), top: frame.top, height: frame.bottom - frame.top };
  };
  const end = (): void => {
    start = null;
    told.brush(null);
  };
  return {
    move: (event) => {
      const surface = told.surface();
      if (!surface) return;
      const [left, top] = placeOf(event);
      if (start !== null && Math.abs(left - start) >= LEAST) {
        dragged = true;
        told.brush(brushOf(surface, left));
      }
      const frame = surface.frame();
      const inside = left >= frame.left - 2 && left <= frame.right + 2;
      last = inside ? surface.find(left, top) : null;
      told.show(last, { x: last ? last.x : inside ? surface.xAt(left) : null, run: last?.run ?? null });
    },
    leave: () => {
      end();
      told.show(null, { x: null, run: null });
    },
    down: (event) => {
      if (event.button !== 0 || ("pointerType" in event && event.pointerType === "touch")) return;
      const target = event.currentTarget as HTMLElement;
      if ("pointerId" in event) target.setPointerCapture(event.pointerId);
      start = placeOf(event)[0];
      dragged = false;
    },
    up: (event) => {
      const surface = told.surface();
      if (surface && start !== null && dragged) {
        const brush = brushOf(surface, placeOf(event)[0]);
        if (brush.width >= LEAST) told.zoom([surface.xAt(brush.left), surface.xAt(brush.left + brush.width)]);
      }
      end();
    },
    click: (event) => {
      // A run is opened as a link is: with the key that opens a new tab elsewhere.
      if (!dragged && last && (event.ctrlKey || event.metaKey)) told.open(last.run);
    },
  };
}
