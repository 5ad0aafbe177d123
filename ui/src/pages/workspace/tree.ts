/** Which rows of the table are open; kept in the address. */

import { createMemo, type Accessor } from "solid-js";
import type { RowPlace } from "../../core/run_window";
import type { TableState } from "../../core/url_state";

const EVERY = "*";

export interface Tree {
  isOpen: (place: RowPlace) => boolean;
  toggle: (row: number) => void;
  /** Opens (or closes) a row; says whether there was anything to do. */
  turn: (row: number, open: boolean) => boolean;
  /** The row above that a row stands below, or null. */
  parent: (row: number) => number | null;
}

const idOf = (place: RowPlace): string => place.group?.id ?? place.table.run_id[place.at] ?? "";

export function createTree(state: Accessor<TableState>, rowAt: (row: number) => RowPlace | undefined, total: Accessor<number>, change: (part: Partial<TableState>, replace?: boolean) => void): Tree {
  const open = createMemo(() => new Set(state().open));
  const isOpen = (place: RowPlace): boolean => open().has(EVERY) || open().has(idOf(place));
  const turn = (row: number, on: boolean): boolean => {
    const place = rowAt(row);
    if (!place || place.below === 0 || isOpen(place) === on) return false;
    const next = new Set(open());
    if (next.delete(EVERY)) {
      // All were open: now all but this one, as far as they are loaded.
      for (let each = 0; each < total(); each++) {
        const other = rowAt(each);
        if (other && other.below > 0) next.add(idOf(other));
      }
    }
    if (on) next.add(idOf(place));
    else next.delete(idOf(place));
    change({ open: [...next] }, true);
    return true;
  };
  return {
    isOpen, turn,
    toggle: (row) => {
      const place = rowAt(row);
      if (place) turn(row, !isOpen(place));
    },
    parent: (row) => {
      const depth = rowAt(row)?.depth ?? 0;
      for (let above = row - 1; depth > 0 && above >= 0; above--) {
        const place = rowAt(above);
        if (!place) return null;
        if (place.depth < depth) return above;
      }
      return null;
    },
  };
}
