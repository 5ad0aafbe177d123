/** Pages that follow the store: told by the server's stream of changes, or asking now and then where there is none. */

import { createEffect, createSignal, on, onCleanup, type Accessor } from "solid-js";
import { changesAddress, Pacer, readChange, type Change, type Following } from "../core/changes";
import { repeat } from "./load";

/** A stream that says nothing for so long after it was asked for is held back on its way. */
const PATIENCE = 5000;
/** Without a stream; one is tried again after so many ms. */
const RETRY = 60_000;

/**
 * Calls `told` for each change of what is followed, and `null` when anything may have changed. Says whether the stream
 * works. Rests while the page is hidden: a browser keeps few connections to a server, whatever the number of tabs.
 */
export function stream(what: Accessor<Following | null>, told: (change: Change | null) => void): Accessor<boolean> {
  const [live, setLive] = createSignal(false);
  let source: EventSource | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let rested = false;
  const close = (): void => {
    clearTimeout(timer);
    source?.close();
    source = undefined;
    setLive(false);
  };
  const giveUp = (): void => {
    close();
    timer = setTimeout(open, RETRY);
  };
  const open = (): void => {
    close();
    const followed = what();
    rested = document.hidden;
    if (followed === null || document.hidden || typeof EventSource === "undefined") return;
    const own = (source = new EventSource(new URL(changesAddress(followed), document.baseURI)));
    let missed = true;
    timer = setTimeout(giveUp, PATIENCE);
    own.addEventListener("ready", () => {
      clearTimeout(timer);
      setLive(true);
      // What happened between the page's own questions and this moment was told to nobody.
      if (missed) told(null);
      missed = false;
    });
    own.addEventListener("reset", () => told(null));
    own.addEventListener("change", (event) => told(readChange((event as MessageEvent<string>).data)));
    own.addEventListener("error", () => {
      setLive(false);
      // The browser comes again by itself, from where it was, unless the answer was no stream.
      clearTimeout(timer);
      timer = setTimeout(giveUp, own.readyState === EventSource.CLOSED ? 0 : PATIENCE);
    });
  };
  const look = (): void => {
    if (document.hidden) close();
    else if (rested || source === undefined) open();
    rested = document.hidden;
  };
  document.addEventListener("visibilitychange", look);
  createEffect(on(what, open));
  onCleanup(() => {
    document.removeEventListener("visibilitychange", look);
    close();
  });
  return live;
}

/**
 * Does `work` whenever something changed of what is followed, at most every `pace` ms; where no stream can be had,
 * every `pause()` ms. `concerns` says which changes count; null is anything.
 */
export function follow(
  what: Accessor<Following | null>,
  work: (signal: AbortSignal) => Promise<void>,
  pause: Accessor<number | null>,
  pace: number,
  concerns: (change: Change | null) => boolean = () => true,
): Accessor<boolean> {
  const stop = new AbortController();
  const pacer = new Pacer(() => work(stop.signal), pace);
  const live = stream(what, (change) => {
    if (concerns(change)) pacer.call();
  });
  repeat(work, () => (live() ? null : pause()));
  onCleanup(() => {
    stop.abort();
    pacer.end();
  });
  return live;
}
