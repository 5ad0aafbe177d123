/** One experiment's runs: filter, table, chart of the ticked runs. Filter, sort and columns live in the address. */

import { createEffect, createMemo, createSignal, on, onCleanup, onMount, Show, Suspense, untrack, type JSX } from "solid-js";
import { about, refreshAbout } from "../../app/about";
import { offer } from "../../app/commands";
import { showCrumbs } from "../../app/crumbs";
import { bindKeys } from "../../app/keys";
import { later, Overlay } from "../../app/later";
import { load, type Loaded } from "../../app/load";
import { marksOf } from "../../app/marks";
import { go, place } from "../../app/nav";
import { errorText, Failure, tell } from "../../app/notices";
import { t } from "../../app/prefs";
import { PaneButtons, Split } from "../../chart/Split";
import { ApiError, getExperiment, isMissing, restoreExperiment } from "../../core/api";
import { keepCharts, parseCharts, withCharts, type ChartState } from "../../core/chart_state";
import { columnId, columnOf, type Column } from "../../core/columns";
import type { Span } from "../../core/grid_layout";
import type { Experiment } from "../../core/wire";
import type { ChartRun } from "../../core/lines";
import { byName } from "../../core/order";
import { bothFilters } from "../../core/query";
import { experimentPath, runPath } from "../../core/router";
import { meant, viewOf, withoutView, withView } from "../../core/views";
import { formatState, nextSort, orderBy, parseState, quickClauses, type TableState } from "../../core/url_state";
import { ColumnChooser } from "../../grid/ColumnChooser";
import { columnLabel, Grid } from "../../grid/Grid";
import { openMenu } from "../../parts/menu";
import { NothingLogged } from "../experiments/NothingLogged";
import { createBulk } from "./bulk";
import { columnMenu } from "./column_menu";
import { ExportButton } from "./ExportButton";
import { createFacts } from "./facts";
import { FilterBar } from "./FilterBar";
import { GroupButton } from "./GroupButton";
import { createColumns } from "./layout";
import { QuickFilters } from "./QuickFilters";
import { rowMenu } from "./row_menu";
import { answers, columnsIn, createOpening } from "./opening";
import { createRuns } from "./runs";
import { createSelection } from "./selection";
import { createTree } from "./tree";
import { createViews } from "./views";
import { ViewsButton } from "./ViewsButton";

const loadCharts = (): Promise<typeof import("./ChartPane")> => import("./ChartPane");
const ChartPane = later(() => loadCharts().then((module) => module.ChartPane));
const Gone = later(() => import("../../app/Gone").then((module) => module.Gone));
const NoneMatch = later(() => import("./NoneMatch").then((module) => module.NoneMatch));
const SelectionBar = later(() => import("./SelectionBar").then((module) => module.SelectionBar));
const AboutDialog = later(() => import("../experiments/ExperimentDialogs").then((module) => module.AboutDialog));

const NOTHING: Span = { first: 0, last: 0 };

/** What a reader who comes back finds as it was left: ticked runs and scroll position, by experiment. */
const memory = new Map<string, { search: string; ids: ReadonlySet<string>; top: number }>();

export function WorkspacePage(props: { experiment: string }): JSX.Element {
  const experiment = load(() => props.experiment, getExperiment, { idle: true });
  const name = (): string => experiment.data()?.name ?? props.experiment;
  showCrumbs(() => [{ label: t("experiments.title"), to: "/" }, { label: name() }]);
  // Which query a saved view means is known when the experiment is here; all other addresses need not wait for it.
  const waits = (): boolean => viewOf(place().search) !== "" && withoutView(place().search) === "" && !experiment.data() && !experiment.error();
  if (untrack(waits)) experiment.reload();
  return (
    <Show when={!isMissing(experiment.error())} fallback={<Gone kind="experiment" id={props.experiment} error={experiment.error()} retry={experiment.reload} />}>
      <Show when={!untrack(waits) || !waits()} fallback={<p class="quiet pad">{t("state.loading")}</p>}>
        <Workspace experiment={props.experiment} loaded={experiment} name={name()} />
      </Show>
    </Show>
  );
}

function Workspace(props: { experiment: string; loaded: Loaded<Experiment>; name: string }): JSX.Element {
  const path = (): string => experimentPath(props.experiment);
  const experiment = props.loaded;
  const name = (): string => props.name;
  const views = createViews(experiment.data, experiment.reload);
  const raw = createMemo((last: string) => (place().path.startsWith("/e/") ? place().search : last), place().search);
  const mine = createMemo(() => meant(raw(), views.list()));
  const view = (): string => viewOf(raw());
  // An address that says nothing shows the view that somebody made the first, unless the reader was quicker.
  let untouched = place().search === "";
  createEffect(() => {
    const { first } = views.list();
    if (!untouched || !experiment.data()) return;
    untouched = false;
    if (first) go(path() + withView("", first), true);
  });
  const show = (search: string, replace: boolean): void => {
    untouched &&= replace;
    go(path() + withView(search, view()), replace);
  };
  const state = createMemo(() => parseState(mine()));
  const change = (part: Partial<TableState>, replace = false): void => show(keepCharts(formatState({ ...state(), ...part }), mine()), replace);
  const charts = createMemo(() => parseCharts(mine()));
  const changeCharts = (part: Partial<ChartState>, replace = false): void => show(withCharts(mine(), { ...charts(), ...part }), replace);
  const pane = (): ChartState["pane"] => charts().pane || (innerWidth < 700 ? "table" : "both");

  const [span, setSpan] = createSignal<Span>({ first: 0, last: 0 });
  const [held, setHeld] = createSignal(false);
  const [active, setActive] = createSignal(-1);
  const [hot, setHot] = createSignal<string | null>(null);
  const [telling, setTelling] = createSignal(false);
  /** The runs that the charts show. */
  let charted: readonly ChartRun[] = [];
  const marks = marksOf(props.experiment);
  // Beside charts a row has the colour of its line.
  const [tints, setTints] = createSignal<ReadonlyMap<string, string>>(new Map());
  const shownMarks: typeof marks = { ...marks, color: (run) => (pane() === "table" ? undefined : tints().get(run)) ?? marks.color(run) };
  const severalUsers = (): boolean => new Set(runs.tables().flatMap((table) => table.user_id).filter(Boolean)).size > 1;
  const { facts, suggested, nests, informed, begin: beginFacts } = createFacts(props.experiment, () => state().view, () => [runs.beat(), runs.count()], severalUsers);
  const columns = createColumns(props.experiment, state, change, suggested);
  // The moment at which a span of time is asked for is that of the question.
  const asked = createMemo(() => JSON.stringify([state().status, state().since]));
  const quick = createMemo(on(asked, () => quickClauses(state(), Date.now())));
  const groupedBy = createMemo(() => state().group.map(columnOf).filter((each) => each !== null).map((each) => ({ name: each.order ?? "", label: columnLabel(each) })));
  const query = createMemo(() => ({
    experiment: props.experiment, filter: bothFilters(state().filter, quick()), order: orderBy(state().sort, facts().numeric), view: state().view,
    group: groupedBy().map((each) => each.name), nested: nests() && !state().flat, open: nests() || state().group.length ? state().open : [],
  }), undefined, { equals: (a, b) => JSON.stringify(a) === JSON.stringify(b) });
  const begun = createOpening(() => ({
    query: { ...query(), order: orderBy(state().sort), nested: !state().flat, open: state().open },
    columns: informed() || state().columns !== null ? columns.wanted() : null,
  }), (opening, asked) => {
    if (opening) experiment.set(opening.experiment);
    else experiment.reload();
    beginFacts(opening && asked.view === state().view ? opening.keys : null);
    const rows = opening && answers(asked, query()) ? (opening.table ?? opening.outline) : null;
    const table = opening?.table ?? opening?.outline?.table;
    runs.begin(rows, table ? columnsIn(table, [...columns.pinned(), ...columns.moving()]) : []);
  });
  const following = createMemo(() => (begun() ? { experiment: props.experiment } : null));
  const runs = createRuns(query, {
    span: () => (pane() === "charts" ? NOTHING : span()), first: () => (pane() === "table" ? 0 : charts().first), columns: columns.wanted, held, following,
  });
  // Charts are fetched while the server looks for rows, and made when these have been painted.
  const [painted, setPainted] = createSignal(false);
  onMount(() => { if (pane() !== "table") void loadCharts().catch(() => undefined); });
  createEffect(on(() => runs.total() !== null, (there) => { if (there) requestAnimationFrame(() => setTimeout(() => setPainted(true))); }));
  const tree = createTree(state, runs.row, () => runs.total() ?? 0, change);
  const before = memory.get(props.experiment);
  const stayed = before?.search === mine() ? before : undefined;
  const selection = createSelection(runs.row, runs.idsOf, stayed?.ids);
  const bulk = createBulk(props.experiment, runs, selection.clear);
  let top = stayed?.top ?? 0;
  onCleanup(() => memory.set(props.experiment, { search: mine(), ids: selection.ids(), top }));
  // Opening a row is no other question.
  const question = createMemo(() => JSON.stringify({ ...query(), open: [] }));
  createEffect(on(question, () => { setActive(-1); selection.clear(); top = 0; }, { defer: true }));

  const loaded = createMemo(() => runs.tables().reduce((sum, table) => sum + table.run_id.length, 0));

  /** What charts can be grouped by: parameters that differ, and tags. */
  const groupable = createMemo(() => [
    ...[...facts().params].filter(([, fact]) => fact.differs).map(([key]) => columnId("param", key)), ...[...facts().tags.keys()].map((key) => columnId("tag", key)),
  ]);
  let filterField: HTMLInputElement | undefined;
  const move = (by: number): void => {
    const total = runs.total() ?? 0;
    if (total) setActive(Math.max(0, Math.min(total - 1, active() + by)));
  };
  const activeRun = (): string | undefined => {
    const found = active() >= 0 ? runs.row(active()) : undefined;
    return found?.table.run_id[found.at];
  };
  const rowMenuAt = (row: number, anchor: HTMLElement, point?: { x: number; y: number }, at?: Column): void => {
    const found = runs.row(row);
    if (found) openMenu(anchor, rowMenu({ place: found, column: at, state: state(), change, marks, bulk }), point);
  };
  const compare = (): void => {
    const ids = [...selection.ids()];
    if (ids.length < 2) return tell(t("help.compare_two"));
    void import("../../core/compare_state").then(({ comparePath }) => go(comparePath(ids, [props.experiment])), () => tell(t("error.part")));
  };
  offer(() => [
    { label: t("help.filter"), keys: "/", run: () => filterField?.focus() },
    { label: t("experiments.about"), run: () => setTelling(true) }, { label: t("page.send"), run: () => void send() },
    { label: t("help.compare"), keys: "c", ...(selection.ids().size > 1 ? { run: compare } : {}) },
    { label: t("help.rows"), keys: "j k" }, { label: t("help.open"), keys: "Enter" }, { label: t("help.fold"), keys: "← →" },
    { label: t("help.select"), keys: "x" }, { label: t("help.hide"), keys: "v" }, { label: t("help.row_menu"), keys: "m" },
  ]);
  const send = async (): Promise<void> => {
    tell(t("page.making"));
    const shown = columns.shown().map(columnOf).filter((each) => each !== null);
    try {
      const { sendPage, sortingText } = await import("./send");
      await sendPage({
        filter: query().filter, state: charts(), charted: pane() === "table" ? [] : charted, title: name(), store: about()?.store.location ?? "", address: location.href, columns: shown, groupedBy: groupedBy(), sorting: sortingText(state().sort),
        metrics: [...facts().metrics.keys()], marks, table: pane() !== "charts",
        rows: (first, last) => runs.rowsOf(first, last, shown.map((each) => each.wanted).filter((each) => each !== null)),
      }, Date.now());
      tell(t("page.made"));
    } catch (error) {
      tell(t("page.failed", { why: errorText(error) }));
    }
  };
  const moveKey = (by: number) => (event: KeyboardEvent): void => { event.preventDefault(); move(by); };
  bindKeys({
    "/": (event) => { event.preventDefault(); filterField?.focus(); },
    j: moveKey(1), k: moveKey(-1), ArrowDown: moveKey(1), ArrowUp: moveKey(-1),
    ArrowRight: (event) => { if (tree.turn(active(), true)) event.preventDefault(); },
    ArrowLeft: (event) => {
      if (tree.turn(active(), false)) return event.preventDefault();
      const above = tree.parent(active());
      if (above !== null) { event.preventDefault(); setActive(above); }
    },
    v: () => { const run = activeRun(); if (run) marks.toggle(run); },
    m: () => {
      const row = document.getElementById(`run-${active()}`);
      if (row) rowMenuAt(active(), row, undefined, undefined);
    },
    x: () => { if (active() >= 0) selection.toggle(active(), false); },
    c: compare,
    Enter: () => { const run = activeRun(); if (run) go(runPath(run)); else if (active() >= 0) tree.toggle(active()); },
    Escape: (event) => {
      if (event.target === filterField) filterField?.blur();
      else if (selection.ids().size) selection.clear();
      else setActive(-1);
    },
  });

  const filtered = (): boolean => state().filter !== "" || quick().length > 0;
  const badFilter = (): ApiError | null => {
    const error = runs.error();
    return error instanceof ApiError && error.status === 400 && (state().filter !== "" || state().sort.length > 0) ? error : null;
  };
  const nothing = (): boolean => runs.total() === 0 && !runs.error() && !filtered() && state().view === "ACTIVE_ONLY";
  return (
    <section class="workspace">
      <h1 class="hidden">{name()}</h1>
      <Show when={experiment.data()?.lifecycle_stage === "deleted"}><Deleted id={props.experiment} onChanged={experiment.reload} /></Show>
      <div class="toolbar">
        <ViewsButton path={path()} search={mine()} current={view()} views={views} onAbout={() => setTelling(true)} onSend={() => void send()}
          onShow={(id) => go(path() + withView("", id))} />
        <FilterBar ref={(field) => (filterField = field)} filter={state().filter} error={badFilter()} shifted={quick().length && state().filter ? 1 : 0}
          which={{ experiment_ids: [props.experiment], filter: "", view: state().view }} facts={facts()} onApply={(filter) => change({ filter })}
          onDropSort={badFilter() && state().sort.length ? () => change({ sort: [] }) : undefined} />
        <GroupButton state={state()} facts={facts()} nests={nests()} onChange={change} />
        <QuickFilters state={state()} onChange={change} />
        <select aria-label={t("view.label")} value={state().view} onChange={(event) => change({ view: event.currentTarget.value as TableState["view"] })}>
          <option value="ACTIVE_ONLY">{t("view.active")}</option>
          <option value="DELETED_ONLY">{t("view.deleted")}</option>
          <option value="ALL">{t("view.all")}</option>
        </select>
        <ColumnChooser facts={facts()} shown={columns.shown()} chosen={columns.chosen()} onChange={(next) => (next ? columns.show(next) : columns.reset())} />
        <ExportButton total={runs.count() ?? 0} columns={columns.shown().map((id) => columnOf(id)?.wanted ?? null).filter((each) => each !== null)}
          which={{ experiment_ids: [props.experiment], filter: query().filter, view: query().view, order_by: query().order }} />
        <PaneButtons pane={pane()} onPane={(next) => changeCharts({ pane: next })} />
        <span class="count" role="status">
          <Show when={runs.total() !== null && !badFilter()} fallback={runs.loading() ? t("state.loading") : ""}>{t(filtered() ? "count.match" : "count.runs", { n: runs.count() ?? 0 })}</Show>
        </span>
      </div>
      <Show when={experiment.error()}><Failure what={t("error.experiment", { id: props.experiment })} error={experiment.error()} retry={experiment.reload} /></Show>
      <Show when={runs.error() && !badFilter()}><Failure what={t("error.runs")} error={runs.error()} retry={runs.reload} /></Show>
      <Show when={selection.ids().size > 0}>
        <Overlay onFail={selection.clear}><SelectionBar experiment={props.experiment} selection={selection} total={runs.count() ?? 0} view={state().view} allIds={runs.allIds} bulk={bulk} marks={marks}
          tagKeys={[...facts().tags.keys()].filter((key) => !key.startsWith("mlflow.")).sort(byName)} /></Overlay>
      </Show>
      <Show when={runs.waiting() !== null}>
        <button type="button" class="pill" onClick={runs.showWaiting}>
          {runs.waiting() ? t("runs.new", { n: runs.waiting() ?? 0 }) : t("runs.moved")}
        </button>
      </Show>
      <Show when={nothing() && about()}>{(now) => <NothingLogged about={now()} experiment={name()} />}</Show>
      <Show when={runs.total() === null && badFilter()}>
        <div class="empty"><h2>{t("runs.unread")}</h2><p><button type="button" onClick={() => change({ filter: "", sort: [] })}>{t("runs.show_all")}</button></p></div>
      </Show>
      <Show when={runs.total() === 0 && !nothing() && !runs.error()}>
        <Suspense><NoneMatch experiment={props.experiment} state={state()} onChange={change} /></Suspense>
      </Show>
      <Show when={(runs.total() ?? 0) > 0}>
        <Split pane={pane()} onPane={(next) => changeCharts({ pane: next })}
          start={
            <Grid total={runs.total() ?? 0} row={runs.row} columns={columns.moving()} pinned={columns.pinned()} width={columns.width} sort={state().sort}
              onSort={(id, add) => change({ sort: nextSort(state().sort, id, add) })} onWidth={columns.resize} onMove={columns.move}
              onMenu={(id, anchor) => openMenu(anchor, columnMenu(id, state(), change, columns))}
              selected={(run) => selection.ids().has(run)} onSelect={selection.toggle} allSelected={selection.ids().size > 0 && selection.ids().size >= loaded()}
              someSelected={selection.ids().size > 0}
              onSelectAll={() => (selection.ids().size ? selection.clear() : selection.take(runs.tables().flatMap((table) => table.run_id)))}
              active={active()} onActive={setActive} onToggle={tree.toggle} isOpen={tree.isOpen} nested={query().nested || query().group.length > 0} groupedBy={groupedBy()} onRowMenu={rowMenuAt}
              marks={shownMarks} eyes={pane() !== "table"} hot={hot()} onHot={setHot} onSideways={columns.sideways}
              firstTop={top} onTop={(now) => (top = now)} onSpan={setSpan} onHold={setHeld} stale={runs.error() !== undefined || runs.loading()} />
          }
          end={
            <Suspense fallback={<p class="quiet pad">{t("state.loading")}</p>}>
              <Show when={painted()} fallback={<p class="quiet pad">{t("state.loading")}</p>}><ChartPane experiment={props.experiment} query={query()} table={runs} following={following()} total={runs.count() ?? 0}
                selected={selection.ids()} metrics={[...facts().metrics.keys()]} groups={groupable()} grouped={state().group}
                state={charts()} onState={changeCharts} hot={hot()} onHot={setHot} onPick={selection.take} onRuns={(shown, colors) => { charted = shown; setTints(colors); }} /></Show>
            </Suspense>
          } />
      </Show>
      <Show when={telling()}>
        <Overlay onFail={() => setTelling(false)}>
          <AboutDialog id={props.experiment} name={name()} onChanged={experiment.reload} onClose={() => setTelling(false)} />
        </Overlay>
      </Show>
    </section>
  );
}

function Deleted(props: { id: string; onChanged: () => void }): JSX.Element {
  const restore = async (): Promise<void> => {
    try {
      await restoreExperiment(props.id);
      void refreshAbout().catch(() => undefined);
    } catch (error) {
      tell(errorText(error));
    }
    props.onChanged();
  };
  return <p class="failure">{t("experiments.is_deleted")} <button type="button" onClick={() => void restore()}>{t("action.restore")}</button></p>;
}
