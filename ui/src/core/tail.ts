/** A series that grows: once it is here, only its new points are asked for. */

import type { Series } from "./wire";

/** More points than this are drawn no better; the whole series is then asked for anew, sampled by the server. */
const MOST_ADDED = 3000;

export class Tail {
  #series: Series | undefined;
  #added = 0;

  /** The step from which to ask, null for the whole series. */
  from(): number | null {
    const steps = this.#series?.step ?? [];
    if (steps.length === 0 || this.#added > MOST_ADDED) return null;
    // Further points may have come at the last step itself.
    return steps.reduce((most, step) => Math.max(most, step), -Infinity);
  }

  /** The series with what came for the question `from`; undefined when there is none. */
  take(from: number | null, fresh: Series | undefined): Series | undefined {
    const before = this.#series;
    if (from === null || before === undefined) {
      this.#added = 0;
      return (this.#series = fresh);
    }
    if (fresh === undefined) return before;
    const kept = before.step.map((_, i) => i).filter((i) => (before.step[i] ?? from) < from);
    const join = <T>(old: readonly T[], added: readonly T[]): T[] => [...kept.map((i) => old[i] as T), ...added];
    this.#added += fresh.step.length;
    this.#series = {
      ...before,
      step: join(before.step, fresh.step),
      time: join(before.time, fresh.time),
      value: join(before.value, fresh.value),
    };
    return this.#series;
  }

  /** Ask for the whole series next. */
  forget(): void {
    this.#series = undefined;
  }
}
