/** The rows of the runs table: loaded by blocks, kept fresh without moving what the reader points at. */

import { createEffect, createSignal, on, onCleanup, type Accessor } from "solid-js";
import { refreshAbout } from "../../app/about";
import { follow } from "../../app/live";
import { getRuns } from "../../core/api";
import type { Span } from "../../core/grid_layout";
import { BLOCK, inOldPlaces, RunWindow, sameRows, type RowPlace } from "../../core/run_window";
import type { RunTable, ViewType } from "../../core/wire";

const BUSY_PAUSE = 2000;
const IDLE_PAUSE = 5000;
/** Milliseconds between two looks at rows that change all the time. */
const PACE = 1000;
const LOOK_PAUSE = 100;
/** Rows beyond those in sight that are loaded before they are needed. */
const AHEAD = 150;

export interface RunsQuery {
  experiment: string;
  filter: string;
  order: string[];
  view: ViewType;
}

export interface Runs {
  /** Matching runs, or null before the first answer. */
  total: Accessor<number | null>;
  row: (row: number) => RowPlace | undefined;
  tables: Accessor<RunTable[]>;
  /** Why the newest question has no answer; the rows then belong to the one before. */
  error: Accessor<unknown>;
  loading: Accessor<boolean>;
  /** New runs that wait to be shown because showing them would move rows; 0 when only the order changed; else null. */
  waiting: Accessor<number | null>;
  showWaiting: () => void;
  reload: () => void;
  /** Counts refreshes, for what else shows these runs. */
  beat: Accessor<number>;
}

export function createRuns(query: Accessor<RunsQuery>, span: Accessor<Span>, held: Accessor<boolean>): Runs {
  const rows = new RunWindow();
  const [version, setVersion] = createSignal(0);
  const [total, setTotal] = createSignal<number | null>(null);
  const [error, setError] = createSignal<unknown>();
  const [loading, setLoading] = createSignal(true);
  const [waiting, setWaiting] = createSignal<number | null>(null);
  const [beat, setBeat] = createSignal(0);
  const onTheWay = new Set<number>();
  let asked = new AbortController();
  /** The store's count before the rows were last looked at; unknown at first, so the first look is always taken. */
  let knownRuns: number | undefined;
  onCleanup(() => asked.abort());

  const ask = (offset: number, limit: number, signal: AbortSignal): Promise<RunTable> => {
    const { experiment, filter, order, view } = query();
    return getRuns({ experiment_ids: [experiment], filter, order_by: order, view, offset, limit }, signal);
  };
  const changed = (): void => {
    setTotal(rows.total);
    setVersion((n) => n + 1);
  };
  /** Asks anew; the old rows stay until the answer is here. */
  const reload = async (): Promise<void> => {
    asked.abort();
    const own = (asked = new AbortController());
    onTheWay.clear();
    setLoading(true);
    const offsets = new Set([0, ...rows.touched(span().first, span().last)]);
    try {
      const answers = await Promise.all([...offsets].map(async (at) => [at, await ask(at, BLOCK, own.signal)] as const));
      if (own.signal.aborted) return;
      rows.clear();
      for (const [at, table] of answers) rows.put(at, table);
      setError(undefined);
      setWaiting(null);
      changed();
    } catch (cause) {
      if (own.signal.aborted) return;
      setError(() => cause);
    }
    setLoading(false);
  };
  const fill = async (offset: number): Promise<void> => {
    const own = asked;
    onTheWay.add(offset);
    try {
      const table = await ask(offset, BLOCK, own.signal);
      if (own.signal.aborted) return;
      rows.put(offset, table);
      changed();
    } catch (cause) {
      if (own.signal.aborted) return;
      setError(() => cause);
    }
    onTheWay.delete(offset);
  };
  const seesRunning = (): boolean => {
    version();
    for (let row = span().first; row < span().last; row++) {
      const place = rows.at(row);
      if (place?.table.status[place.at] === "RUNNING") return true;
    }
    return false;
  };
  /** Fetches only the rows in sight; takes all anew when other runs stand there, unless that would move rows. */
  const refresh = async (signal: AbortSignal): Promise<void> => {
    const { first, last } = span();
    const own = asked;
    const fresh = await ask(first, Math.max(1, Math.min(BLOCK, last - first)), signal);
    if (own.signal.aborted || own !== asked) return;
    setBeat((n) => n + 1);
    if (!sameRows(slice(rows, first, fresh.run_id.length), fresh) || fresh.total !== rows.total) {
      if (!held()) return reload();
      setWaiting(Math.max(0, fresh.total - rows.total));
    } else setWaiting(null);
    for (const offset of rows.touched(first, last)) {
      const block = rows.block(offset);
      if (block) rows.put(offset, inOldPlaces(block, fresh));
    }
    changed();
  };

  createEffect(on(query, () => void reload()));
  // Dragging the scroll bar passes many blocks; only those where it rests a moment are asked for.
  let look: ReturnType<typeof setTimeout> | undefined;
  const lookAround = (): void => {
    look = undefined;
    for (const offset of rows.missing(Math.max(0, span().first - AHEAD), span().last + AHEAD)) {
      if (!onTheWay.has(offset)) void fill(offset);
    }
  };
  createEffect(() => {
    version();
    span();
    look ??= setTimeout(lookAround, LOOK_PAUSE);
  });
  onCleanup(() => clearTimeout(look));
  createEffect(on(held, (now) => { if (!now && waiting() !== null) void reload(); }, { defer: true }));
  const live: Accessor<boolean> = follow(() => ({ experiment: query().experiment }), async (signal) => {
    if (error() !== undefined) return;
    if (live()) {
      // The pages' head tells how much there is.
      void refreshAbout(signal).catch(() => undefined);
      await refresh(signal);
    } else if (!seesRunning()) {
      const runs = (await refreshAbout(signal)).store.runs;
      if (runs === knownRuns) return;
      await refresh(signal);
      knownRuns = runs;
    } else await refresh(signal);
  }, () => (seesRunning() ? BUSY_PAUSE : IDLE_PAUSE), PACE);

  return {
    total, error, loading, waiting, beat,
    row: (row) => { version(); return rows.at(row); },
    tables: () => { version(); return rows.tables(); },
    showWaiting: () => void reload(),
    reload: () => void reload(),
  };
}

/** Ids of loaded rows as a table that can be compared; rows not loaded never equal anything. */
function slice(rows: RunWindow, first: number, count: number): RunTable {
  const ids = Array.from({ length: Math.min(count, Math.max(0, rows.total - first)) }, (_, i) => {
    const place = rows.at(first + i);
    return place?.table.run_id[place.at] ?? "";
  });
  return { ...EMPTY, total: rows.total, run_id: ids };
}

const EMPTY: RunTable = {
  total: 0, run_id: [], experiment_id: [], run_name: [], status: [], lifecycle_stage: [], user_id: [], start_time: [],
  end_time: [], artifact_uri: [], metrics: {}, params: {}, tags: {},
};
