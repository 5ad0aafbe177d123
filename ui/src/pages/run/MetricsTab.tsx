/** A panel a metric of one run, the machine's own metrics apart; grows while the run lives. */

import { createMemo, createSignal, Show, type JSX } from "solid-js";
import { bindKeys } from "../../app/keys";
import { go, place } from "../../app/nav";
import { t, theme } from "../../app/prefs";
import { Board } from "../../chart/Board";
import { Controls } from "../../chart/Controls";
import { createFeed } from "../../chart/feed";
import { parseCharts, withCharts, type ChartState } from "../../core/chart_state";
import { PALETTE } from "../../core/color";
import { exactNumber, formatNumber } from "../../core/format";
import { axisOf, type ChartRun } from "../../core/lines";
import { isSystem } from "../../core/metric_names";
import { byName } from "../../core/order";
import { matchRoute } from "../../core/router";
import { toNumber, type Run } from "../../core/wire";

interface Props {
  run: Run;
  /** Show what the machine did, not what the run logged. */
  system?: boolean;
}

export function MetricsTab(props: Props): JSX.Element {
  let field: HTMLInputElement | undefined;
  bindKeys({ "/": (event) => { event.preventDefault(); field?.focus(); }, Escape: () => field?.blur() });
  const id = createMemo(() => props.run.info.run_id);
  // The address is that of another page before this one is gone.
  const search = createMemo((last: string) => {
    const route = matchRoute(place().path);
    return route.page === "run" && route.run === id() && route.tab === (props.system ? "system" : "metrics") ? place().search : last;
  }, place().search);
  const state = createMemo(() => parseCharts(search()));
  const change = (part: Partial<ChartState>, replace = false): void => go(place().path + withCharts(search(), { ...state(), ...part }), replace);
  const latest = createMemo(() => new Map((props.run.data.metrics ?? []).map((metric) => [metric.key, metric])));
  const metrics = createMemo(() => [...latest().keys()].sort(byName), undefined, {
    equals: (a, b) => a.length === b.length && a.every((key, i) => key === b[i]),
  });
  const shown = createMemo(() => metrics().filter((key) => isSystem(key) === (props.system ?? false)));
  const name = createMemo(() => props.run.info.run_name || id());
  const live = createMemo(() => props.run.info.status === "RUNNING");
  const runs = createMemo((): ChartRun[] => [{ id: id(), name: name(), color: PALETTE[theme()][0], group: "", live: live() }]);
  const axis = (): "step" | "relative" | "time" => { const kind = axisOf(state().x); return kind === "number" ? "step" : kind; };
  const view = createMemo(() => ({
    runs: [id()], axis: axis(), range: state().x.startsWith("m:") ? null : state().range, width: state().full ? 1600 : 500, running: new Set(live() ? [id()] : []),
  }));
  const feed = createFeed(view, () => ({ run: id() }));
  const question = (): { run_ids: string[]; x: "step" | "relative" | "time"; low: number | null; high: number | null } => {
    const { range } = view();
    return { run_ids: [id()], x: axis(), low: range ? Math.floor(range[0]) : null, high: range ? Math.ceil(range[1]) : null };
  };
  const last = (metric: string): JSX.Element => {
    const value = (): number | null => toNumber(latest().get(metric)?.value);
    return <span class="number" title={exactNumber(value())}>{formatNumber(value())}</span>;
  };
  const [hot, setHot] = createSignal<string | null>(null);
  return (
    <Show when={shown().length} fallback={<p class="quiet pad">{t(props.system ? "run.no_system" : "run.no_metrics")}</p>}>
      <Controls state={state()} onState={change} metrics={metrics()} field={(found) => (field = found)} />
      <Board metrics={shown()} runs={runs()} state={state()} onState={change} feed={feed} hot={hot()} onHot={setHot} onOpen={() => undefined}
        question={question} colorOf={() => PALETTE[theme()][0]} last={last} legend={false} />
    </Show>
  );
}
