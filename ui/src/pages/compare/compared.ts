/** The runs that are compared: found whatever experiment they are in, kept fresh, with their environments on demand. */

import { createEffect, createMemo, createSignal, on, type Accessor } from "solid-js";
import { follow } from "../../app/live";
import { load } from "../../app/load";
import { marksOf } from "../../app/marks";
import { getRuns, searchExperiments } from "../../core/api";
import type { CompareState } from "../../core/compare_state";
import { linesOf, packageLines, partColumns, type Line } from "../../core/comparison";
import type { Experiment, RunsRequest, RunTable } from "../../core/wire";
import { environmentsOf, type Environments } from "./environments";

/** Of more runs the environments are only looked for when the reader asks. */
const FEW = 20;
/** Milliseconds between two looks at runs that change all the time. */
const PACE = 1000;
const ID = /^[\w-]{1,64}$/;

export interface ComparedRun {
  id: string;
  name: string;
  experiment: string;
  status: string;
  deleted: boolean;
  color: string;
}

export interface Compared {
  table: Accessor<RunTable | undefined>;
  error: Accessor<unknown>;
  loading: Accessor<boolean>;
  reload: () => void;
  /** Those that were found, in the order of the address, the baseline first. */
  runs: Accessor<ComparedRun[]>;
  missing: Accessor<string[]>;
  experiments: Accessor<string[]>;
  lines: Accessor<Line[]>;
  /** Packages: not asked for, on their way, here. */
  environments: Accessor<Environments | undefined>;
  environmentsLoading: Accessor<boolean>;
  loadEnvironments: (() => void) | undefined;
  few: Accessor<boolean>;
}

export async function allExperiments(signal: AbortSignal): Promise<Experiment[]> {
  const all: Experiment[] = [];
  let next: string | undefined;
  do {
    const page = await searchExperiments({ view_type: "ALL", ...(next ? { page_token: next } : {}) }, signal);
    all.push(...page.experiments);
    next = page.next;
  } while (next);
  return all;
}

const requestOf = (runs: readonly string[], experiments: string[], columns?: string[]): RunsRequest => ({
  experiment_ids: experiments, filter: `attributes.run_id IN (${runs.map((run) => `'${run}'`).join(", ")})`, order_by: [], view: "ALL",
  offset: 0, limit: runs.length, ...(columns ? { columns } : {}),
});

/** The runs: in the experiments that the address names, else, or when some are not there, in all. */
async function find(runs: readonly string[], experiments: string[], signal: AbortSignal): Promise<RunTable> {
  if (experiments.length) {
    const here = await getRuns(requestOf(runs, experiments), signal);
    if (here.run_id.length >= runs.length) return here;
  }
  const everywhere = (await allExperiments(signal)).map((each) => each.experiment_id);
  return getRuns(requestOf(runs, everywhere), signal);
}

export function createCompared(state: Accessor<CompareState>): Compared {
  const wanted = createMemo(() => state().runs.filter((run) => ID.test(run)).sort().join(","));
  const rows = load(wanted, async (ids, signal) => (ids ? find(ids.split(","), state().experiments, signal) : undefined), { keep: true });
  const table = createMemo(() => rows.data());
  const experiments = createMemo(() => [...new Set(table()?.experiment_id ?? [])].sort(), [], { equals: (a, b) => a.join() === b.join() });
  const metrics = createMemo(() => Object.keys(table()?.metrics ?? {}), [], { equals: (a, b) => a.join("\n") === b.join("\n") });
  const beat = createMemo(() => (state().part === "last" ? null : [wanted(), state().part, metrics(), table()] as const));
  const parts = load(beat, async (asked, signal) => {
    if (!asked || !asked[2].length) return undefined;
    const found = await getRuns(requestOf(asked[0].split(","), experiments(), partColumns(asked[2], asked[1])), signal);
    return { part: asked[1], table: found };
  }, { keep: true });
  const one = (): string | undefined => (experiments().length === 1 ? experiments()[0] : undefined);
  const running = (): boolean => table()?.status.includes("RUNNING") ?? false;
  follow(() => (one() === undefined ? {} : { experiment: one() as string }), async (signal) => {
    const asked = wanted();
    if (!asked || !table()) return;
    const fresh = await getRuns(requestOf(asked.split(","), experiments()), signal);
    if (asked === wanted()) rows.set(fresh);
  }, () => (running() ? 2000 : null), PACE, (change) => change === null || change.run_id === undefined || wanted().includes(change.run_id));

  const runs = createMemo((): ComparedRun[] => {
    const found = table();
    const place = new Map((found?.run_id ?? []).map((id, at) => [id, at]));
    const order = state().runs.filter((run) => place.has(run));
    const baseline = order.includes(state().baseline) ? state().baseline : order[0];
    return [...order.filter((run) => run === baseline), ...order.filter((run) => run !== baseline)].map((id) => {
      const at = place.get(id) as number;
      const experiment = found?.experiment_id[at] ?? "";
      return {
        id, experiment, name: found?.run_name[at] || id, status: found?.status[at] ?? "", deleted: found?.lifecycle_stage[at] === "deleted",
        color: marksOf(experiment).color(id),
      };
    });
  }, [], { equals: (a, b) => JSON.stringify(a) === JSON.stringify(b) });
  // Beside each other in charts: runs of one experiment share one palette, as on its page.
  createEffect(() => {
    const found = table();
    for (const experiment of new Set(found?.experiment_id)) {
      marksOf(experiment).distinguish((found?.run_id ?? []).filter((_, at) => found?.experiment_id[at] === experiment));
    }
  });
  const missing = createMemo(() => (table() || !wanted() ? state().runs.filter((run) => !table()?.run_id.includes(run)) : []));

  const [asked, setAsked] = createSignal("");
  const few = (): boolean => runs().length <= FEW;
  // A memo: what runs needed does not change with their metrics.
  const whose = createMemo(() => (table() && (few() || asked() === wanted()) ? wanted() : ""));
  const packages = load(whose, async (ids, signal) => {
    const found = table();
    return ids && found ? environmentsOf(found, signal) : undefined;
  });
  const values = createMemo(() => {
    const found = table();
    if (!found) return [];
    const other = parts.data()?.part === state().part ? parts.data()?.table : undefined;
    return linesOf(runs().map((run) => run.id), found, state().part, other);
  });
  const lines = createMemo(() => {
    const found = packages.data()?.found;
    return found?.size ? [...values(), ...packageLines(runs().map((run) => found.get(run.id)))] : values();
  });
  createEffect(on(wanted, () => setAsked(""), { defer: true }));
  return {
    table, error: () => rows.error() ?? parts.error(), loading: rows.loading, reload: () => { rows.reload(); parts.reload(); },
    runs, missing, experiments, lines, few,
    environments: packages.data, environmentsLoading: () => packages.loading() && packages.data() === undefined && (few() || asked() === wanted()),
    loadEnvironments: () => setAsked(wanted()),
  };
}
