/** The rows of the runs table: loaded by blocks and columns, kept fresh without moving what the reader points at. */

import { createEffect, createSignal, on, onCleanup, type Accessor } from "solid-js";
import { refreshAbout } from "../../app/about";
import { follow } from "../../app/live";
import { getOutline, getRuns } from "../../core/api";
import type { Span } from "../../core/grid_layout";
import { Block, BLOCK, inOldPlaces, RunWindow, type RowPlace } from "../../core/run_window";
import type { RunTable, ViewType } from "../../core/wire";

const BUSY_PAUSE = 2000;
const IDLE_PAUSE = 5000;
/** Milliseconds between two looks at rows that change all the time. */
const PACE = 1000;
const LOOK_PAUSE = 60;
/** Rows beyond those in sight that are loaded before they are needed. */
const AHEAD = 60;

export interface RunsQuery {
  experiment: string;
  filter: string;
  order: string[];
  view: ViewType;
  /** What makes groups, as the server names it. */
  group: string[];
  /** Whether child runs stand below their parents. */
  nested: boolean;
  open: string[];
}

export interface Runs {
  /** Rows, or null before the first answer. */
  total: Accessor<number | null>;
  /** Matching runs; more than rows where some stand in closed groups or below closed parents. */
  count: Accessor<number | null>;
  row: (row: number) => RowPlace | undefined;
  tables: Accessor<RunTable[]>;
  /** Why the newest question has no answer; the rows then belong to the one before. */
  error: Accessor<unknown>;
  loading: Accessor<boolean>;
  /** New runs that wait to be shown because showing them would move rows; 0 when only the order changed; else null. */
  waiting: Accessor<number | null>;
  showWaiting: () => void;
  reload: () => Promise<void>;
  /** Counts refreshes, for what else shows these runs. */
  beat: Accessor<number>;
  /** The runs of rows `first` to `last` (not included), loaded or not. */
  idsOf: (first: number, last: number) => Promise<string[]>;
  /** All matching runs, those too that stand in no row now. */
  allIds: () => Promise<string[]>;
  /** Shows other values of some runs at once, until the server's come. */
  patch: (change: (table: RunTable) => RunTable) => void;
}

interface Answer {
  block: Block;
  total: number;
  runs: number;
}

const MOST_AT_ONCE = 10_000;

async function ask(query: RunsQuery, offset: number, limit: number, columns: readonly string[], signal: AbortSignal): Promise<Answer> {
  const { experiment, filter, order, view, group, nested, open } = query;
  const request = { experiment_ids: [experiment], filter, order_by: order, view, offset, limit, columns: [...columns] };
  const here = new Set(columns);
  if (group.length === 0 && !nested) {
    const table = await getRuns(request, signal);
    return { block: new Block(table, here), total: table.total, runs: table.total };
  }
  const outline = await getOutline({ ...request, group_by: group, nested, open }, signal);
  return { block: new Block(outline.table, here, outline), total: outline.total, runs: outline.runs };
}

export function createRuns(query: Accessor<RunsQuery>, span: Accessor<Span>, columns: Accessor<string[]>, held: Accessor<boolean>): Runs {
  const rows = new RunWindow();
  const [version, setVersion] = createSignal(0);
  const [total, setTotal] = createSignal<number | null>(null);
  const [count, setCount] = createSignal<number | null>(null);
  const [error, setError] = createSignal<unknown>();
  const [loading, setLoading] = createSignal(true);
  const [waiting, setWaiting] = createSignal<number | null>(null);
  const [beat, setBeat] = createSignal(0);
  const onTheWay = new Set<string>();
  let asked = new AbortController();
  /** The store's count before the rows were last looked at; unknown at first, so the first look is always taken. */
  let knownRuns: number | undefined;
  onCleanup(() => asked.abort());

  const changed = (runs: number): void => {
    setTotal(rows.total);
    setCount(runs);
    setVersion((n) => n + 1);
  };
  /** Asks anew; the old rows stay until the answer is here. */
  const reload = async (): Promise<void> => {
    asked.abort();
    const own = (asked = new AbortController());
    onTheWay.clear();
    setLoading(true);
    const offsets = [...new Set([0, ...rows.touched(span().first, span().last)])];
    const wanted = columns();
    try {
      const answers = await Promise.all(offsets.map((at) => ask(query(), at, BLOCK, wanted, own.signal)));
      if (own.signal.aborted) return;
      rows.clear();
      answers.forEach((answer, i) => rows.put(offsets[i] ?? 0, answer.block, answer.total));
      setError(undefined);
      setWaiting(null);
      changed(answers[0]?.runs ?? 0);
    } catch (cause) {
      if (own.signal.aborted) return;
      setError(() => cause);
    }
    setLoading(false);
  };
  const fill = async (offset: number, wanted: string[]): Promise<void> => {
    const own = asked;
    const what = `${offset} ${wanted.join("\n")}`;
    if (onTheWay.has(what)) return;
    onTheWay.add(what);
    try {
      const answer = await ask(query(), offset, BLOCK, wanted, own.signal);
      if (own.signal.aborted) return;
      rows.put(offset, answer.block, answer.total);
      changed(answer.runs);
    } catch (cause) {
      if (own.signal.aborted) return;
      setError(() => cause);
    }
    onTheWay.delete(what);
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
    const fresh = await ask(query(), first, Math.max(1, Math.min(BLOCK, last - first)), columns(), signal);
    if (own.signal.aborted || own !== asked) return;
    setBeat((n) => n + 1);
    const same = fresh.total === rows.total && Array.from({ length: fresh.block.size }, (_, i) => i).every((i) => fresh.block.id(i) === rows.id(first + i));
    // The figures of groups change with every point.
    if (!same || fresh.block.outline?.groups.id.length) {
      if (!held() || same) return reload();
      setWaiting(Math.max(0, fresh.runs - (count() ?? 0)));
    } else setWaiting(null);
    for (const offset of rows.touched(first, last)) {
      const block = rows.block(offset);
      if (block) rows.replace(offset, block.with(inOldPlaces(block.table, fresh.block.table), block.columns));
    }
    changed(count() ?? fresh.runs);
  };

  createEffect(on(query, () => void reload()));
  // Dragging the scroll bar passes many blocks; only those where it rests a moment are asked for.
  let look: ReturnType<typeof setTimeout> | undefined;
  const lookAround = (): void => {
    look = undefined;
    if (loading() || error() !== undefined) return;
    for (const { offset, columns: lacking } of rows.missing(Math.max(0, span().first - AHEAD), span().last + AHEAD, columns())) {
      void fill(offset, lacking);
    }
  };
  createEffect(() => {
    version();
    span();
    columns();
    loading();
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
    total, count, error, loading, waiting, beat, reload,
    row: (row) => { version(); return rows.at(row); },
    tables: () => { version(); return rows.tables(); },
    showWaiting: () => void reload(),
    idsOf: async (first, last) => (await ask(query(), first, last - first, [], asked.signal)).block.table.run_id,
    allIds: async () => {
      const flat = { ...query(), group: [], nested: false };
      const ids: string[] = [];
      for (;;) {
        const { block, total: all } = await ask(flat, ids.length, MOST_AT_ONCE, [], asked.signal);
        ids.push(...block.table.run_id);
        if (block.size === 0 || ids.length >= all) return [...new Set(ids)];
      }
    },
    patch: (change) => {
      for (const offset of rows.touched(0, rows.total)) {
        const block = rows.block(offset);
        if (block) rows.replace(offset, block.with(change(block.table), block.columns));
      }
      setVersion((n) => n + 1);
    },
  };
}
