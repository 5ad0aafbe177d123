/** The ticked runs, by id, so that sorting and refreshing never change which ones they are. */

import { createSignal, type Accessor } from "solid-js";
import type { RowPlace } from "../../core/run_window";

export interface Selection {
  ids: Accessor<ReadonlySet<string>>;
  /** Ticks or unticks one row; with `range`, all rows between it and the one before get its new state. */
  toggle: (row: number, range: boolean) => void;
  take: (ids: readonly string[]) => void;
  clear: () => void;
}

export function createSelection(rowAt: (row: number) => RowPlace | undefined, first: ReadonlySet<string> = new Set()): Selection {
  const [ids, setIds] = createSignal<ReadonlySet<string>>(first);
  let last = -1;
  const idAt = (row: number): string | undefined => {
    const place = rowAt(row);
    return place?.table.run_id[place.at];
  };
  const toggle = (row: number, range: boolean): void => {
    const id = idAt(row);
    if (id === undefined) return;
    const next = new Set(ids());
    const on = !next.has(id);
    const from = range && last >= 0 ? last : row;
    for (let at = Math.min(from, row); at <= Math.max(from, row); at++) {
      const each = idAt(at);
      if (each === undefined) continue;
      if (on) next.add(each);
      else next.delete(each);
    }
    last = row;
    setIds(next);
  };
  return {
    ids,
    toggle,
    take: (all) => setIds(new Set(all)),
    clear: () => { last = -1; setIds(new Set<string>()); },
  };
}
