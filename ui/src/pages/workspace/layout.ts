/** How the columns of the table stand: which, in which order, how wide. Remembered by experiment, kept in the address. */

import { createMemo, createSignal, onMount, type Accessor } from "solid-js";
import { recall, remember } from "../../app/prefs";
import { columnOf, withMoved, type Column } from "../../core/columns";
import type { Span } from "../../core/grid_layout";
import { formatLayout, hasNoLayout, NO_LAYOUT, parseState, type Layout, type TableState } from "../../core/url_state";
import { sameIds } from "./facts";

const columnCache = new Map<string, Column | null>();
/** With more columns only the values of those in sight, and some around them, are asked for. */
const ALL_AT_ONCE = 40;
const AROUND = 12;

/** The same object for the same id, so that columns that stay keep their elements. */
export function column(id: string): Column | null {
  const known = columnCache.get(id);
  if (known !== undefined) return known;
  const made = columnOf(id);
  columnCache.set(id, made);
  return made;
}

const columnsOf = (ids: readonly string[]): Column[] => ids.map(column).filter((each) => each !== null);

export interface Columns {
  /** All shown columns by id, the pinned ones first. */
  shown: Accessor<string[]>;
  pinned: Accessor<Column[]>;
  /** Those that scroll sideways. */
  moving: Accessor<Column[]>;
  /** What the server is asked for. */
  wanted: Accessor<string[]>;
  width: (id: string) => number | undefined;
  /** Changes a width; NaN takes back what was chosen. It goes into the address when it is `done`. */
  resize: (id: string, width: number, done: boolean) => void;
  move: (id: string, before: string | null) => void;
  show: (columns: string[] | null) => void;
  hide: (id: string) => void;
  pin: (id: string, on: boolean) => void;
  reset: () => void;
  sideways: (span: Span) => void;
  chosen: Accessor<boolean>;
}

export function createColumns(
  experiment: string, state: Accessor<TableState>, change: (part: Partial<TableState>, replace?: boolean) => void, suggested: Accessor<string[]>,
): Columns {
  const memory = `columns.${experiment}`;
  const [dragged, setDragged] = createSignal<{ id: string; width: number } | null>(null);
  const [span, setSpan] = createSignal<Span>({ first: 0, last: 0 });
  const ids = createMemo(() => state().columns ?? suggested(), undefined, { equals: sameIds });
  const pins = createMemo(() => state().pinned, undefined, { equals: sameIds });
  const shown = createMemo(() => [...pins(), ...ids().filter((id) => !pins().includes(id))], undefined, { equals: sameIds });
  const pinned = createMemo(() => columnsOf(pins()));
  const moving = createMemo(() => columnsOf(shown().slice(pins().length)));
  const wanted = createMemo(() => {
    const near = moving().length <= ALL_AT_ONCE ? moving() : moving().slice(Math.max(0, span().first - AROUND), span().last + AROUND);
    return [...pinned(), ...near].map((each) => each.wanted).filter((each) => each !== null);
  }, undefined, { equals: sameIds });
  const set = (layout: Partial<Layout>): void => {
    const next = { columns: state().columns, pinned: state().pinned, widths: state().widths, ...layout };
    remember(memory, formatLayout(next));
    change(next);
  };
  // An address that says nothing of columns shows the remembered ones, and says so, so that it can be sent.
  onMount(() => {
    const kept = parseState(recall(memory) ?? "");
    if (hasNoLayout(state()) && !hasNoLayout(kept)) change({ columns: kept.columns, pinned: kept.pinned, widths: kept.widths }, true);
  });
  const place = (id: string, before: string | null): void => {
    const isPinned = pins().includes(id);
    const intoPinned = before !== null && pins().includes(before);
    if (isPinned && intoPinned) return set({ pinned: withMoved(pins(), id, before) });
    const next = withMoved(shown(), id, before);
    const stays = pins().filter((each) => each !== id);
    set({ columns: next, pinned: intoPinned ? next.slice(0, stays.length + 1) : isPinned && before === moving()[0]?.id ? withMoved(pins(), id, null) : stays });
  };
  return {
    shown, pinned, moving, wanted,
    width: (id) => (dragged()?.id === id ? dragged()?.width : state().widths[id]),
    resize: (id, width, done) => {
      if (!done) return void setDragged({ id, width });
      setDragged(null);
      const widths = { ...state().widths };
      if (Number.isNaN(width)) delete widths[id];
      else widths[id] = width;
      set({ widths });
    },
    move: place,
    show: (columns) => set({ columns, pinned: columns === null ? [] : pins().filter((id) => columns.includes(id)) }),
    hide: (id) => set({ columns: shown().filter((each) => each !== id), pinned: pins().filter((each) => each !== id) }),
    pin: (id, on) => set({ columns: shown(), pinned: on ? [...pins(), id] : pins().filter((each) => each !== id) }),
    reset: () => set(NO_LAYOUT),
    sideways: setSpan,
    chosen: () => !hasNoLayout(state()),
  };
}

