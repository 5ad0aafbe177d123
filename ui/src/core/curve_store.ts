/** The curves that charts in sight need: asked for together, kept, and grown by what is new while runs live. */

import { Pacer, type Change } from "./changes";
import { grown, placeOf, type Curve } from "./curves";
import type { AxisKind } from "./scale";

export interface CurvesQuestion {
  run_ids: string[];
  keys: string[];
  x: "step" | "time" | "relative";
  low: number | null;
  high: number | null;
  width: number;
  since: (number | null)[];
  exact: boolean;
}

export interface CurvesView {
  runs: readonly string[];
  axis: Exclude<AxisKind, "number">;
  range: readonly [number, number] | null;
  /** Pixels of the widest chart. */
  width: number;
  /** The runs that may get points. */
  running: ReadonlySet<string>;
}

type Ask = (question: CurvesQuestion, signal: AbortSignal) => Promise<Curve[]>;

interface Held {
  curves: Map<string, Curve>;
  /** Runs that were asked for, also such that have no such metric. */
  asked: Set<string>;
  loading: number;
  error: unknown;
}

/** Milliseconds between two questions about what is new. */
const PACE = 250;
/** A curve that grew by more points than this is asked for anew, thinned by the server. */
const MOST_ADDED = 2000;
/** Series a request: the server answers one request in one thread, and a browser draws while the next comes. */
const MOST_SERIES = 1200;
const FEW_RUNS = 12;
/** Points of all runs together that one chart can show. */
const PLENTY = 7000;

/** Pixel columns a curve, so that many curves take no more bytes than few; and whether its values are kept exactly. */
export function detail(runs: number, width: number): { width: number; exact: boolean } {
  if (runs <= FEW_RUNS) return { width: Math.max(100, Math.ceil(width / 100) * 100), exact: true };
  const step = 2 ** Math.ceil(Math.log2(runs / FEW_RUNS));
  return { width: Math.max(12, Math.min(600, Math.round(PLENTY / FEW_RUNS / step))), exact: false };
}

export class CurveStore {
  #view: CurvesView = { runs: [], axis: "step", range: null, width: 600, running: new Set() };
  #held = new Map<string, Held>();
  #needed = new Map<string, number>();
  #asking = new AbortController();
  #planned = false;
  #news = new Map<string, Set<string> | null>();
  #pacer: Pacer;

  constructor(
    readonly ask: Ask,
    /** Called with a metric whose curves, or state, are others now; `grown`: some curves only have more points. */
    readonly changed: (key: string, grown: boolean) => void,
    pace = PACE,
  ) {
    this.#pacer = new Pacer(() => this.#tail(), pace);
  }

  /** Looks at other runs, another stretch, or along another axis. What is still right is kept. */
  look(view: CurvesView): void {
    const before = this.#view;
    this.#view = view;
    const [a, b] = [detail(before.runs.length, before.width), detail(view.runs.length, view.width)];
    const same = before.axis === view.axis && before.range?.join() === view.range?.join() && a.width >= b.width && (a.exact || !b.exact);
    if (same && b.width * 2 >= a.width) this.#view = { ...view, width: Math.max(view.width, before.width) };
    else this.#forget(before.axis === view.axis);
    this.#plan();
  }

  /** A chart of `key` came into sight; call `leave` when it is gone. */
  enter(key: string): void {
    this.#needed.set(key, (this.#needed.get(key) ?? 0) + 1);
    this.#plan();
  }

  leave(key: string): void {
    const left = (this.#needed.get(key) ?? 1) - 1;
    if (left > 0) this.#needed.set(key, left);
    else this.#needed.delete(key);
  }

  /** The curves of a metric by run, as far as they are here. */
  curves(key: string): ReadonlyMap<string, Curve> {
    return this.#held.get(key)?.curves ?? NONE;
  }

  /** Whether runs in sight are still to come, and what went wrong with them. */
  state(key: string): { loading: boolean; error: unknown } {
    const held = this.#held.get(key);
    return { loading: held === undefined || held.loading > 0, error: held?.error };
  }

  /** Takes in what the server tells; null when anything may have changed. */
  told(change: Change | null): void {
    if (change === null || change.kind === "experiment") {
      for (const run of this.#view.running) this.#news.set(run, null);
      if (this.#news.size) this.#pacer.call();
      return;
    }
    const run = change.run_id ?? "";
    if (!this.#view.runs.includes(run)) return;
    const ended = this.#view.running.has(run) && change.status !== undefined && change.status !== "RUNNING";
    const known = this.#news.get(run);
    if (ended || change.more || known === null) this.#news.set(run, null);
    else this.#news.set(run, new Set([...(known ?? []), ...Object.keys(change.points ?? {})]));
    // A run that ended may have had points at earlier steps, which nobody asked for.
    if (ended) for (const held of this.#held.values()) held.asked.delete(run);
    if (ended) this.#plan();
    else this.#pacer.call();
  }

  /** Asks for all that is in sight again; what is here stays until then. */
  retry(): void {
    for (const held of this.#held.values()) {
      held.asked.clear();
      held.error = undefined;
    }
    this.#plan();
  }

  /** Asks again for what could not be had. */
  mend(): void {
    for (const held of this.#held.values()) {
      if (held.error === undefined) continue;
      held.asked.clear();
      held.error = undefined;
    }
    this.#plan();
  }

  end(): void {
    this.#asking.abort();
    this.#pacer.end();
  }

  #forget(keepShown: boolean): void {
    this.#asking.abort();
    this.#asking = new AbortController();
    this.#news.clear();
    for (const [key, held] of this.#held) {
      held.asked.clear();
      held.loading = 0;
      if (!keepShown || !this.#needed.has(key)) this.#held.delete(key);
    }
  }

  #plan(): void {
    if (this.#planned) return;
    this.#planned = true;
    // All charts of one page come into sight at once: one question for all of them.
    queueMicrotask(() => setTimeout(() => {
      this.#planned = false;
      this.#fetch();
    }));
  }

  #fetch(): void {
    const groups = new Map<string, { runs: string[]; keys: string[] }>();
    for (const key of this.#needed.keys()) {
      let held = this.#held.get(key);
      if (!held) this.#held.set(key, (held = { curves: new Map(), asked: new Set(), loading: 0, error: undefined }));
      const { asked } = held;
      const runs = this.#view.runs.filter((run) => !asked.has(run));
      if (runs.length === 0) continue;
      for (const run of runs) asked.add(run);
      const name = runs.join();
      const group = groups.get(name);
      if (group) group.keys.push(key);
      else groups.set(name, { runs, keys: [key] });
    }
    for (const { runs, keys } of groups.values()) {
      for (let first = 0; first < runs.length; first += MOST_RUNS) {
        const some = runs.slice(first, first + MOST_RUNS);
        const most = Math.max(1, Math.floor(MOST_SERIES / some.length));
        for (let at = 0; at < keys.length; at += most) void this.#load(some, keys.slice(at, at + most));
      }
    }
  }

  async #load(runs: string[], keys: string[]): Promise<void> {
    const own = this.#asking;
    for (const key of keys) this.#state(key, (held) => (held.loading += 1));
    try {
      const found = await this.ask(this.#question(runs, keys, []), own.signal);
      if (own.signal.aborted) return;
      for (const key of keys) this.#state(key, (held) => { for (const run of runs) held.curves.delete(run); held.error = undefined; });
      for (const curve of found) this.#held.get(curve.key)?.curves.set(curve.run, curve);
    } catch (error) {
      if (own.signal.aborted) return;
      for (const key of keys) this.#state(key, (held) => (held.error = error));
    }
    for (const key of keys) this.#state(key, (held) => (held.loading -= 1));
    for (const key of keys) this.changed(key, false);
  }

  #state(key: string, change: (held: Held) => void): void {
    const held = this.#held.get(key);
    if (held) change(held);
  }

  #question(runs: string[], keys: string[], since: (number | null)[]): CurvesQuestion {
    const { axis, range, width } = this.#view;
    const fine = detail(this.#view.runs.length, width);
    return {
      run_ids: runs, keys, x: axis, low: range ? Math.floor(range[0]) : null, high: range ? Math.ceil(range[1]) : null, since, ...fine,
    };
  }

  /** Only the new points of runs and metrics that have some. */
  async #tail(): Promise<void> {
    const news = new Map(this.#news);
    this.#news.clear();
    const own = this.#asking;
    const shown = [...this.#needed.keys()].filter((key) => this.#held.get(key)?.asked.size);
    const keys = shown.filter((key) => [...news.values()].some((named) => named === null || named.has(key)));
    for (const key of this.#held.keys()) {
      // What is out of sight is asked for when it comes into sight.
      if (!this.#needed.has(key)) this.#state(key, (held) => { for (const run of news.keys()) held.asked.delete(run); });
    }
    const runs = [...news.keys()].filter((run) => keys.some((key) => this.#held.get(key)?.asked.has(run)));
    if (runs.length === 0 || keys.length === 0) return;
    const since = runs.map((run) => this.#lastOf(run, keys.filter((key) => wants(news.get(run), key))));
    let found: Curve[];
    try {
      found = await this.ask(this.#question(runs, keys, since), own.signal);
    } catch (error) {
      if (own.signal.aborted) return;
      for (const [run, named] of news) if (!this.#news.has(run)) this.#news.set(run, named);
      throw error;
    }
    if (own.signal.aborted) return;
    const places = new Map(runs.map((run, place) => [run, since[place] ?? null]));
    for (const fresh of found) this.#grow(fresh, places.get(fresh.run) ?? null);
    for (const key of keys) this.changed(key, true);
  }

  /** The last x that all of the metrics have reached; null where one has no point yet. */
  #lastOf(run: string, keys: readonly string[]): number | null {
    let least: number | null = Infinity;
    for (const key of keys) {
      const curve = this.#held.get(key)?.curves.get(run);
      if (!curve || curve.n === 0) return null;
      // Beyond a zoom the curve has one point more, from which nothing follows.
      let last = curve.x[curve.n - 1] as number;
      if (this.#view.range && last > this.#view.range[1]) last = this.#view.range[1];
      least = Math.min(least, last);
    }
    return Number.isFinite(least) ? Math.floor(least) : null;
  }

  #grow(fresh: Curve, since: number | null): void {
    const held = this.#held.get(fresh.key);
    if (!held) return;
    const curve = held.curves.get(fresh.run);
    if (!curve || since === null) {
      held.curves.set(fresh.run, fresh);
      return;
    }
    // Points of other metrics' stretch are here already.
    const from = placeOf(fresh.x, fresh.n, since);
    const added = from === 0 ? fresh : { ...fresh, x: fresh.x.subarray(from), y: fresh.y.subarray(from), n: fresh.n - from };
    const next = grown(curve, added, since);
    if (next.n > 4 * detail(this.#view.runs.length, this.#view.width).width + MOST_ADDED) {
      held.asked.delete(fresh.run);
      this.#plan();
    }
    held.curves.set(fresh.run, next);
  }
}

const MOST_RUNS = 500;
const NONE: ReadonlyMap<string, Curve> = new Map();

const wants = (named: Set<string> | null | undefined, key: string): boolean => named === null || named === undefined || named.has(key);
