/** Which runs the charts show: those that stand in the table, in its order; asked for where the table has not loaded them. */

import { createMemo, type Accessor } from "solid-js";
import { follow } from "../../app/live";
import { load } from "../../app/load";
import { getOutline, getRuns } from "../../core/api";
import type { Following } from "../../core/changes";
import type { ChartState } from "../../core/chart_state";
import type { Column } from "../../core/columns";
import { BLOCK, type RowPlace } from "../../core/run_window";
import type { OutlineRequest, RunTable } from "../../core/wire";
import type { Runs, RunsQuery } from "./runs";

/** More runs than this are not loaded at once: the browser would draw them for longer than a reader waits. */
export const MOST_CHARTED = 500;
/** Milliseconds between two looks at which runs there are. */
const PACE = 1000;

export interface ChartedFrom {
  /** What the table asks for, and what it has of it. */
  query: RunsQuery;
  table: Pick<Runs, "firstRuns">;
  following: Following | null;
  selected: ReadonlySet<string>;
  state: ChartState;
}

export interface Charted {
  runs: Accessor<RowPlace[]>;
  error: Accessor<unknown>;
  reload: () => void;
}

/** `by` is a column that is needed of them too. */
export function createCharted(from: ChartedFrom, by: Accessor<Column | null>): Charted {
  const ticked = (): boolean => from.state.scope === "selected" && from.selected.size > 0;
  const inRows = createMemo((): RowPlace[] | null => {
    const { scope, first } = from.state;
    if (ticked()) return from.table.firstRuns(MOST_CHARTED, from.selected);
    return scope === "all" || first > BLOCK ? null : from.table.firstRuns(first);
  });
  // Where all groups are closed no run stands in a row: then it is as if all were open.
  const here = createMemo(() => { const found = inRows(); return found?.length && found.every(({ table }) => has(table, by())) ? found : null; });
  const request = createMemo((): OutlineRequest | null => {
    if (here()) return null;
    const { experiment, filter, order, view, group, nested, open } = from.query;
    const all = { experiment_ids: [experiment], order_by: [...order], offset: 0, columns: [by()?.wanted ?? []].flat(), limit: MOST_CHARTED };
    const flat = { ...all, group_by: [], nested: false, open: [] };
    if (ticked()) {
      const ids = [...from.selected].slice(0, MOST_CHARTED).map((id) => `'${id}'`);
      return { ...flat, filter: `attributes.run_id IN (${ids.join(", ")})`, view: "ALL" };
    }
    if (from.state.scope === "all") return { ...flat, filter, view };
    if (group.length === 0 && !nested) return { ...flat, filter, view, limit: from.state.first };
    return { ...all, filter, view, group_by: [...group], nested, open: inRows()?.length === 0 ? [EVERY_ROW] : [...open] };
  }, undefined, { equals: (a, b) => JSON.stringify(a) === JSON.stringify(b) });
  const asked = load(request, ask, { keep: true });
  follow(() => (request() ? from.following : null), async (signal) => {
    const now = request();
    const fresh = await ask(now, signal);
    if (now === request()) asked.set(fresh);
  }, () => null, PACE, (change) => change?.kind !== "points");
  const most = (): number => (ticked() || from.state.scope === "all" ? MOST_CHARTED : from.state.first);
  return {
    // What is charted stays until the others are known.
    runs: createMemo((before) => here() ?? (asked.loading() ? before : (asked.data() ?? []).slice(0, most())), []),
    error: () => (here() || asked.data() ? undefined : asked.error()),
    reload: asked.reload,
  };
}

const EVERY_ROW = "*";

async function ask(request: OutlineRequest | null, signal: AbortSignal): Promise<RowPlace[]> {
  if (!request) return [];
  const place = (table: RunTable) => (at: number): RowPlace => ({ table, at, depth: 0, below: 0 });
  if (request.group_by.length === 0 && !request.nested) {
    const { group_by: _, nested: __, open: ___, ...flat } = request;
    const table = await getRuns(flat, signal);
    return table.run_id.map((_id, at) => place(table)(at));
  }
  const { table, run } = await getOutline(request, signal);
  return run.flatMap((at) => (at === null ? [] : [place(table)(at)]));
}

function has(table: RunTable, column: Column | null): boolean {
  if (column?.kind === "param") return column.name in table.params;
  return column?.kind !== "tag" || column.name in table.tags;
}
