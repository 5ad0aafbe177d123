/** The exact value of a point that came rounded: asked for when the reader stays at it. */

import { createEffect, createSignal, on, onCleanup, type Accessor } from "solid-js";
import { getCurves } from "../core/api";
import type { CurvesQuestion } from "../core/curve_store";
import { exactNumber } from "../core/format";
import type { Hover } from "./model";

/** Milliseconds at a point after which it is looked at. */
const REST = 150;
/** A float32 has no more digits than these. */
const DIGITS = 7;

/** The text of the value pointed at: all its digits, or as many as are known with a sign that they are not all. */
export function exactValue(hover: Accessor<Hover | null>, metric: () => string, x: () => CurvesQuestion["x"] | null): Accessor<string> {
  const [known, setKnown] = createSignal<{ run: string; x: number; value: number } | null>(null);
  createEffect(on(hover, (point) => {
    const axis = x();
    if (!point?.rounded || axis === null) return;
    const stop = new AbortController();
    const timer = setTimeout(() => {
      const question = { run_ids: [point.run], keys: [metric()], x: axis, low: point.x, high: point.x, width: 1, since: [], exact: true };
      getCurves(question, stop.signal).then(([curve]) => {
        const at = curve ? Array.from(curve.x.subarray(0, curve.n)).findIndex((each, i) => each === point.x && Math.fround(curve.y[i] as number) === point.value) : -1;
        if (curve && at >= 0) setKnown({ run: point.run, x: point.x, value: curve.y[at] as number });
      }, () => undefined);
    }, REST);
    onCleanup(() => { clearTimeout(timer); stop.abort(); });
  }));
  return () => {
    const point = hover();
    if (!point) return "";
    if (!point.rounded || !Number.isFinite(point.value)) return exactNumber(point.value);
    const found = known();
    return found?.run === point.run && found.x === point.x ? exactNumber(found.value) : `≈ ${Number(point.value.toPrecision(DIGITS))}`;
  };
}
