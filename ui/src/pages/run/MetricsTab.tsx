/** A chart per metric, grouped by the part before the slash; only cards in sight load, and grow while the run lives. */

import { createEffect, createMemo, createSignal, For, on, Show, type JSX } from "solid-js";
import { bindKeys } from "../../app/keys";
import { load, seen } from "../../app/load";
import { Failure } from "../../app/notices";
import { t, theme } from "../../app/prefs";
import { getSeries } from "../../core/api";
import { ChartControls } from "../../chart/controls";
import { LineChart } from "../../chart/LineChart";
import type { ChartModel } from "../../chart/model";
import { groupByPrefix, toLine, type Axis } from "../../core/chart_lines";
import { PALETTE } from "../../core/color";
import { exactNumber, formatNumber } from "../../core/format";
import { byName } from "../../core/order";
import { Tail } from "../../core/tail";
import { toInteger, toNumber, type LatestMetric, type Run } from "../../core/wire";

export function MetricsTab(props: { run: Run }): JSX.Element {
  const [search, setSearch] = createSignal("");
  const [axis, setAxis] = createSignal<Axis>("step");
  const [log, setLog] = createSignal(false);
  let field: HTMLInputElement | undefined;
  bindKeys({ "/": (event) => { event.preventDefault(); field?.focus(); }, Escape: () => field?.blur() });
  const latest = createMemo(() => new Map((props.run.data.metrics ?? []).map((metric) => [metric.key, metric])));
  const keys = createMemo(() => [...latest().keys()].sort(byName), undefined, {
    equals: (a, b) => a.length === b.length && a.every((key, i) => key === b[i]),
  });
  const groups = createMemo(() => {
    const wanted = search().trim().toLowerCase();
    return groupByPrefix(keys().filter((key) => key.toLowerCase().includes(wanted)));
  });
  return (
    <Show when={keys().length} fallback={<p class="quiet pad">{t("run.no_metrics")}</p>}>
      <div class="chart-head sticky">
        <input ref={field} type="search" placeholder={t("run.search", { what: t("run.metrics") })} aria-label={t("run.search", { what: t("run.metrics") })}
          value={search()} onInput={(event) => setSearch(event.currentTarget.value)} />
        <ChartControls axis={axis()} log={log()} onAxis={setAxis} onLog={setLog} />
      </div>
      <For each={groups()} fallback={<p class="quiet pad">{t("run.no_metric_matches", { text: search() })}</p>}>
        {(group) => (
          <section class="chart-group">
            <Show when={group.prefix} fallback={<h2 class="hidden">{t("run.metrics")}</h2>}><h2>{group.prefix} <span class="quiet">{group.keys.length}</span></h2></Show>
            <div class="cards">
              <For each={group.keys}>{(key) => <Card run={props.run} metric={key} latest={latest().get(key)} axis={axis()} log={log()} />}</For>
            </div>
          </section>
        )}
      </For>
    </Show>
  );
}

interface CardProps {
  run: Run;
  metric: string;
  latest: LatestMetric | undefined;
  axis: Axis;
  log: boolean;
}

function Card(props: CardProps): JSX.Element {
  const [root, setRoot] = createSignal<Element>();
  const inSight = seen(root);
  const id = (): string => props.run.info.run_id;
  const newest = createMemo(() => `${props.latest?.step} ${props.latest?.timestamp} ${props.latest?.value}`);
  const shown = createMemo(() => (inSight() ? `${id()} ${props.metric}` : null));
  const tail = new Tail();
  const status = createMemo(() => props.run.info.status);
  const series = load(
    shown,
    async (wanted, signal) => {
      if (wanted === null) return [];
      const from = tail.from();
      const [fresh] = await getSeries({ run_ids: [id()], key: props.metric, width: 800, start_step: from, end_step: null }, signal);
      const whole = signal.aborted ? undefined : tail.take(from, fresh);
      return whole ? [whole] : [];
    },
    { keep: true },
  );
  // A run that ends may have had points at earlier steps, which nobody asked for.
  createEffect(on(status, () => { tail.forget(); if (inSight()) series.reload(); }, { defer: true }));
  createEffect(on(newest, () => { if (inSight()) series.reload(); }, { defer: true }));
  const value = (): number | null => toNumber(props.latest?.value);
  const model = createMemo((): ChartModel => ({
    title: props.metric,
    axis: props.axis,
    log: props.log,
    lines: (series.data() ?? []).filter((each) => each.value.length > 0).map((each) => ({
      line: toLine(each, props.axis, props.log, toInteger(props.run.info.start_time)),
      label: props.metric,
      color: PALETTE[theme()][0],
      faint: false,
    })),
  }));
  return (
    <article class="card chart-card" ref={setRoot} aria-label={props.metric}>
      <div class="card-head">
        <h3 title={props.metric}>{props.metric}</h3>
        <span class="number" title={exactNumber(value())}>{formatNumber(value())}</span>
      </div>
      <Show when={series.error()}><Failure what={t("error.series", { key: props.metric })} error={series.error()} retry={series.reload} /></Show>
      <Show when={model().lines.length} fallback={<div class="chart-wait quiet">{series.loading() ? t("state.loading") : t("chart.no_points")}</div>}>
        <LineChart model={model()} height={180} />
      </Show>
    </article>
  );
}
