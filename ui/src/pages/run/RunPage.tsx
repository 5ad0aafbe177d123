/** One run: what it is, its parameters and metrics, charts, files. It is asked for when it changes. */

import { createEffect, createMemo, For, Match, Show, Suspense, Switch, type JSX } from "solid-js";
import { showCrumbs } from "../../app/crumbs";
import { Gone } from "../../app/Gone";
import { later } from "../../app/later";
import { follow } from "../../app/live";
import { load } from "../../app/load";
import { Link, place } from "../../app/nav";
import { t } from "../../app/prefs";
import { visit } from "../../app/visited";
import { getExperiment, getRun } from "../../core/api";
import { PARENT, runsAbove, tagOf } from "../../core/related";
import { experimentPath, matchRoute, runPath, type RunTab } from "../../core/router";
import { isSystem } from "../../core/metric_names";
import "../../app/run_texts";
import { MetricsTab } from "./MetricsTab";
import { OverviewTab } from "./OverviewTab";
import { RunHeader } from "./RunHeader";
import "./run.css";

const LogsTab = later(() => import("./LogsTab").then((module) => module.LogsTab));
const ArtifactsTab = later(() => import("./ArtifactsTab").then((module) => module.ArtifactsTab));
const SourceTab = later(() => import("./SourceTab").then((module) => module.SourceTab));

/** Milliseconds between two questions about a run that is written all the time. */
const PACE = 500;
const TABS: readonly RunTab[] = ["overview", "metrics", "system", "logs", "artifacts", "source"];

export function RunPage(props: { run: string }): JSX.Element {
  const run = load(() => props.run, getRun);
  const experimentId = createMemo(() => run.data()?.info.experiment_id);
  const experiment = load(experimentId, async (id, signal) => (id === undefined ? undefined : getExperiment(id, signal)));
  const parent = createMemo(() => { const now = run.data(); return now && tagOf(now, PARENT); });
  const above = load(parent, runsAbove, { keep: true });
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
            <RunHeader run={data()} loaded={run} above={above.data() ?? []} />
            <nav class="tabs" aria-label={t("run.tabs")}>
              <For each={TABS.filter((each) => each !== "system" || tab() === "system" || (data().data.metrics ?? []).some((metric) => isSystem(metric.key)))}>
                {(each) => <Link to={runPath(props.run, each)} aria-current={tab() === each ? "page" : undefined}>{t(`run.${each}`)}</Link>}
              </For>
            </nav>
            <Suspense><Switch>
              <Match when={tab() === "overview"}><OverviewTab run={data()} loaded={run} above={above.data() ?? []} /></Match>
              <Match when={tab() === "metrics"}><MetricsTab run={data()} /></Match>
              <Match when={tab() === "system"}><MetricsTab run={data()} system /></Match>
              <Match when={tab() === "logs"}><LogsTab run={data()} /></Match>
              <Match when={tab() === "artifacts"}><ArtifactsTab run={data()} /></Match>
              <Match when={tab() === "source"}><SourceTab run={data()} /></Match>
            </Switch></Suspense>
          </>
        )}
      </Show>
    </section>
  );
}
