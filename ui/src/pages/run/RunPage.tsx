/** One run: what it is, its parameters and metrics, charts, files. It is asked for when it changes. */

import { createEffect, createMemo, createSignal, For, lazy, Match, Show, Suspense, Switch, type JSX } from "solid-js";
import { showCrumbs } from "../../app/crumbs";
import { Gone } from "../../app/Gone";
import { follow } from "../../app/live";
import { clock, load } from "../../app/load";
import { Link, place } from "../../app/nav";
import { CopyButton, tell, errorText } from "../../app/notices";
import { durationWords, language, t } from "../../app/prefs";
import { Status } from "../../app/status";
import { visit } from "../../app/visited";
import { getExperiment, getRun, restoreRun } from "../../core/api";
import { durationOf } from "../../core/columns";
import { comparePath } from "../../core/compare_state";
import { exactMoment, formatDuration } from "../../core/format";
import { experimentPath, matchRoute, runPath, type RunTab } from "../../core/router";
import { isSystem } from "../../core/metric_names";
import { toInteger, type Run } from "../../core/wire";
import { ArtifactsTab } from "./ArtifactsTab";
import { MetricsTab } from "./MetricsTab";
import { OverviewTab } from "./OverviewTab";

const RegisterDialog = lazy(() => import("../models/RegisterDialog").then((module) => ({ default: module.RegisterDialog })));
/** Milliseconds between two questions about a run that is written all the time. */
const PACE = 500;
const TABS: readonly RunTab[] = ["overview", "metrics", "system", "artifacts"];

export function RunPage(props: { run: string }): JSX.Element {
  const run = load(() => props.run, getRun);
  const experimentId = createMemo(() => run.data()?.info.experiment_id);
  const experiment = load(experimentId, async (id, signal) => (id === undefined ? undefined : getExperiment(id, signal)));
  const running = createMemo(() => run.data()?.info.status === "RUNNING");
  follow(() => ({ run: props.run }), async (signal) => run.set(await getRun(props.run, signal)), () => (running() ? 1000 : null), PACE);
  const tab = createMemo<RunTab>((last) => {
    const route = matchRoute(place().path);
    return route.page === "run" ? route.tab : last;
  }, "overview");
  const name = (): string => run.data()?.info.run_name || props.run;
  createEffect(() => { if (run.data()) visit({ id: props.run, name: name(), place: experiment.data()?.name ?? "" }); });
  showCrumbs(() => {
    const id = experimentId();
    return [
      { label: t("experiments.title"), to: "/" },
      // Whoever was shown this run alone may not read its experiment: its number is all that is told.
      ...(id === undefined ? [] : [{ label: experiment.data()?.name ?? id, to: experiment.error() ? undefined : experimentPath(id) }]),
      { label: name() },
    ];
  });
  return (
    <section class="page run-page">
      <Show when={run.error() && !run.data()}><Gone kind="run" id={props.run} error={run.error()} retry={run.reload} /></Show>
      <Show when={run.loading() && !run.data() && !run.error()}><p class="quiet">{t("state.loading")}</p></Show>
      <Show when={run.data()}>
        {(data) => (
          <>
            <Header run={data()} name={name()} onChanged={run.reload} />
            <nav class="tabs" aria-label={t("run.tabs")}>
              <For each={TABS.filter((each) => each !== "system" || tab() === "system" || (data().data.metrics ?? []).some((metric) => isSystem(metric.key)))}>
                {(each) => <Link to={runPath(props.run, each)} aria-current={tab() === each ? "page" : undefined}>{t(`run.${each}`)}</Link>}
              </For>
            </nav>
            <Switch>
              <Match when={tab() === "overview"}><OverviewTab run={data()} /></Match>
              <Match when={tab() === "metrics"}><MetricsTab run={data()} /></Match>
              <Match when={tab() === "system"}><MetricsTab run={data()} system /></Match>
              <Match when={tab() === "artifacts"}><ArtifactsTab run={data()} /></Match>
            </Switch>
          </>
        )}
      </Show>
    </section>
  );
}

function Header(props: { run: Run; name: string; onChanged: () => void }): JSX.Element {
  const info = (): Run["info"] => props.run.info;
  const [registering, setRegistering] = createSignal(false);
  const now = clock(() => info().status === "RUNNING");
  const start = (): number | null => toInteger(info().start_time);
  const end = (): number | null => toInteger(info().end_time) || null;
  const restore = async (): Promise<void> => {
    try {
      await restoreRun(info().run_id);
      tell(t("runs.restored", { n: 1 }));
    } catch (error) {
      tell(errorText(error));
    }
    props.onChanged();
  };
  return (
    <header class="run-head">
      <h1>{props.name}</h1>
      <dl class="facts">
        <div><dt class="hidden">{t("column.status")}</dt><dd><Status status={info().status} /></dd></div>
        <div><dt>{t("column.start_time")}</dt><dd>{exactMoment(start(), language())}</dd></div>
        <div><dt>{t("column.duration")}</dt><dd class="steady">{formatDuration(durationOf(info().status, start(), end(), now()), durationWords())}</dd></div>
        <Show when={info().user_id}><div><dt>{t("column.user_id")}</dt><dd>{info().user_id}</dd></div></Show>
        <div>
          <dt>{t("column.run_id")}</dt>
          <dd class="mono">{info().run_id} <CopyButton text={info().run_id} label={t("run.copy_id")} /></dd>
        </div>
        <div><dt class="hidden">{t("compare.title")}</dt><dd><Link to={comparePath([info().run_id], [info().experiment_id])}>{t("compare.with_others")}</Link></dd></div>
        <div><dt class="hidden">{t("run.register")}</dt><dd><button type="button" class="link" onClick={() => setRegistering(true)}>{t("run.register")}</button></dd></div>
      </dl>
      <Suspense><Show when={registering()}><RegisterDialog run={props.run} onClose={() => setRegistering(false)} /></Show></Suspense>
      <Show when={info().lifecycle_stage === "deleted"}>
        <p class="failure">{t("run.deleted")} <button type="button" onClick={() => void restore()}>{t("action.restore")}</button></p>
      </Show>
    </header>
  );
}
