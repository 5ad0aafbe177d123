/** The charts that a reader made: each in a card, with its editor. */

import { createMemo, createSignal, For, lazy, Match, Show, Suspense, Switch, type JSX } from "solid-js";
import { load } from "../app/load";
import { Failure } from "../app/notices";
import { t } from "../app/prefs";
import { getRuns } from "../core/api";
import { columnOf } from "../core/columns";
import type { ChartRun } from "../core/lines";
import { causesOf, columnsOf, firstOf, formatMade, NEW_CHART, parseMade, valuesOf, type Made, type Values } from "../core/made";
import type { RunsRequest, RunTable } from "../core/wire";
import { openMenu } from "../parts/menu";
import { ChartEditor } from "./ChartEditor";
import type { KindProps } from "./kinds/frame";

const Points = lazy(() => import("./kinds/points").then((module) => ({ default: module.Points })));
const Bars = lazy(() => import("./kinds/bars").then((module) => ({ default: module.Bars })));
const Boxes = lazy(() => import("./kinds/bars").then((module) => ({ default: module.Boxes })));
const Histogram = lazy(() => import("./kinds/bars").then((module) => ({ default: module.Histogram })));
const Importances = lazy(() => import("./kinds/bars").then((module) => ({ default: module.Importances })));
const Parallel = lazy(() => import("./kinds/Parallel").then((module) => ({ default: module.Parallel })));

interface Props {
  made: readonly string[];
  onMade: (made: string[]) => void;
  runs: readonly ChartRun[];
  /** The question whose answer has these runs. */
  request: RunsRequest;
  /** Changes whenever what runs have may have changed. */
  beat: unknown;
  columns: readonly string[];
  colorOf: (group: string) => string;
  hot: string | null;
  onHot: (run: string | null) => void;
  onOpen: (run: string) => void;
  onPick: (runs: string[]) => void;
}

export function MadeCharts(props: Props): JSX.Element {
  const charts = createMemo(() => props.made.map((text) => ({ text, made: parseMade(text) })));
  const [edited, setEdited] = createSignal<number | null>(null);
  const wanted = createMemo(() => {
    const ids = [...new Set(charts().flatMap(({ made }) => (made ? columnsOf(made) : [])))].sort();
    return { ...props.request, columns: ids.map((id) => columnOf(id)?.wanted).filter((name): name is string => typeof name === "string") };
  }, undefined, { equals: (a, b) => JSON.stringify(a) === JSON.stringify(b) });
  const table = load(() => ({ request: wanted(), beat: props.beat }), async ({ request }, signal) => (charts().length ? getRuns(request, signal) : null), { keep: true });
  const put = (at: number, made: Made | null): void => {
    const next = [...props.made];
    if (made === null) next.splice(at, 1);
    else next[at] = formatMade(made);
    props.onMade(next);
  };
  const menu = (event: MouseEvent, at: number): void => openMenu(event.currentTarget as HTMLElement, [
    { label: t("made.edit"), run: () => setEdited(at) },
    { label: t("made.copy"), run: () => props.onMade([...props.made.slice(0, at + 1), props.made[at] ?? "", ...props.made.slice(at + 1)]) },
    { label: t("made.first"), disabled: at === 0, run: () => props.onMade([props.made[at] ?? "", ...props.made.filter((_, i) => i !== at)]) },
    null,
    { label: t("made.remove"), danger: true, run: () => { setEdited(null); put(at, null); } },
  ]);
  return (
    <section class="chart-group made" aria-label={t("made.title")}>
      <div class="made-head">
        <h2>{t("made.title")} <span class="quiet">{props.made.length}</span></h2>
        <button type="button" onClick={() => { setEdited(props.made.length); props.onMade([...props.made, formatMade(firstOf(props.columns))]); }}>{t("made.add")}</button>
      </div>
      <Show when={table.error() && !table.data()}><Failure what={t("error.runs")} error={table.error()} retry={table.reload} /></Show>
      <div class="cards wide">
        <For each={charts()}>
          {({ made }, at) => (
            <article class="card chart-card made-card" aria-label={made ? titleOf(made) : t("made.unknown")}>
              <div class="panel-head">
                <h3 title={made ? titleOf(made) : undefined}>{made ? titleOf(made) : t("made.unknown")}</h3>
                <button type="button" class="icon-button panel-menu" aria-haspopup="menu" aria-label={t("plot.menu")} onClick={(event) => menu(event, at())}>⋯</button>
              </div>
              <Show when={edited() === at() ? made : null}>
                {(now) => <ChartEditor made={now()} columns={props.columns} onChange={(next) => put(at(), next)} onClose={() => setEdited(null)} />}
              </Show>
              <div class="panel-body">
                <Suspense fallback={<div class="chart-wait quiet">{t("state.loading")}</div>}>
                  <Show when={made && table.data()} fallback={<div class="chart-wait quiet">{t(made ? "state.loading" : "made.unknown")}</div>}>
                    {(rows) => <Drawn {...props} made={made ?? NEW_CHART} table={rows()} />}
                  </Show>
                </Suspense>
              </div>
            </article>
          )}
        </For>
      </div>
    </section>
  );
}

function nameOf(id: string): string {
  const column = columnOf(id);
  return column ? (column.kind === "attribute" ? t(`column.${id}`) : column.name) : "";
}

export function titleOf(made: Made): string {
  const kind = t(`made.kind_${made.kind}`);
  if (made.kind === "parallel") return `${kind}: ${made.columns.map(nameOf).join(", ")}`;
  if (made.kind === "scatter") return `${kind}: ${nameOf(made.y)} / ${nameOf(made.x)}`;
  return made.kind === "contour" ? `${kind}: ${nameOf(made.z)} / ${nameOf(made.x)}, ${nameOf(made.y)}` : `${kind}: ${nameOf(made.y)}`;
}

/** Whether the reader has said all that the chart needs. */
function ready(made: Made): boolean {
  if (made.kind === "parallel") return made.columns.length > 0;
  if (made.kind === "importance") return made.y !== "" && causesOf(made).length > 0;
  if (made.kind === "scatter") return made.x !== "" && made.y !== "";
  return made.kind === "contour" ? made.x !== "" && made.y !== "" && made.z !== "" : made.y !== "";
}

function Drawn(props: Omit<Props, "made"> & { made: Made; table: RunTable }): JSX.Element {
  const known = createMemo(() => new Map(columnsOf(props.made).map((id) => [id, valuesOf(id, props.table, props.runs)])));
  const values = (id: string): Values => known().get(id) ?? { id, name: nameOf(id), at: [], shown: [], texts: null };
  const given = (): KindProps => ({
    made: props.made, runs: props.runs, values, colorOf: props.colorOf, hot: props.hot, onHot: props.onHot, onOpen: props.onOpen, onPick: props.onPick,
  });
  return (
    <Show when={ready(props.made)} fallback={<div class="chart-wait quiet">{t("made.incomplete")}</div>}>
      <Switch>
        <Match when={props.made.kind === "bar"}><Bars {...given()} /></Match>
        <Match when={props.made.kind === "scatter" || props.made.kind === "contour"}><Points {...given()} /></Match>
        <Match when={props.made.kind === "parallel"}><Parallel {...given()} /></Match>
        <Match when={props.made.kind === "box"}><Boxes {...given()} /></Match>
        <Match when={props.made.kind === "histogram"}><Histogram {...given()} /></Match>
        <Match when={props.made.kind === "importance"}><Importances {...given()} /></Match>
      </Switch>
    </Show>
  );
}

export { nameOf };
