/** The frame of every page: rail, top bar, the page itself, messages. A page that breaks leaves the frame standing. */

import { createMemo, ErrorBoundary, Match, onCleanup, onMount, Show, Suspense, Switch, type JSX } from "solid-js";
import { matchRoute, type Route } from "../core/router";
import { WorkspacePage } from "../pages/workspace/WorkspacePage";
import { MenuHost } from "../parts/MenuHost";
import { refreshAbout } from "./about";
import { opened, setOpened } from "./commands";
import { bindKeys } from "./keys";
import { later, Overlay } from "./later";
import { repeat } from "./load";
import { go, Link, place } from "./nav";
import { Failure, ToastBar } from "./notices";
import { t } from "./prefs";
import { Rail } from "./Rail";
import { online } from "./reach";
import { TopBar } from "./TopBar";

const ExperimentsPage = later(() => import("../pages/experiments/ExperimentsPage").then((module) => module.ExperimentsPage));
const RunPage = later(() => import("../pages/run/RunPage").then((module) => module.RunPage));
const ModelsPage = later(() => import("../pages/models/ModelsPage").then((module) => module.ModelsPage));
const ModelPage = later(() => import("../pages/models/ModelPage").then((module) => module.ModelPage));
const VersionPage = later(() => import("../pages/models/VersionPage").then((module) => module.VersionPage));
const ComparePage = later(() => import("../pages/compare/ComparePage").then((module) => module.ComparePage));
const SettingsPage = later(() => import("../pages/settings/SettingsPage").then((module) => module.SettingsPage));
const Palette = later(() => import("./palette").then((module) => module.Palette));
const Help = later(() => import("./Help").then((module) => module.Help));

/** Milliseconds after which a server that was lost is asked for again; each time that fails it is longer. */
const AGAIN = 2000;

export function Shell(): JSX.Element {
  onMount(() => void refreshAbout().catch(() => undefined));
  repeat(async (signal) => void (await refreshAbout(signal)), () => (online() ? null : AGAIN));
  bindKeys({
    "g e": () => go("/"),
    "g m": () => { if (matchRoute("/models").page !== "missing") go("/models"); },
    "g s": () => go("/settings"),
    "?": () => setOpened("help"),
  });
  // Also from within a field: that is what such a key is for.
  const summon = (event: KeyboardEvent): void => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey || event.key.toLowerCase() !== "k") return;
    event.preventDefault();
    setOpened(opened() === "palette" ? null : "palette");
  };
  document.addEventListener("keydown", summon);
  onCleanup(() => document.removeEventListener("keydown", summon));
  let main: HTMLElement | undefined;
  return (
    <>
      <button type="button" class="skip" onClick={() => main?.focus()}>{t("shell.skip")}</button>
      <Rail />
      <div class="frame">
        <TopBar />
        <Show when={!online()}>
          <div class="offline" role="status">
            <span>{t("shell.offline")}</span>
            <button type="button" onClick={() => void refreshAbout().catch(() => undefined)}>{t("shell.ask_now")}</button>
          </div>
        </Show>
        <main ref={main} tabindex="-1">
          <ErrorBoundary fallback={(error: unknown, reset) => <Failure what={t("error.page")} error={error} retry={reset} />}>
            <Suspense>
              <Page />
            </Suspense>
          </ErrorBoundary>
        </main>
      </div>
      <MenuHost />
      <Show when={opened() === "palette"}><Overlay onFail={() => setOpened(null)}><Palette /></Overlay></Show>
      <Show when={opened() === "help"}><Overlay onFail={() => setOpened(null)}><Help /></Overlay></Show>
      <ToastBar />
    </>
  );
}

function Page(): JSX.Element {
  const route = (): Route => matchRoute(place().path);
  const runs = (): string | undefined => {
    const now = route();
    return now.page === "runs" ? now.experiment : undefined;
  };
  const run = (): string | undefined => {
    const now = route();
    return now.page === "run" ? now.run : undefined;
  };
  const model = (): string | undefined => {
    const now = route();
    return now.page === "model" ? now.model : undefined;
  };
  const version = createMemo((): [string, string] | undefined => {
    const now = route();
    return now.page === "version" ? [now.model, now.version] : undefined;
  }, undefined, { equals: (a, b) => a?.[0] === b?.[0] && a?.[1] === b?.[1] });
  return (
    <Switch fallback={<Missing />}>
      <Match when={route().page === "experiments"}><ExperimentsPage /></Match>
      <Match when={runs()} keyed>{(id) => <WorkspacePage experiment={id} />}</Match>
      <Match when={run()} keyed>{(id) => <RunPage run={id} />}</Match>
      <Match when={route().page === "models"}><ModelsPage /></Match>
      <Match when={model()} keyed>{(name) => <ModelPage model={name} />}</Match>
      <Match when={version()} keyed>{([name, number]) => <VersionPage model={name} version={number} />}</Match>
      <Match when={route().page === "compare"}><ComparePage /></Match>
      <Match when={route().page === "settings"}><SettingsPage /></Match>
    </Switch>
  );
}

function Missing(): JSX.Element {
  return (
    <section class="page empty">
      <h1>{t("missing.title")}</h1>
      <p class="mono">{place().path}</p>
      <p><Link to="/">{t("missing.home")}</Link></p>
    </section>
  );
}
