/** One metric of the ticked runs (or of the first ones) as lines, with a legend that names the last values. */

import { createMemo, createSignal, For, Show, type JSX } from "solid-js";
import { load } from "../../app/load";
import { Failure } from "../../app/notices";
import { t } from "../../app/prefs";
import { getSeries } from "../../core/api";
import { likeliestMetric, lineFacts, toLine, type Axis } from "../../core/chart_lines";
import type { KeyFacts } from "../../core/columns";
import { exactNumber, formatNumber } from "../../core/format";
import { byName } from "../../core/order";
import type { RowPlace } from "../../core/run_window";
import type { RunTable } from "../../core/wire";
import { ChartControls } from "../../chart/controls";
import { LineChart } from "../../chart/LineChart";
import type { ChartModel } from "../../chart/model";

/** More lines than this say nothing. */
export const MOST_CHARTED = 50;
const MOST_COLOURED = 10;
const FAINT = "#8a8f99";

interface Props {
  runs: string[];
  /** How many runs are ticked; 0 when `runs` are the first of the table. */
  picked: number;
  colors: Map<string, string>;
  facts: KeyFacts;
  row: (row: number) => RowPlace | undefined;
  loaded: RunTable[];
  metric: string | null;
  onMetric: (metric: string) => void;
  beat: number;
  hot: string | null;
  onHot: (run: string | null) => void;
}

export function ChartPane(props: Props): JSX.Element {
  const [axis, setAxis] = createSignal<Axis>("step");
  const [log, setLog] = createSignal(false);
  const metrics = createMemo(() => [...props.facts.metrics.keys()].sort(byName));
  const metric = createMemo(() => (props.metric !== null && metrics().includes(props.metric) ? props.metric : likeliestMetric(props.facts.metrics)));
  const known = createMemo(() => {
    const wanted = new Set(props.runs);
    const found = new Map<string, { name: string; status: string; start: number | null }>();
    for (const table of props.loaded) {
      table.run_id.forEach((id, i) => {
        if (wanted.has(id)) found.set(id, { name: table.run_name[i] || id, status: table.status[i] ?? "", start: table.start_time[i] ?? null });
      });
    }
    return found;
  });
  const beatIfRunning = createMemo(() => ([...known().values()].some((run) => run.status === "RUNNING") ? props.beat : 0));
  const source = createMemo(() => ({ key: metric(), ids: props.runs, beat: beatIfRunning() }), undefined, {
    equals: (a, b) => a.key === b.key && a.beat === b.beat && a.ids === b.ids,
  });
  const series = load(source, async ({ key, ids }, signal) => {
    if (key === undefined) return [];
    const width = ids.length > MOST_COLOURED ? 300 : 800;
    return getSeries({ run_ids: ids, key, width, start_step: null, end_step: null }, signal);
  }, { keep: true });
  const model = createMemo((): ChartModel => ({
    title: metric() ?? "",
    axis: axis(),
    log: log(),
    lines: (series.data() ?? []).filter((each) => each.value.length > 0).map((each) => {
      const at = props.runs.indexOf(each.run_id);
      return {
        line: toLine(each, axis(), log(), known().get(each.run_id)?.start ?? null),
        label: known().get(each.run_id)?.name ?? each.run_id,
        color: at < MOST_COLOURED ? (props.colors.get(each.run_id) ?? FAINT) : FAINT,
        faint: at >= MOST_COLOURED,
      };
    }),
  }));
  return (
    <section class="chart-pane" aria-label={t("chart.button")}>
      <div class="chart-head">
        <label class="field grow">
          <span class="hidden">{t("chart.metric")}</span>
          <select value={metric() ?? ""} onChange={(event) => props.onMetric(event.currentTarget.value)} disabled={metrics().length === 0}>
            <For each={metrics()}>{(key) => <option value={key}>{key}</option>}</For>
          </select>
        </label>
        <ChartControls axis={axis()} log={log()} onAxis={setAxis} onLog={setLog} />
        <span class="quiet scope">
          {props.picked === 0 ? t("chart.first_runs", { n: props.runs.length })
            : props.picked > props.runs.length ? t("chart.first_of", { n: props.runs.length, all: props.picked })
            : t("chart.picked", { n: props.picked })}
        </span>
      </div>
      <Show when={series.error()}><Failure what={t("error.series", { key: metric() ?? "" })} error={series.error()} retry={series.reload} /></Show>
      <Show when={metrics().length > 0} fallback={<p class="quiet pad">{t("chart.no_metrics")}</p>}>
        <div class="chart-body">
          <Show when={model().lines.length > 0} fallback={<p class="quiet pad">{series.loading() ? t("state.loading") : t("chart.no_points")}</p>}>
            <LineChart model={model()} height={220} focus={props.hot} onFocus={props.onHot} />
            <Legend model={model()} hot={props.hot} onHot={props.onHot} />
          </Show>
        </div>
      </Show>
    </section>
  );
}

function Legend(props: { model: ChartModel; hot: string | null; onHot: (run: string | null) => void }): JSX.Element {
  return (
    <ul class="legend" onPointerLeave={() => props.onHot(null)}>
      <For each={props.model.lines}>
        {(each) => {
          const last = (): number | null => lineFacts(each.line).last;
          return (
            <li classList={{ hot: props.hot === each.line.id }} onPointerEnter={() => props.onHot(each.line.id)}>
              <span class="dot" style={{ background: each.color }} />
              <span class="run-name" title={each.label}>{each.label}</span>
              <span class="number" title={exactNumber(last())}>{formatNumber(last())}</span>
            </li>
          );
        }}
      </For>
    </ul>
  );
}
