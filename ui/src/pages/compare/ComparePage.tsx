/** Runs side by side: charts, then a line a key with what differs from the baseline marked; and their files. */

import { createEffect, createMemo, createSignal, For, on, Show, Suspense, type JSX } from "solid-js";
import { showCrumbs } from "../../app/crumbs";
import { bindKeys } from "../../app/keys";
import { later, Overlay } from "../../app/later";
import { load } from "../../app/load";
import { go, place } from "../../app/nav";
import { Failure } from "../../app/notices";
import { addTexts, t } from "../../app/prefs";
import { getExperiment } from "../../core/api";
import { PARTS } from "../../core/columns";
import { MOST_COMPARED, parseCompare, withCompare, type CompareState, type CompareTab } from "../../core/compare_state";
import { csvRows, rowsOf, type KeyOrder, type Line } from "../../core/comparison";
import { toCsv } from "../../core/csv";
import { experimentPath } from "../../core/router";
import { createCompared, type Compared } from "./compared";
import { CompareGrid } from "./CompareGrid";
import en from "../../i18n/compare.en.json";
import ko from "../../i18n/compare.ko.json";
import "./compare.css";

addTexts({ en, ko });

const CompareCharts = later(() => import("./CompareCharts").then((module) => module.CompareCharts));
const CompareFiles = later(() => import("./CompareFiles").then((module) => module.CompareFiles));
const AddRuns = later(() => import("./AddRuns").then((module) => module.AddRuns));
const ValueDialog = later(() => import("./ValueDialog").then((module) => module.ValueDialog));
/** Experiments whose names are asked for. */
const MOST_NAMED = 30;
const TABS: readonly CompareTab[] = ["values", "artifacts"];

export function ComparePage(): JSX.Element {
  const mine = createMemo((last: string) => (place().path === "/compare" ? place().search : last), place().search);
  const state = createMemo(() => parseCompare(mine()));
  const change = (part: Partial<CompareState>, replace = false): void => go(`/compare${withCompare(mine(), { ...state(), ...part })}`, replace);
  const compared = createCompared(state);
  const [adding, setAdding] = createSignal(false);
  const [opened, setOpened] = createSignal<Line | null>(null);
  const [hot, setHot] = createSignal<string | null>(null);
  const charts = (): boolean => state().charts ?? innerWidth >= 700;
  const title = (): string => t("compare.heading", { n: state().runs.length });
  const only = createMemo(() => (compared.experiments().length === 1 ? compared.experiments()[0] : undefined));
  // Whoever was shown a run alone may not read its experiment: then its number is all that is told.
  const names = load(compared.experiments, async (ids, signal) => new Map(await Promise.all(ids.slice(0, MOST_NAMED).map(async (id) =>
    [id, await getExperiment(id, signal).then((found) => found.name, () => undefined)] as const))), { keep: true });
  showCrumbs(() => {
    const id = only();
    return [
      { label: t("experiments.title"), to: "/" },
      ...(id === undefined ? [] : [{ label: names.data()?.get(id) ?? id, to: names.data() && !names.data()?.get(id) ? undefined : experimentPath(id) }]),
      { label: title() },
    ];
  });
  const ids = createMemo(() => compared.runs().map((run) => run.id));
  const rows = createMemo(() => rowsOf(compared.lines(), { search: state().search, all: state().all || ids().length === 1, order: state().order, closed: new Set(state().closed) }));
  const remove = (run: string): void => change({ runs: state().runs.filter((each) => each !== run) });
  let field: HTMLInputElement | undefined;
  bindKeys({
    "/": (event) => { event.preventDefault(); field?.focus(); },
    d: () => change({ all: !state().all }),
    a: () => setAdding(true),
    Escape: () => field?.blur(),
  });
  createEffect(on(compared.experiments, (found) => {
    if (found.length && found.join() !== [...state().experiments].sort().join()) change({ experiments: found }, true);
  }));
  return (
    <section class="compare">
      <h1 class="hidden">{title()}</h1>
      <div class="toolbar compare-bar">
        <nav class="buttons" aria-label={t("compare.tabs")}>
          <For each={TABS}>{(tab) => <button type="button" aria-pressed={state().tab === tab} onClick={() => change({ tab })}>{t(`compare.tab_${tab}`)}</button>}</For>
        </nav>
        <Show when={state().tab === "values"}>
          <ValueTools state={state()} change={change} compared={compared} charts={charts()} field={(found) => (field = found)} csv={() => csvRows(rows(), compared.runs())} />
        </Show>
        <button type="button" class="compare-add" disabled={state().runs.length >= MOST_COMPARED} onClick={() => setAdding(true)}>{t("compare.add")}</button>
      </div>
      <Show when={compared.error()}><Failure what={t("error.runs")} error={compared.error()} retry={compared.reload} /></Show>
      <Show when={compared.missing().length}><MissingRuns runs={compared.missing()} onRemove={() => change({ runs: ids() }, true)} /></Show>
      <Show when={compared.loading() && !compared.table() && state().runs.length > 0}><p class="quiet pad">{t("state.loading")}</p></Show>
      <Show when={state().runs.length === 0 || (compared.table() && ids().length === 0)}>
        <div class="empty"><h2>{t("compare.none")}</h2><p>{t("compare.how")}</p><p><button type="button" class="primary" onClick={() => setAdding(true)}>{t("compare.add")}</button></p></div>
      </Show>
      <Show when={ids().length === 1}><p class="note">{t("compare.alone")}</p></Show>
      <Show when={ids().length > 0}>
        <Show when={state().tab === "values"} fallback={
          <Suspense fallback={<p class="quiet pad">{t("state.loading")}</p>}>
            <CompareFiles runs={compared.runs()} path={state().path} onPath={(path) => change({ path })} />
          </Suspense>
        }>
          <Show when={charts() && Object.keys(compared.table()?.metrics ?? {}).length}>
            <Suspense fallback={<div class="compare-charts"><p class="quiet pad">{t("state.loading")}</p></div>}>
              <CompareCharts runs={compared.runs()} table={compared.table()} hot={hot()} onHot={setHot} />
            </Suspense>
          </Show>
          <Show when={rows().length > 0} fallback={<p class="quiet pad">{t("compare.nothing")}</p>}>
            <CompareGrid runs={compared.runs()} rows={rows()} experimentOf={(run) => (compared.experiments().length > 1 ? (names.data()?.get(run.experiment) ?? run.experiment) : "")} hot={hot()} onHot={setHot} onOpen={setOpened}
              onRuns={(runs) => change({ runs, baseline: ids()[0] ?? "" })} onBaseline={(baseline) => change({ baseline })} onRemove={remove}
              onToggle={(section) => change({ closed: state().closed.includes(section) ? state().closed.filter((each) => each !== section) : [...state().closed, section] })} />
          </Show>
        </Show>
      </Show>
      <Show when={adding()}>
        <Overlay onFail={() => setAdding(false)}>
          <AddRuns has={new Set(state().runs)} onClose={() => setAdding(false)}
            onAdd={(runs) => { setAdding(false); change({ runs: [...new Set([...state().runs, ...runs])].slice(0, MOST_COMPARED), experiments: [] }); }} />
        </Overlay>
      </Show>
      <Show when={opened()}>{(line) => <Overlay onFail={() => setOpened(null)}><ValueDialog line={line()} runs={compared.runs()} onClose={() => setOpened(null)} /></Overlay>}</Show>
    </section>
  );
}

interface ToolProps {
  state: CompareState;
  change: (part: Partial<CompareState>, replace?: boolean) => void;
  compared: Compared;
  charts: boolean;
  field: (field: HTMLInputElement) => void;
  csv: () => (string | number | null)[][];
}

function ValueTools(props: ToolProps): JSX.Element {
  const saveCsv = async (): Promise<void> => {
    const { save } = await import("../../chart/save");
    save("comparison.csv", new Blob(["\ufeff", toCsv(props.csv())], { type: "text/csv" }));
  };
  const hidden = createMemo(() => props.compared.lines().filter((line) => !line.differs).length);
  return (
    <>
      <input ref={(found) => props.field(found)} type="search" placeholder={t("compare.search")} aria-label={t("compare.search")} value={props.state.search}
        onInput={(event) => props.change({ search: event.currentTarget.value }, true)} />
      <label class="field">
        <input type="checkbox" checked={!props.state.all} onChange={(event) => props.change({ all: !event.currentTarget.checked })} />
        <span>{t("compare.only_different")}</span>
        <Show when={!props.state.all && hidden() > 0}><span class="quiet">{t("compare.hidden", { n: hidden() })}</span></Show>
      </label>
      <label class="field">
        <span class="quiet">{t("run.metrics")}</span>
        <select value={props.state.part} onChange={(event) => props.change({ part: event.currentTarget.value as CompareState["part"] })}>
          <For each={PARTS}>{(part) => <option value={part}>{t(`part.${part}`)}</option>}</For>
        </select>
      </label>
      <label class="field">
        <span class="quiet">{t("compare.order")}</span>
        <select value={props.state.order} onChange={(event) => props.change({ order: event.currentTarget.value as KeyOrder })}>
          <option value="name">{t("compare.order_name")}</option>
          <option value="-name">{t("compare.order_back")}</option>
          <option value="difference">{t("compare.order_difference")}</option>
        </select>
      </label>
      <button type="button" aria-pressed={props.charts} onClick={() => props.change({ charts: !props.charts })}>{t("plot.charts")}</button>
      <Show when={!props.compared.few() && !props.compared.environments()}>
        <button type="button" disabled={props.compared.environmentsLoading()} onClick={() => props.compared.loadEnvironments?.()}>{t("compare.packages")}</button>
      </Show>
      <button type="button" onClick={() => void saveCsv()}>{t("compare.csv")}</button>
      <Show when={props.compared.environmentsLoading()}><span class="quiet count" role="status">{t("compare.packages_loading")}</span></Show>
      <Show when={props.compared.environments()?.failed}>{(n) => <span class="count" role="status">{t("compare.packages_failed", { n: n() })}</span>}</Show>
    </>
  );
}

function MissingRuns(props: { runs: string[]; onRemove: () => void }): JSX.Element {
  return (
    <div class="failure" role="alert">
      <strong>{t("compare.missing", { n: props.runs.length })}</strong>
      <p class="mono path">{props.runs.slice(0, 10).join(", ")}</p>
      <button type="button" onClick={() => props.onRemove()}>{t("compare.drop")}</button>
    </div>
  );
}
