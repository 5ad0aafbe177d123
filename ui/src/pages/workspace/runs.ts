/** The rows of the runs table: loaded by blocks and columns, kept fresh without moving what the reader points at. */

import { batch, createEffect, createSignal, on, onCleanup, type Accessor } from "solid-js";
import { refreshAbout } from "../../app/about";
import { follow } from "../../app/live";
import { retryWhenBack } from "../../app/reach";
import { getOutline, getRuns } from "../../core/api";
import type { Following } from "../../core/changes";
import type { Span } from "../../core/grid_layout";
import { Block, BLOCK, inOldPlaces, RunWindow, type RowPlace } from "../../core/run_window";
import type { RunOutline, RunTable, ViewType } from "../../core/wire";

const BUSY_PAUSE = 2000;
const IDLE_PAUSE = 5000;
/** Milliseconds between two looks at rows that change all the time. */
const PACE = 1000;
const LOOK_PAUSE = 60;
/** Rows beyond those in sight that are loaded before they are needed: of who passes many, more. */
const [AHEAD, FAR_AHEAD] = [60, 200];

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

export interface RunsView {
  /** The rows in sight. */
  span: Accessor<Span>;
  /** Of how many first rows others show something too. */
  first: Accessor<number>;
  columns: Accessor<string[]>;
  /** Whether nothing may move now. */
  held: Accessor<boolean>;
  /** What is followed; null before the first rows are here. */
  following: Accessor<Following | null>;
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
  /** Takes the first rows, with `columns` of them; null where they have to be asked for. */
  begin: (rows: RunTable | RunOutline | null, columns: readonly string[]) => void;
  /** The runs in the first rows, at most so many, only those `among` where given; null while they are not all loaded. */
  firstRuns: (most: number, among?: ReadonlySet<string>) => RowPlace[] | null;
  /** Counts refreshes, for what else shows these runs. */
  beat: Accessor<number>;
  /** The runs of rows `first` to `last` (not included), loaded or not. */
  idsOf: (first: number, last: number) => Promise<string[]>;
  /** Rows `first` to `last` (not included) with these columns, loaded or not. */
  rowsOf: (first: number, last: number, columns: readonly string[]) => Promise<{ rows: RowPlace[]; total: number }>;
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
  const flat = group.length === 0 && !nested;
  return answerOf(flat ? await getRuns(request, signal) : await getOutline({ ...request, group_by: group, nested, open }, signal), columns);
}

function answerOf(rows: RunTable | RunOutline, columns: readonly string[]): Answer {
  const here = new Set(columns);
  if (!("table" in rows)) return { block: new Block(rows, here), total: rows.total, runs: rows.total };
  return { block: new Block(rows.table, here, rows), total: rows.total, runs: rows.runs };
}

/** Nothing is asked before `begin`. */
export function createRuns(query: Accessor<RunsQuery>, { span, first, columns, held, following }: RunsView): Runs {
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
  let begun = false;
  /** The question that the first rows answer. */
  let answered: RunsQuery | undefined;
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
  const inSight = (): Span => (span().last > span().first ? span() : { first: 0, last: Math.min(BLOCK, first()) });
  const seesRunning = (): boolean => {
    version();
    for (let row = inSight().first; row < inSight().last; row++) {
      const place = rows.at(row);
      if (place?.table.status[place.at] === "RUNNING") return true;
    }
    return false;
  };
  /** Fetches only the rows in sight; takes all anew when other runs stand there, unless that would move rows. */
  const refresh = async (signal: AbortSignal): Promise<void> => {
    const { first: from, last } = inSight();
    const own = asked;
    const fresh = await ask(query(), from, Math.max(1, Math.min(BLOCK, last - from)), columns(), signal);
    if (own.signal.aborted || own !== asked) return;
    setBeat((n) => n + 1);
    const same = fresh.total === rows.total && Array.from({ length: fresh.block.size }, (_, i) => i).every((i) => fresh.block.id(i) === rows.id(from + i));
    // The figures of groups change with every point.
    if (!same || fresh.block.outline?.groups.id.length) {
      if (!held() || same) return reload();
      setWaiting(Math.max(0, fresh.runs - (count() ?? 0)));
    } else setWaiting(null);
    // What is out of sight is asked for again when it is looked at; unless rows have moved, which waits.
    if (same) rows.age({ first: from, last });
    for (const offset of rows.touched(from, last)) {
      const block = rows.block(offset);
      if (block) rows.replace(offset, block.with(inOldPlaces(block.table, fresh.block.table), block.columns));
    }
    changed(count() ?? fresh.runs);
  };

  createEffect(on(query, (now) => {
    if (begun && now !== answered) void reload();
    answered = undefined;
  }));
  retryWhenBack(error, () => void reload());
  // Dragging the scroll bar passes many blocks; only those where it rests a moment are asked for.
  let look: ReturnType<typeof setTimeout> | undefined;
  let passed = 0;
  const lookAround = (): void => {
    look = undefined;
    if (loading() || error() !== undefined) return;
    const ahead = Math.abs(span().first - passed) > AHEAD / 10 ? FAR_AHEAD : AHEAD;
    passed = span().first;
    const around = rows.missing(Math.max(0, span().first - ahead), span().last + ahead, columns(), span());
    // Nothing moves below the pointer, whoever else shows it.
    const others = held() && span().first < BLOCK ? [] : rows.missing(0, first(), columns(), { first: 0, last: first() });
    for (const { offset, columns: lacking } of [...around, ...others]) void fill(offset, lacking);
  };
  createEffect(() => {
    version();
    span();
    first();
    columns();
    loading();
    look ??= setTimeout(lookAround, LOOK_PAUSE);
  });
  onCleanup(() => clearTimeout(look));
  createEffect(on(held, (now) => { if (!now && waiting() !== null) void reload(); }, { defer: true }));
  const live: Accessor<boolean> = follow(following, async (signal) => {
    if (error() !== undefined || !begun) return;
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
    begin: (early, here) => {
      begun = true;
      answered = query();
      if (!early) return void reload();
      const { block, total: all, runs } = answerOf(early, here);
      rows.put(0, block, all);
      batch(() => { setLoading(false); changed(runs); });
    },
    firstRuns: (most, among) => {
      version();
      const found: RowPlace[] = [];
      const wanted = Math.min(most, among?.size ?? most);
      for (let row = 0; row < rows.total && found.length < wanted; row++) {
        const place = rows.at(row);
        if (!place) return null;
        if (!place.group && (!among || among.has(place.table.run_id[place.at] ?? ""))) found.push(place);
      }
      // Ticked runs may stand in no row, below what is closed.
      return among && found.length < wanted ? null : found;
    },
    idsOf: async (first, last) => (await ask(query(), first, last - first, [], asked.signal)).block.table.run_id,
    rowsOf: async (first, last, wanted) => {
      const { block, total: all } = await ask(query(), first, last - first, wanted, asked.signal);
      return { rows: Array.from({ length: block.size }, (_, at) => block.row(at)), total: all };
    },
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
