/** The charts of exactly the compared runs. */

import { createMemo, type JSX } from "solid-js";
import { go, place } from "../../app/nav";
import { t } from "../../app/prefs";
import { Board } from "../../chart/Board";
import { Controls } from "../../chart/Controls";
import { createFeed } from "../../chart/feed";
import { parseCharts, withCharts, type ChartState } from "../../core/chart_state";
import { axisOf, type ChartRun } from "../../core/lines";
import { isSystem } from "../../core/metric_names";
import { byName } from "../../core/order";
import { runPath } from "../../core/router";
import type { RunTable } from "../../core/wire";
import type { ComparedRun } from "./compared";

interface Props {
  runs: ComparedRun[];
  table: RunTable | undefined;
  hot: string | null;
  onHot: (run: string | null) => void;
}

export function CompareCharts(props: Props): JSX.Element {
  const search = createMemo((last: string) => (place().path === "/compare" ? place().search : last), place().search);
  const state = createMemo(() => parseCharts(search()));
  const change = (part: Partial<ChartState>, replace = false): void => go(`/compare${withCharts(search(), { ...state(), ...part })}`, replace);
  const metrics = createMemo(() => Object.keys(props.table?.metrics ?? {}).filter((key) => !isSystem(key)).sort(byName), [], { equals: sameList });
  const runs = createMemo((): ChartRun[] => props.runs.map((run) => ({ id: run.id, name: run.name, color: run.color, group: "", live: run.status === "RUNNING" })));
  const wanted = createMemo(() => runs().map((run) => run.id), [], { equals: sameList });
  const running = createMemo(() => runs().filter((run) => run.live).map((run) => run.id), [], { equals: sameList });
  const axis = (): "step" | "relative" | "time" => { const kind = axisOf(state().x); return kind === "number" ? "step" : kind; };
  const view = createMemo(() => ({
    runs: wanted(), axis: axis(), range: state().x.startsWith("m:") ? null : state().range, width: state().full ? 1600 : 500, running: new Set(running()),
  }));
  const experiments = createMemo(() => [...new Set(props.runs.map((run) => run.experiment))], [], { equals: sameList });
  const feed = createFeed(view, () => (experiments().length === 1 ? { experiment: experiments()[0] as string } : {}));
  const question = (): { run_ids: string[]; x: "step" | "relative" | "time"; low: number | null; high: number | null } => {
    const { range, axis } = view();
    return { run_ids: [...wanted()], x: axis, low: range ? Math.floor(range[0]) : null, high: range ? Math.ceil(range[1]) : null };
  };
  return (
    <section class="compare-charts chart-pane" aria-label={t("plot.charts")}>
      <Controls state={state()} onState={change} metrics={metrics()} />
      <Board metrics={metrics()} runs={runs()} state={state()} onState={change} feed={feed} hot={props.hot} onHot={props.onHot}
        onOpen={(run) => go(runPath(run))} question={question} colorOf={() => "#2f6fde"} legend={false} />
    </section>
  );
}

function sameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((id, i) => id === b[i]);
}
