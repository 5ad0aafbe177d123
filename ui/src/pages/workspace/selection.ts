/** The ticked runs, by id, so that sorting and refreshing never change which ones they are. */

import { createSignal, type Accessor } from "solid-js";
import type { RowPlace } from "../../core/run_window";

export interface Selection {
  ids: Accessor<ReadonlySet<string>>;
  /** Ticks or unticks one row; with `range`, all rows between it and the one before get its new state. */
  toggle: (row: number, range: boolean) => void;
  take: (ids: Iterable<string>) => void;
  /** Ticks more, or unticks them. */
  set: (ids: Iterable<string>, on: boolean) => void;
  clear: () => void;
}

/** `idsOf` finds the runs of rows that are not loaded. */
export function createSelection(
  rowAt: (row: number) => RowPlace | undefined,
  idsOf: (first: number, last: number) => Promise<string[]>,
  first: ReadonlySet<string> = new Set(),
): Selection {
  const [ids, setIds] = createSignal<ReadonlySet<string>>(first);
  let last = -1;
  const idAt = (row: number): string | undefined => {
    const place = rowAt(row);
    return place?.table.run_id[place.at];
  };
  const set = (runs: Iterable<string>, on: boolean): void => {
    const next = new Set(ids());
    for (const id of runs) {
      if (on) next.add(id);
      else next.delete(id);
    }
    setIds(next);
  };
  const toggle = (row: number, range: boolean): void => {
    const id = idAt(row);
    if (id === undefined) return;
    const on = !ids().has(id);
    const [low, high] = range && last >= 0 ? [Math.min(last, row), Math.max(last, row)] : [row, row];
    last = row;
    const here: string[] = [];
    let whole = true;
    for (let at = low; at <= high; at++) {
      const place = rowAt(at);
      const each = idAt(at);
      if (each !== undefined) here.push(each);
      else if (!place) whole = false;
    }
    set(here, on);
    if (!whole) void idsOf(low, high + 1).then((all) => set(all, on), () => undefined);
  };
  return {
    ids, set, toggle,
    take: (all) => setIds(new Set(all)),
    clear: () => { last = -1; setIds(new Set<string>()); },
  };
}
