/** Pages that follow the store: told by the server's stream of changes, or asking now and then where there is none. */

import { createMemo, createSignal, onCleanup, type Accessor } from "solid-js";
import { changesAddress, Pacer, readChange, type Change, type Following } from "../core/changes";
import { repeat } from "./load";
import { whenBack } from "./reach";

/** A stream that says nothing for so long after it was asked for is held back on its way. */
const PATIENCE = 5000;
/** Without a stream; one is tried again after so many ms. */
const RETRY = 60_000;

type Told = (change: Change | null) => void;

/** One stream of changes, for all parts of a page that follow the same. */
class Source {
  readonly #what: Following;
  readonly #listeners = new Set<Told>();
  readonly #live = createSignal(false);
  readonly live: Accessor<boolean> = this.#live[0];
  #source: EventSource | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #rested = false;
  /** Up to where all that happened is known. */
  #position: string | undefined;

  constructor(what: Following) {
    this.#what = what;
  }

  /** Begins at a position that data came with, unless it is further already. */
  begin(position: string): void {
    if (this.#listeners.size === 0) this.#position = position;
  }

  join(told: Told): void {
    this.#listeners.add(told);
    if (this.#listeners.size > 1) return;
    document.addEventListener("visibilitychange", this.#look);
    this.#open();
  }

  /** The server is back: not a minute is waited. */
  wake(): void {
    if (this.#listeners.size && !this.live()) this.#open();
  }

  leave(told: Told): void {
    if (!this.#listeners.delete(told) || this.#listeners.size) return;
    document.removeEventListener("visibilitychange", this.#look);
    this.#close();
    // Whoever comes next has asked later.
    this.#position = undefined;
  }

  #tell(change: Change | null): void {
    for (const told of [...this.#listeners]) told(change);
  }

  #close(): void {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = undefined;
    this.#live[1](false);
  }

  #giveUp = (): void => {
    this.#close();
    this.#timer = setTimeout(() => this.#open(), RETRY);
  };

  #open(): void {
    this.#close();
    this.#rested = document.hidden;
    if (document.hidden || typeof EventSource === "undefined") return;
    const own = (this.#source = new EventSource(new URL(changesAddress(this.#what, this.#position), document.baseURI)));
    let missed = this.#position === undefined;
    this.#timer = setTimeout(this.#giveUp, PATIENCE);
    const hear = (name: string, work: (data: string) => void): void => own.addEventListener(name, (event) => {
      const { data, lastEventId } = event as MessageEvent<string>;
      this.#position = lastEventId || this.#position;
      work(data);
    });
    hear("ready", () => {
      clearTimeout(this.#timer);
      this.#live[1](true);
      // What happened between the page's own questions and this moment was told to nobody.
      if (missed) this.#tell(null);
      missed = false;
    });
    hear("reset", () => this.#tell(null));
    hear("change", (data) => this.#tell(readChange(data)));
    own.addEventListener("error", () => {
      this.#live[1](false);
      // Perhaps the server knows nothing of the position any more.
      if (own.readyState === EventSource.CLOSED) this.#position = undefined;
      // The browser comes again by itself, from where it was, unless the answer was no stream.
      clearTimeout(this.#timer);
      this.#timer = setTimeout(this.#giveUp, own.readyState === EventSource.CLOSED ? 0 : PATIENCE);
    });
  }

  #look = (): void => {
    if (document.hidden) this.#close();
    else if (this.#rested || this.#source === undefined) this.#open();
    this.#rested = document.hidden;
  };
}

const sources = new Map<string, Source>();
const [followed, setFollowed] = createSignal<readonly Source[]>([]);

/** Whether the page in front is told of changes; null where it follows nothing. */
export const isLive = (): boolean | null => (followed().length ? followed().some((source) => source.live()) : null);

function sourceOf(what: Following): Source {
  const address = changesAddress(what);
  const found = sources.get(address) ?? new Source(what);
  sources.set(address, found);
  return found;
}

/** Data that came with `position` need no second look once the stream of what is followed begins: it begins there. */
export function followFrom(what: Following, position: string): void {
  sourceOf(what).begin(position);
}

/**
 * Calls `told` for each change of what is followed, and `null` when anything may have changed. Says whether the stream
 * works. Rests while the page is hidden: a browser keeps few connections to a server, whatever the number of tabs.
 */
export function stream(what: Accessor<Following | null>, told: Told): Accessor<boolean> {
  const followed = createMemo(what, undefined, { equals: (a, b) => a === b || (a != null && b != null && changesAddress(a) === changesAddress(b)) });
  const source = createMemo(() => {
    const now = followed();
    if (!now) return undefined;
    const own = sourceOf(now);
    own.join(told);
    setFollowed((all) => [...all, own]);
    onCleanup(() => {
      own.leave(told);
      setFollowed((all) => { const rest = [...all]; rest.splice(rest.indexOf(own), 1); return rest; });
    });
    return own;
  });
  whenBack(() => source()?.wake());
  return () => source()?.live() ?? false;
}

/**
 * Does `work` whenever something changed of what is followed, at most every `pace` ms; where no stream can be had,
 * every `pause()` ms. `concerns` says which changes count; null is anything.
 */
export function follow(
  what: Accessor<Following | null>,
  work: (signal: AbortSignal) => Promise<void>,
  pause: Accessor<number | null>,
  pace: number | (() => number),
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
