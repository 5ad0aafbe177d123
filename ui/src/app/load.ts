/** Loading with the old data kept in sight, and repeated work that rests while nobody looks. */

import { batch, createEffect, createSignal, on, onCleanup, untrack, type Accessor } from "solid-js";
import { retryWhenBack } from "./reach";

export interface Loaded<T> {
  data: Accessor<T | undefined>;
  error: Accessor<unknown>;
  loading: Accessor<boolean>;
  reload: () => void;
  /** Puts in data that came another way; what is under way is given up. */
  set: (data: T) => void;
}

/**
 * Loads whenever `source` changes. A newer call ends the one before; data stays while the next is under way and
 * when it fails, but is dropped when the source changes and `keep` is not set.
 * With `idle` nothing is loaded before the source changes or `reload` is called: the first data come another way.
 */
export function load<S, T>(
  source: Accessor<S>,
  fetcher: (source: S, signal: AbortSignal) => Promise<T>,
  options: { keep?: boolean; idle?: boolean } = {},
): Loaded<T> {
  const [data, setData] = createSignal<T>();
  const [error, setError] = createSignal<unknown>();
  const [loading, setLoading] = createSignal(true);
  let running: AbortController | undefined;
  let idle = options.idle === true;
  const start = async (value: S): Promise<void> => {
    running?.abort();
    const own = (running = new AbortController());
    setLoading(true);
    try {
      const answer = await fetcher(value, own.signal);
      if (own.signal.aborted) return;
      setData(() => answer);
      setError(undefined);
    } catch (cause) {
      if (own.signal.aborted) return;
      setError(() => cause);
    }
    setLoading(false);
  };
  createEffect(
    on(source, (value) => {
      if (idle) return void (idle = false);
      if (!options.keep) {
        setData(undefined);
        setError(undefined);
      }
      void start(value);
    }),
  );
  onCleanup(() => running?.abort());
  retryWhenBack(error, () => void start(untrack(source)));
  const set = (value: T): void => batch(() => {
    running?.abort();
    setData(() => value);
    setError(undefined);
    setLoading(false);
  });
  return { data, error, loading, reload: () => void start(source()), set };
}

/**
 * Calls `work` again and again, waiting `pause()` ms after each end; rests while the page is hidden or `pause()`
 * is null. Failures only make the pauses longer, up to 15 s: `work` reports its own errors.
 */
export function repeat(work: (signal: AbortSignal) => Promise<void>, pause: Accessor<number | null>): void {
  const stop = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let failures = 0;
  let busy = false;
  const plan = (): void => {
    clearTimeout(timer);
    const wait = pause();
    if (wait === null || document.hidden || stop.signal.aborted || busy) return;
    timer = setTimeout(() => void turn(), Math.min(15_000, wait * 2 ** Math.min(failures, 4)));
  };
  const turn = async (): Promise<void> => {
    busy = true;
    try {
      await work(stop.signal);
      failures = 0;
    } catch {
      failures += 1;
    }
    busy = false;
    plan();
  };
  document.addEventListener("visibilitychange", plan);
  createEffect(on(pause, plan));
  onCleanup(() => {
    stop.abort();
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", plan);
  });
}

/** Whether an element has been in sight yet; stays true. */
export function seen(element: Accessor<Element | undefined>): Accessor<boolean> {
  const [value, set] = createSignal(false);
  createEffect(() => {
    const target = element();
    if (!target || value()) return;
    const watcher = new IntersectionObserver(
      (entries) => {
        if (entries.some((entry) => entry.isIntersecting)) {
          set(true);
          watcher.disconnect();
        }
      },
      { rootMargin: "200px" },
    );
    watcher.observe(target);
    onCleanup(() => watcher.disconnect());
  });
  return value;
}

/** The time now, moving every second while `running()`. */
export function clock(running: Accessor<boolean>): Accessor<number> {
  const [now, setNow] = createSignal(Date.now());
  createEffect(() => {
    if (!running()) return;
    setNow(Date.now());
    const timer = setInterval(() => document.hidden || setNow(Date.now()), 1000);
    onCleanup(() => clearInterval(timer));
  });
  return now;
}
