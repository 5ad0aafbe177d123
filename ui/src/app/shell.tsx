/** The frame of every page: top bar, the page itself, messages. A page that breaks leaves the frame standing. */

import { createMemo, createSignal, ErrorBoundary, For, lazy, Match, onCleanup, onMount, Show, Suspense, Switch, type JSX } from "solid-js";
import { onReach } from "../core/api";
import { matchRoute, type Route } from "../core/router";
import { ExperimentsPage } from "../pages/experiments/ExperimentsPage";
import { WorkspacePage } from "../pages/workspace/WorkspacePage";
import { MenuHost } from "../parts/MenuHost";
import { about, refreshAbout } from "./about";
import { crumbs } from "./crumbs";
import { repeat } from "./load";
import { go, Link, place } from "./nav";
import { copy, Failure, ToastBar } from "./notices";
import { language, setLanguage, setTheme, t, themeChoice, type Language, type ThemeChoice } from "./prefs";

const RunPage = lazy(() => import("../pages/run/RunPage").then((module) => ({ default: module.RunPage })));
const ModelsPage = lazy(() => import("../pages/models/ModelsPage").then((module) => ({ default: module.ModelsPage })));
const ModelPage = lazy(() => import("../pages/models/ModelPage").then((module) => ({ default: module.ModelPage })));
const VersionPage = lazy(() => import("../pages/models/VersionPage").then((module) => ({ default: module.VersionPage })));
const ComparePage = lazy(() => import("../pages/compare/ComparePage").then((module) => ({ default: module.ComparePage })));

export function Shell(): JSX.Element {
  const [online, setOnline] = createSignal(true);
  onCleanup(onReach(setOnline));
  onMount(() => void refreshAbout().catch(() => undefined));
  repeat(async (signal) => void (await refreshAbout(signal)), () => (online() ? null : 3000));
  let main: HTMLElement | undefined;
  return (
    <>
      <button type="button" class="skip" onClick={() => main?.focus()}>{t("shell.skip")}</button>
      <TopBar />
      <Show when={!online()}>
        <div class="offline" role="status">{t("shell.offline")}</div>
      </Show>
      <main ref={main} tabindex="-1">
        <ErrorBoundary fallback={(error: unknown, reset) => <Failure what={t("error.page")} error={error} retry={reset} />}>
          <Suspense>
            <Page />
          </Suspense>
        </ErrorBoundary>
      </main>
      <Suspense><MenuHost /></Suspense>
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

function TopBar(): JSX.Element {
  return (
    <header class="top">
      <a class="brand" href="./" onClick={(event) => { event.preventDefault(); go("/"); }} aria-label="Millstream">
        <Mark />
        <span class="brand-name">Millstream</span>
      </a>
      <nav class="crumbs" aria-label={t("shell.trail")}>
        <ol>
          <For each={crumbs()}>
            {(crumb, at) => (
              <li aria-current={at() === crumbs().length - 1 ? "page" : undefined}>
                <Show when={crumb.to} fallback={<span>{crumb.label}</span>}>{(to) => <Link to={to()}>{crumb.label}</Link>}</Show>
              </li>
            )}
          </For>
        </ol>
      </nav>
      <Show when={about()}>
        {(facts) => (
          <button type="button" class="store mono" title={t("shell.store", { place: facts().store.location })}
            onClick={() => void copy(facts().store.location)}>
            <bdi>{facts().store.location}</bdi>
          </button>
        )}
      </Show>
      <select class="plain" aria-label={t("shell.language")} value={language()}
        onChange={(event) => setLanguage(event.currentTarget.value as Language)}>
        <option value="en">English</option>
        <option value="ko">한국어</option>
      </select>
      <select class="plain" aria-label={t("shell.theme")} value={themeChoice()}
        onChange={(event) => setTheme(event.currentTarget.value as ThemeChoice)}>
        <option value="auto">{t("theme.auto")}</option>
        <option value="light">{t("theme.light")}</option>
        <option value="dark">{t("theme.dark")}</option>
      </select>
    </header>
  );
}

function Mark(): JSX.Element {
  return (
    <svg viewBox="0 0 32 32" width="22" height="22" aria-hidden="true">
      <rect width="32" height="32" rx="7" fill="#2f6fde" />
      <g fill="none" stroke="#fff" stroke-width="2.6" stroke-linecap="round">
        <path d="M6 11c3.3-3.4 6.7-3.4 10 0s6.7 3.4 10 0" />
        <path d="M6 17c3.3-3.4 6.7-3.4 10 0s6.7 3.4 10 0" opacity=".8" />
        <path d="M6 23c3.3-3.4 6.7-3.4 10 0s6.7 3.4 10 0" opacity=".55" />
      </g>
    </svg>
  );
}
