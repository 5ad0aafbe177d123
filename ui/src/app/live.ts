/** Pages that follow the store: told by the server's stream of changes, or asking now and then where there is none. */

import { createMemo, createSignal, onCleanup, type Accessor } from "solid-js";
import { changesAddress, Pacer, readChange, type Change, type Following } from "../core/changes";
import { repeat } from "./load";

/** A stream that says nothing for so long after it was asked for is held back on its way. */
const PATIENCE = 5000;
/** Without a stream; one is tried again after so many ms. */
const RETRY = 60_000;

type Told = (change: Change | null) => void;

/** One stream of changes, for all parts of a page that follow the same. */
class Source {
  readonly #address: string;
  readonly #listeners = new Set<Told>();
  readonly #live = createSignal(false);
  readonly live: Accessor<boolean> = this.#live[0];
  #source: EventSource | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #rested = false;

  constructor(address: string) {
    this.#address = address;
  }

  join(told: Told): void {
    this.#listeners.add(told);
    if (this.#listeners.size > 1) return;
    document.addEventListener("visibilitychange", this.#look);
    this.#open();
  }

  leave(told: Told): void {
    if (!this.#listeners.delete(told) || this.#listeners.size) return;
    document.removeEventListener("visibilitychange", this.#look);
    this.#close();
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
    const own = (this.#source = new EventSource(new URL(this.#address, document.baseURI)));
    let missed = true;
    this.#timer = setTimeout(this.#giveUp, PATIENCE);
    own.addEventListener("ready", () => {
      clearTimeout(this.#timer);
      this.#live[1](true);
      // What happened between the page's own questions and this moment was told to nobody.
      if (missed) this.#tell(null);
      missed = false;
    });
    own.addEventListener("reset", () => this.#tell(null));
    own.addEventListener("change", (event) => this.#tell(readChange((event as MessageEvent<string>).data)));
    own.addEventListener("error", () => {
      this.#live[1](false);
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

/**
 * Calls `told` for each change of what is followed, and `null` when anything may have changed. Says whether the stream
 * works. Rests while the page is hidden: a browser keeps few connections to a server, whatever the number of tabs.
 */
export function stream(what: Accessor<Following | null>, told: Told): Accessor<boolean> {
  const address = createMemo(() => {
    const followed = what();
    return followed && changesAddress(followed);
  });
  const source = createMemo(() => {
    const at = address();
    if (at === null) return undefined;
    const own = sources.get(at) ?? new Source(at);
    sources.set(at, own);
    own.join(told);
    onCleanup(() => own.leave(told));
    return own;
  });
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
