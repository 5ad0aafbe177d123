/** The curves of the charts on a page: loaded when one comes into sight, grown as the server tells of new points. */

import { createEffect, createSignal, on, onCleanup, type Accessor } from "solid-js";
import { stream } from "../app/live";
import { getCurves, onReach } from "../core/api";
import type { Following } from "../core/changes";
import { CurveStore, type CurvesView } from "../core/curve_store";
import type { Curve } from "../core/curves";
import { frames } from "../core/frames";

export interface Feed {
  curves: (metric: string) => ReadonlyMap<string, Curve>;
  state: (metric: string) => { loading: boolean; error: unknown };
  enter: (metric: string) => void;
  leave: (metric: string) => void;
  retry: () => void;
  /** Whether a question has been answered, so that others may take the server's time. */
  answered: Accessor<boolean>;
}

export function createFeed(view: Accessor<CurvesView>, following: Accessor<Following | null>): Feed {
  const versions = new Map<string, ReturnType<typeof createSignal<number>>>();
  const version = (metric: string): ReturnType<typeof createSignal<number>> => {
    let found = versions.get(metric);
    if (!found) versions.set(metric, (found = createSignal(0)));
    return found;
  };
  const [answered, setAnswered] = createSignal(false);
  const ask = (...asked: Parameters<typeof getCurves>): ReturnType<typeof getCurves> => getCurves(...asked).finally(() => setAnswered(true));
  const store = new CurveStore(ask, (metric, grown) => {
    const own = version(metric);
    const show = (): void => void own[1]((n) => (n ?? 0) + 1);
    // New points come all the time and for all charts at once: one chart after the other takes them in.
    if (grown) frames.ask(own, show);
    else show();
  });
  createEffect(on(view, (now) => store.look(now)));
  stream(following, (change) => store.told(change));
  // A page that lost its server shows what it has, and asks again by itself when the server is back.
  let lost = false;
  const stop = onReach((online) => {
    if (!online) lost = true;
    else if (lost) {
      lost = false;
      store.mend();
    }
  });
  onCleanup(() => {
    stop();
    store.end();
  });
  return {
    curves: (metric) => { version(metric)[0](); return store.curves(metric); },
    state: (metric) => { version(metric)[0](); return store.state(metric); },
    enter: (metric) => store.enter(metric),
    leave: (metric) => store.leave(metric),
    retry: () => store.retry(),
    answered,
  };
}
