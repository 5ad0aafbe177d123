/** Which keys the runs of an experiment have, kept fresh; the last ones suggest columns before the next answer is here. */

import { createEffect, createMemo, on, type Accessor } from "solid-js";
import { load } from "../../app/load";
import { recall, remember } from "../../app/prefs";
import { getKeys } from "../../core/api";
import { defaultColumns, factsOf, NO_FACTS, type KeyFacts } from "../../core/columns";
import type { RunKeys, ViewType } from "../../core/wire";

/** Counting the keys of many runs takes longer, and what there is of them changes less. */
const pace = (runs: number): number => (runs < 1000 ? 2000 : 15_000);
const FIRST_COLUMNS = ["status", "start_time", "duration"];
export const PARENT = "mlflow.parentRunId";

export interface Facts {
  facts: Accessor<KeyFacts>;
  /** Columns that the data suggests. */
  suggested: Accessor<string[]>;
  /** Whether some runs are children of others. */
  nests: Accessor<boolean>;
  /** Whether the columns are suggested by data, be it by what is remembered of them. */
  informed: Accessor<boolean>;
  /** Takes the first keys; null where they have to be asked for. */
  begin: (keys: RunKeys | null) => void;
}

/** A filter has no say: it must not take away the columns it speaks of. Nothing is asked before `begin`. */
export function createFacts(experiment: string, view: Accessor<ViewType>, beat: Accessor<unknown>, severalUsers: Accessor<boolean>): Facts {
  let last = 0;
  // Whatever else of the table's state changes, the keys stay the same.
  const keys = load(createMemo(view), async (which, signal) => {
    const found = factsOf(await getKeys({ experiment_ids: [experiment], filter: "", view: which }, signal));
    last = performance.now();
    return found;
  }, { keep: true, idle: true });
  createEffect(on(beat, () => {
    if (!keys.loading() && performance.now() - last > pace(keys.data()?.total ?? 0)) keys.reload();
  }, { defer: true }));
  const facts = (): KeyFacts => keys.data() ?? NO_FACTS;
  const name = `suggested.${experiment}`;
  const before = recall(name)?.split("\n");
  const suggested = createMemo((kept: string[]) => {
    const known = keys.data();
    return known && known.total > 0 ? defaultColumns(known, severalUsers()) : kept;
  }, before?.filter((id) => id !== PARENT) ?? FIRST_COLUMNS, { equals: sameIds });
  const nests = createMemo(() => (keys.data() ? facts().tags.has(PARENT) : (before?.includes(PARENT) ?? false)));
  createEffect(() => {
    if (keys.data()) remember(name, [...suggested(), ...(nests() ? [PARENT] : [])].join("\n"));
  });
  const begin = (first: RunKeys | null): void => {
    if (!first) return keys.reload();
    last = performance.now();
    keys.set(factsOf(first));
  };
  return { facts, suggested, nests, informed: () => before !== undefined || keys.data() !== undefined, begin };
}

export function sameIds(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((id, i) => id === b[i]);
}
