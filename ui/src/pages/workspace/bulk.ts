/**
 * What is done with many runs. It shows at once; where the server refuses, the runs turn back to what they were and
 * the reason is told.
 */

import { createSignal, type Accessor } from "solid-js";
import { errorText, tell } from "../../app/notices";
import { t } from "../../app/prefs";
import { deleteRun, deleteRunTag, moveRuns, restoreRun, setRunTag } from "../../core/api";
import { forAll } from "../../core/bulk";
import type { RunTable } from "../../core/wire";
import type { Runs } from "./runs";

const MOVED_AT_ONCE = 500;
/** Fewer are done before anybody could look at a number. */
const WORTH_TELLING = 20;

interface Work {
  work: (lot: string[]) => Promise<unknown>;
  /** The text that says how many it was done with. */
  said: string;
  size?: number;
  /** The table as it will be once the runs `ids` are done. */
  patch?: (table: RunTable, ids: ReadonlySet<string>) => RunTable;
  undo?: () => Work;
}

export interface Bulk {
  progress: Accessor<{ done: number; all: number } | null>;
  stop: () => void;
  remove: (ids: Iterable<string>) => Promise<void>;
  restore: (ids: Iterable<string>) => Promise<void>;
  tag: (ids: Iterable<string>, key: string, value: string) => Promise<void>;
  untag: (ids: Iterable<string>, key: string) => Promise<void>;
  move: (ids: Iterable<string>, target: string) => Promise<void>;
}

export function createBulk(experiment: string, runs: Runs, onDone: () => void): Bulk {
  const [progress, setProgress] = createSignal<{ done: number; all: number } | null>(null);
  let stop = new AbortController();
  const act = async (some: Iterable<string>, what: Work): Promise<void> => {
    const ids = [...some];
    const before = new Map<string, RunTable>();
    for (const table of runs.tables()) for (const id of table.run_id) before.set(id, table);
    const all = new Set(ids);
    if (what.patch) runs.patch((table) => what.patch?.(table, all) ?? table);
    stop = new AbortController();
    if (ids.length >= WORTH_TELLING) setProgress({ done: 0, all: ids.length });
    const outcome = await forAll(ids, what.work, {
      size: what.size ?? 1, signal: stop.signal,
      told: (done) => { if (ids.length >= WORTH_TELLING) setProgress({ done, all: ids.length }); },
    });
    setProgress(null);
    const done = new Set(outcome.done);
    const back = ids.filter((id) => !done.has(id));
    if (what.patch && back.length) runs.patch((table) => turnedBack(table, new Set(back), before));
    const undo = what.undo && outcome.done.length ? { label: t("action.undo"), run: () => void act(outcome.done, what.undo!()) } : undefined;
    if (outcome.failure !== undefined) tell(t("runs.some_failed", { n: back.length, why: errorText(outcome.failure) }), undo);
    else tell(t(what.said, { n: outcome.done.length }), undo);
    if (outcome.done.length) onDone();
    await runs.reload();
  };
  const one = (call: (id: string) => Promise<unknown>) => (lot: string[]): Promise<unknown> => call(lot[0] ?? "");
  const staged = (stage: string) => (table: RunTable, ids: ReadonlySet<string>): RunTable =>
    ({ ...table, lifecycle_stage: table.lifecycle_stage.map((was, i) => (ids.has(table.run_id[i] ?? "") ? stage : was)) });
  const removal = (): Work => ({ work: one(deleteRun), said: "runs.deleted", patch: staged("deleted"), undo: restoral });
  const restoral = (): Work => ({ work: one(restoreRun), said: "runs.restored", patch: staged("active"), undo: removal });
  const movement = (target: string, back: string): Work => ({
    work: (lot) => moveRuns(lot, target), size: MOVED_AT_ONCE, said: "bulk.moved", undo: () => movement(back, target),
  });
  const tagged = (key: string, value: string | null) => (table: RunTable, ids: ReadonlySet<string>): RunTable => {
    const column = table.tags[key] ?? table.run_id.map(() => null);
    return { ...table, tags: { ...table.tags, [key]: column.map((was, i) => (ids.has(table.run_id[i] ?? "") ? value : was)) } };
  };
  return {
    progress,
    stop: () => stop.abort(),
    remove: (ids) => act(ids, removal()),
    restore: (ids) => act(ids, restoral()),
    tag: (ids, key, value) => act(ids, { work: one((id) => setRunTag(id, key, value)), said: "bulk.tagged", patch: tagged(key, value) }),
    untag: (ids, key) => act(ids, { work: one((id) => deleteRunTag(id, key)), said: "bulk.untagged", patch: tagged(key, null) }),
    move: (ids, target) => act(ids, movement(target, experiment)),
  };
}

/** The table with these runs as they were before. */
function turnedBack(table: RunTable, ids: ReadonlySet<string>, before: ReadonlyMap<string, RunTable>): RunTable {
  const old = table.run_id.map((id) => (ids.has(id) ? before.get(id) : undefined));
  const place = new Map<RunTable, Map<string, number>>();
  const rowIn = (was: RunTable, id: string): number => {
    let rows = place.get(was);
    if (!rows) place.set(was, (rows = new Map(was.run_id.map((each, i) => [each, i]))));
    return rows.get(id) ?? -1;
  };
  const pick = <T>(now: T[], of: (was: RunTable) => readonly T[] | undefined): T[] =>
    now.map((value, i) => { const was = old[i]; return was ? (of(was)?.[rowIn(was, table.run_id[i] ?? "")] ?? value) : value; });
  const tags = Object.fromEntries(Object.entries(table.tags).map(([key, column]) => [
    key, column.map((value, i) => { const was = old[i]; return was ? (was.tags[key]?.[rowIn(was, table.run_id[i] ?? "")] ?? null) : value; }),
  ]));
  return { ...table, lifecycle_stage: pick(table.lifecycle_stage, (was) => was.lifecycle_stage), tags };
}
