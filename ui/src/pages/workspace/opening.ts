/** The first question of the page, whose answer has all that it needs to show rows: one way to the server instead of four. */

import { batch, createSignal, onCleanup, onMount, type Accessor } from "solid-js";
import { followFrom } from "../../app/live";
import { openExperiment } from "../../core/api";
import { DEFAULT_METRICS, DEFAULT_PARAMS, type Column } from "../../core/columns";
import { BLOCK } from "../../core/run_window";
import type { Opening, RunTable } from "../../core/wire";
import type { RunsQuery } from "./runs";

export interface FirstQuestion {
  /** As it is before it is known which keys there are. */
  query: RunsQuery;
  /** Null for those that the keys suggest. */
  columns: string[] | null;
}

/**
 * Asks once and hands the answer to `begin`, with the question; null where there is none: then each part asks for itself,
 * and says what is wrong. Tells whether it has begun. Changes are followed from where the answer ends.
 */
export function createOpening(ask: () => FirstQuestion, begin: (opening: Opening | null, asked: RunsQuery) => void): Accessor<boolean> {
  const [begun, setBegun] = createSignal(false);
  const stop = new AbortController();
  onCleanup(() => stop.abort());
  onMount(async () => {
    const { query, columns } = ask();
    const { experiment, order, group, ...rest } = query;
    const request = {
      ...rest, experiment_id: experiment, order_by: order, group_by: group, limit: BLOCK, metrics: DEFAULT_METRICS, params: DEFAULT_PARAMS, ...(columns ? { columns } : {}),
    };
    const opening = await openExperiment(request, stop.signal).catch(() => null);
    if (stop.signal.aborted) return;
    if (opening) followFrom({ experiment }, opening.position);
    batch(() => {
      begin(opening, query);
      setBegun(true);
    });
  });
  return begun;
}

/** Whether the rows of an answer are those of the question as it is now. Child runs were only nested if there are some. */
export function answers(asked: RunsQuery, now: RunsQuery): boolean {
  const outlined = now.nested || now.group.length > 0;
  return JSON.stringify({ ...asked, nested: asked.nested && now.nested, open: outlined ? asked.open : [] }) === JSON.stringify(now);
}

/** What a table has of some columns, as the server is asked for them. */
export function columnsIn(table: RunTable, columns: readonly Column[]): string[] {
  const values = { metric: table.metrics, param: table.params, tag: table.tags };
  return columns.flatMap(({ kind, name, wanted }) => (wanted !== null && kind !== "attribute" && name in values[kind] ? [wanted] : []));
}
