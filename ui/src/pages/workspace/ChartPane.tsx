/** The charts of the runs in the table: a panel a metric, for the ticked runs, the first ones, or all. */

import { createEffect, createMemo, Show, type JSX } from "solid-js";
import { marksOf } from "../../app/marks";
import { go } from "../../app/nav";
import { Failure } from "../../app/notices";
import { t, theme } from "../../app/prefs";
import { Board } from "../../chart/Board";
import { Controls } from "../../chart/Controls";
import { createFeed } from "../../chart/feed";
import { Media } from "../../chart/Media";
import { MadeCharts } from "../../chart/MadeCharts";
import { groupOfCharts, type ChartState } from "../../core/chart_state";
import { assignColors } from "../../core/color";
import { columnId, columnOf, type Column } from "../../core/columns";
import { axisOf, GREY, MOST_COLOURED, type ChartRun } from "../../core/lines";
import { finder } from "../../core/metric_names";
import { byName } from "../../core/order";
import { runPath } from "../../core/router";
import type { RunsRequest, RunTable } from "../../core/wire";
import { columnLabel } from "../../grid/Grid";
import { createCharted, MOST_CHARTED, type ChartedFrom } from "./charted";

interface Props extends ChartedFrom {
  experiment: string;
  total: number;
  metrics: readonly string[];
  /** Column ids of parameters and tags. */
  groups: readonly string[];
  onState: (part: Partial<ChartState>, replace?: boolean) => void;
  hot: string | null;
  onHot: (run: string | null) => void;
  /** Ticks runs. */
  onPick: (runs: string[]) => void;
  /** Columns that the table is grouped by. */
  grouped: readonly string[];
  /** Told of what is charted, and of colours that are not the runs' own. */
  onRuns: (runs: readonly ChartRun[], tints: ReadonlyMap<string, string>) => void;
}

export function ChartPane(props: Props): JSX.Element {
  const marks = createMemo(() => marksOf(props.experiment));
  const column = createMemo(() => columnOf(groupOfCharts(props.state, props.grouped)));
  const charted = createCharted(props, column);
  const runs = createMemo((): ChartRun[] => {
    const by = column();
    return charted.runs().flatMap(({ table, at }) => {
      const id = table.run_id[at] ?? "";
      return marks().visible(id) ? [{
        id, name: table.run_name[at] || id, color: marks().color(id), group: by ? groupOf(table, at, by) : "", live: table.status[at] === "RUNNING",
      }] : [];
    });
  }, [], { equals: (a, b) => JSON.stringify(a) === JSON.stringify(b) });
  const wanted = createMemo(() => runs().map((run) => run.id), undefined, { equals: sameIds });
  createEffect(() => marks().distinguish(wanted().slice(0, MOST_COLOURED)));
  /** What asks for more of the same runs. */
  const request = createMemo((): RunsRequest => ({
    experiment_ids: [props.experiment], order_by: [], view: "ALL", offset: 0, limit: MOST_CHARTED, columns: [],
    filter: wanted().length ? `attributes.run_id IN (${wanted().map((id) => `'${id}'`).join(", ")})` : "attributes.run_id = ''",
  }));
  const names = createMemo(() => [...new Set(runs().map((run) => run.group))].sort(byName));
  const colors = createMemo(() => assignColors(names(), theme()));
  createEffect(() => props.onRuns(runs(), new Map(column() ? runs().map((run) => [run.id, colors().get(run.group) ?? GREY]) : [])));
  const axis = (): "step" | "relative" | "time" => { const kind = axisOf(props.state.x); return kind === "number" ? "step" : kind; };
  const view = createMemo(() => ({
    // Another metric's values are no stretch of steps.
    runs: wanted(), axis: axis(), range: props.state.x.startsWith("m:") ? null : props.state.range, width: props.state.full ? 1600 : 500,
    running: new Set(runs().filter((run) => run.live).map((run) => run.id)),
  }));
  const feed = createFeed(view, () => props.following);
  const question = (): { run_ids: string[]; x: "step" | "relative" | "time"; low: number | null; high: number | null } => {
    const { range, axis } = view();
    return { run_ids: [...wanted()], x: axis, low: range ? Math.floor(range[0]) : null, high: range ? Math.ceil(range[1]) : null };
  };
  const note = (): string => {
    const { scope } = props.state;
    const n = wanted().length;
    if (scope === "selected" && props.selected.size) return t(n < props.selected.size ? "plot.note_part" : "chart.picked", { n, all: props.selected.size });
    if (scope === "selected") return t(props.state.pane === "charts" ? "chart.first_only" : "chart.first_runs", { n });
    return t("plot.note_part", { n, all: props.total });
  };
  const columns = createMemo(() => [...props.metrics.map((key) => columnId("metric", key)).sort(byName), ...props.groups, "start_time", "duration", "status", "user_id"]);
  const sorted = createMemo(() => [...props.metrics].sort(byName));
  return (
    <section class="chart-pane" aria-label={t("plot.charts")}>
      <Controls state={props.state} onState={props.onState} metrics={sorted()} groups={props.groups.map((id) => ({ id, name: nameOf(id) }))} grouped={props.grouped[0] === undefined ? "" : nameOf(props.grouped[0])}>
        <span class="quiet scope">{note()}</span>
      </Controls>
      <Show when={charted.error()}><Failure what={t("error.runs")} error={charted.error()} retry={charted.reload} /></Show>
      <Show when={sorted().length > 0} fallback={<p class="quiet pad">{t("chart.no_metrics")}</p>}>
        <MadeCharts made={props.state.made} onMade={(made) => props.onState({ made })} runs={runs()} request={request()} beat={charted.runs()} columns={columns()}
          colorOf={(group) => colors().get(group) ?? "#2f6fde"} hot={props.hot} onHot={props.onHot} onOpen={(run) => go(runPath(run))} onPick={props.onPick} />
        <Board metrics={sorted()} runs={runs()} state={props.state} onState={props.onState} feed={feed} hot={props.hot} onHot={props.onHot}
          onOpen={(run) => go(runPath(run))} question={question} colorOf={(group) => colors().get(group) ?? "#2f6fde"} legend={props.state.pane === "charts"} />
      </Show>
      <Show when={feed.answered() || sorted().length === 0}><Media runs={runs()} find={finder(props.state.find)} hot={props.hot} onHot={props.onHot} /></Show>
    </section>
  );
}

function nameOf(id: string): string {
  const column = columnOf(id);
  return column ? columnLabel(column) : id;
}

function groupOf(table: RunTable, at: number, column: Column): string {
  if (column.kind === "param") return table.params[column.key]?.[at] ?? "–";
  if (column.kind === "tag") return table.tags[column.key]?.[at] ?? "–";
  return column.id === "status" ? (table.status[at] ?? "–") : column.id === "user_id" ? (table.user_id[at] ?? "–") : "–";
}

function sameIds(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((id, i) => id === b[i]);
}
