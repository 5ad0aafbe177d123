/** What the server tells of changes, and which of it concerns a page. */

import { withQuery } from "./base";

export interface Change {
  kind: "created" | "changed" | "deleted" | "restored" | "points" | "experiment";
  experiment_id: string;
  run_id?: string;
  status?: string;
  /** Of metrics with new points the last step. */
  points?: Record<string, number>;
  /** Metrics that are not named may have new points too. */
  more?: boolean;
}

/** What is told of: one experiment, one run, or everything. */
export interface Following {
  experiment?: string;
  run?: string;
  /** Not of new points: nobody need count them for this page. */
  points?: false;
}

/** `since` is the position to begin at; without it the stream begins now. */
export const changesAddress = (what: Following, since?: string): string =>
  withQuery("api/ui/changes", { experiment_id: what.experiment, run_id: what.run, points: what.points?.toString(), since });

/** The change that the data of an event says; null for what is none, as of a newer server. */
export function readChange(data: string): Change | null {
  try {
    const found = JSON.parse(data) as Partial<Change> | null;
    return typeof found?.kind === "string" && typeof found.experiment_id === "string" ? (found as Change) : null;
  } catch {
    return null;
  }
}

/**
 * Runs `work` soon after each call, but never twice at a time and at most every `pace` ms: calls meanwhile are
 * answered by one more run. Failed work is done again with longer pauses, as what it was told of is not shown yet.
 */
export class Pacer {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #busy = false;
  #wanted = false;
  #ended = false;
  #last = -Infinity;
  #failures = 0;

  constructor(
    readonly work: () => Promise<unknown>,
    readonly pace: number | (() => number),
    readonly now: () => number = () => performance.now(),
  ) {}

  call(): void {
    this.#wanted = true;
    this.#plan();
  }

  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
  }

  #plan(): void {
    if (this.#ended || this.#busy || !this.#wanted || this.#timer !== undefined) return;
    const pause = (typeof this.pace === "number" ? this.pace : this.pace()) * 2 ** Math.min(this.#failures, 4);
    this.#timer = setTimeout(() => void this.#run(), Math.max(0, this.#last + pause - this.now()));
  }

  async #run(): Promise<void> {
    this.#timer = undefined;
    this.#busy = true;
    this.#wanted = false;
    try {
      await this.work();
      this.#failures = 0;
    } catch {
      this.#failures += 1;
      this.#wanted = true;
    }
    this.#busy = false;
    this.#last = this.now();
    this.#plan();
  }
}
