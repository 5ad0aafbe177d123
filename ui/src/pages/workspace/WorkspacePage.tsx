/** One experiment's runs: filter, table, chart of the ticked runs. Filter, sort and columns live in the address. */

import { createEffect, createMemo, createSignal, on, onCleanup, Show, type JSX } from "solid-js";
import { about } from "../../app/about";
import { showCrumbs } from "../../app/crumbs";
import { bindKeys } from "../../app/keys";
import { load } from "../../app/load";
import { go, place } from "../../app/nav";
import { Failure } from "../../app/notices";
import { recall, remember, t, theme } from "../../app/prefs";
import { ApiError, getExperiment } from "../../core/api";
import { assignColors } from "../../core/color";
import { columnOf, defaultColumns, keyFacts, type Column } from "../../core/columns";
import type { Span } from "../../core/grid_layout";
import { experimentPath, runPath } from "../../core/router";
import { formatState, nextSort, orderBy, parseState, type TableState } from "../../core/url_state";
import { ColumnChooser } from "../../grid/ColumnChooser";
import { Grid } from "../../grid/Grid";
import { NothingLogged } from "../experiments/NothingLogged";
import { ChartPane, MOST_CHARTED } from "./ChartPane";
import { FilterBar } from "./FilterBar";
import { createRuns } from "./runs";
import { createSelection } from "./selection";
import { SelectionBar } from "./SelectionBar";

const FIRST_CHARTED = 10;
/** What a reader who comes back finds as it was left: ticked runs and scroll position, by experiment. */
const memory = new Map<string, { search: string; ids: ReadonlySet<string>; top: number }>();
const columnCache = new Map<string, Column | null>();

/** The same object for the same id, so that columns that stay keep their elements. */
function column(id: string): Column | null {
  const known = columnCache.get(id);
  if (known !== undefined) return known;
  const made = columnOf(id);
  columnCache.set(id, made);
  return made;
}

export function WorkspacePage(props: { experiment: string }): JSX.Element {
  const path = (): string => experimentPath(props.experiment);
  const experiment = load(() => props.experiment, getExperiment);
  const name = (): string => experiment.data()?.name ?? props.experiment;
  showCrumbs(() => [{ label: t("experiments.title"), to: "/" }, { label: name() }]);

  const mine = createMemo((last: string) => (place().path.startsWith("/e/") ? place().search : last), place().search);
  const state = createMemo(() => parseState(mine()));
  const change = (part: Partial<TableState>): void => go(path() + formatState({ ...state(), ...part }));

  const [span, setSpan] = createSignal<Span>({ first: 0, last: 0 });
  const [held, setHeld] = createSignal(false);
  const [active, setActive] = createSignal(-1);
  const [hot, setHot] = createSignal<string | null>(null);
  const [charted, setCharted] = createSignal(recall("chart") !== "off" && !(recall("chart") === null && innerWidth < 700));
  const query = createMemo(
    () => ({ experiment: props.experiment, filter: state().filter, order: orderBy(state().sort), view: state().view }),
    undefined,
    { equals: (a, b) => JSON.stringify(a) === JSON.stringify(b) },
  );
  const runs = createRuns(query, span, held);
  const before = memory.get(props.experiment);
  const stayed = before?.search === mine() ? before : undefined;
  const selection = createSelection(runs.row, stayed?.ids);
  let top = stayed?.top ?? 0;
  onCleanup(() => memory.set(props.experiment, { search: mine(), ids: selection.ids(), top }));
  createEffect(on(query, () => { setActive(-1); selection.clear(); top = 0; }, { defer: true }));

  const facts = createMemo(() => keyFacts(runs.tables()));
  // A filter must not take away the columns it speaks of, so filtered rows suggest none once there are some.
  const suggested = createMemo((last: string[]) => {
    const first = runs.tables()[0];
    return !first || (last.length > 0 && (runs.loading() || state().filter !== "")) ? last : defaultColumns(first);
  }, [] as string[], { equals: sameIds });
  const shown = createMemo(() => state().columns ?? suggested(), undefined, { equals: sameIds });
  const columns = createMemo(() => shown().map(column).filter((each) => each !== null));
  const loaded = createMemo(() => runs.tables().reduce((sum, table) => sum + table.run_id.length, 0));

  const firstRuns = createMemo(() => (runs.tables()[0]?.run_id ?? []).slice(0, FIRST_CHARTED), undefined, { equals: sameIds });
  const chartRuns = createMemo(() => {
    const picked = selection.ids();
    return picked.size ? [...picked].slice(0, MOST_CHARTED) : firstRuns();
  }, undefined, { equals: sameIds });
  const colors = createMemo(() => assignColors(chartRuns(), theme()));
  const toggleChart = (): void => {
    setCharted(!charted());
    remember("chart", charted() ? "on" : "off");
  };

  let filterField: HTMLInputElement | undefined;
  const move = (by: number): void => {
    const total = runs.total() ?? 0;
    if (total) setActive(Math.max(0, Math.min(total - 1, active() + by)));
  };
  const activeRun = (): string | undefined => {
    const found = active() >= 0 ? runs.row(active()) : undefined;
    return found?.table.run_id[found.at];
  };
  const moveKey = (by: number) => (event: KeyboardEvent): void => { event.preventDefault(); move(by); };
  bindKeys({
    "/": (event) => { event.preventDefault(); filterField?.focus(); },
    j: moveKey(1), k: moveKey(-1), ArrowDown: moveKey(1), ArrowUp: moveKey(-1),
    x: () => { if (active() >= 0) selection.toggle(active(), false); },
    Enter: () => { const run = activeRun(); if (run) go(runPath(run)); },
    Escape: (event) => {
      if (event.target === filterField) filterField?.blur();
      else if (selection.ids().size) selection.clear();
      else setActive(-1);
    },
  });

  const badFilter = (): ApiError | null => {
    const error = runs.error();
    return error instanceof ApiError && error.status === 400 && (state().filter !== "" || state().sort !== null) ? error : null;
  };
  const nothing = (): boolean => runs.total() === 0 && !runs.error() && state().filter === "" && state().view === "ACTIVE_ONLY";
  return (
    <section class="workspace">
      <h1 class="hidden">{name()}</h1>
      <div class="toolbar">
        <FilterBar ref={(field) => (filterField = field)} filter={state().filter} error={badFilter()} onApply={(filter) => change({ filter })}
          onDropSort={badFilter() && state().sort ? () => change({ sort: null }) : undefined} />
        <select aria-label={t("view.label")} value={state().view} onChange={(event) => change({ view: event.currentTarget.value as TableState["view"] })}>
          <option value="ACTIVE_ONLY">{t("view.active")}</option>
          <option value="DELETED_ONLY">{t("view.deleted")}</option>
          <option value="ALL">{t("view.all")}</option>
        </select>
        <ColumnChooser facts={facts()} loaded={loaded()} shown={shown()} chosen={state().columns !== null} onChange={(next) => change({ columns: next })} />
        <button type="button" aria-pressed={charted()} onClick={toggleChart}>{t("chart.button")}</button>
        <span class="count" role="status">
          <Show when={runs.total() !== null} fallback={runs.loading() ? t("state.loading") : ""}>{t(state().filter ? "count.match" : "count.runs", { n: runs.total() ?? 0 })}</Show>
        </span>
      </div>
      <Show when={experiment.error()}><Failure what={t("error.experiment", { id: props.experiment })} error={experiment.error()} retry={experiment.reload} /></Show>
      <Show when={runs.error() && !badFilter()}><Failure what={t("error.runs")} error={runs.error()} retry={runs.reload} /></Show>
      <Show when={charted() && chartRuns().length > 0}>
        <ChartPane runs={chartRuns()} picked={selection.ids().size} colors={colors()} facts={facts()} row={runs.row} loaded={runs.tables()}
          metric={state().metric} onMetric={(metric) => change({ metric })} beat={runs.beat()} hot={hot()} onHot={setHot} />
      </Show>
      <Show when={selection.ids().size > 0}>
        <SelectionBar ids={selection.ids()} total={runs.total() ?? 0} view={state().view} onClear={selection.clear} onChanged={runs.reload} />
      </Show>
      <Show when={runs.waiting() !== null}>
        <button type="button" class="pill" onClick={runs.showWaiting}>
          {runs.waiting() ? t("runs.new", { n: runs.waiting() ?? 0 }) : t("runs.moved")}
        </button>
      </Show>
      <Show when={nothing() && about()}>{(now) => <NothingLogged about={now()} experiment={name()} />}</Show>
      <Show when={runs.total() === 0 && !nothing() && !runs.error()}>
        <div class="empty">
          <h2>{t("runs.none_match")}</h2>
          <Show when={state().filter}>
            <p><code>{state().filter}</code></p>
            <p><button type="button" onClick={() => change({ filter: "" })}>{t("runs.drop_filter")}</button></p>
          </Show>
          <Show when={!state().filter && state().view === "DELETED_ONLY"}><p class="quiet">{t("runs.none_deleted")}</p></Show>
        </div>
      </Show>
      <Show when={(runs.total() ?? 0) > 0}>
        <Grid total={runs.total() ?? 0} row={runs.row} columns={columns()} sort={state().sort}
          onSort={(id) => change({ sort: nextSort(state().sort, id) })}
          selected={selection.ids()} onSelect={selection.toggle} allSelected={selection.ids().size > 0 && selection.ids().size >= loaded()}
          onSelectAll={() => (selection.ids().size ? selection.clear() : selection.take(runs.tables().flatMap((table) => table.run_id)))}
          active={active()} onActive={setActive} marked={charted()} color={(run) => (charted() ? colors().get(run) : undefined)} hot={hot()} onHot={setHot}
          firstTop={top} onTop={(now) => (top = now)} onSpan={setSpan} onHold={setHeld} stale={runs.error() !== undefined || runs.loading()} />
      </Show>
    </section>
  );
}

function sameIds(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((id, i) => id === b[i]);
}
