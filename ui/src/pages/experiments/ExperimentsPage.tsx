/** All experiments, in folders; what runs now and what ran last, wherever it is. */

import { createMemo, createSignal, For, Show, type JSX } from "solid-js";
import { about, refreshAbout } from "../../app/about";
import { offer } from "../../app/commands";
import { showCrumbs } from "../../app/crumbs";
import { later, Overlay } from "../../app/later";
import { follow } from "../../app/live";
import { clock, load } from "../../app/load";
import { go, place } from "../../app/nav";
import { Failure } from "../../app/notices";
import { language, t } from "../../app/prefs";
import { stars } from "../../app/visited";
import { findRuns, listExperiments } from "../../core/api";
import { matching } from "../../core/tree";
import type { ExperimentColumns, ViewType } from "../../core/wire";
import { ExperimentTree } from "./ExperimentTree";
import { createEdits, type Asked } from "./edits";
import { NothingLogged } from "./NothingLogged";
import { RunList } from "./RunList";
import "./experiments.css";
import "../../app/shell_texts";

const Dialogs = later(() => import("./ExperimentDialogs").then((module) => module.Dialogs));

const RUNS_ONLY = { points: false } as const;
/** Milliseconds between two looks at a store that is written all the time; a long list is looked at less often. */
const PACE = 1000;
const PER_EXPERIMENT = 1;
const SHOWN_RUNS = 8;

export type Which = "all" | "starred" | "deleted";

export function ExperimentsPage(): JSX.Element {
  const query = createMemo((last: URLSearchParams) => (place().path === "/" ? new URLSearchParams(place().search) : last), new URLSearchParams());
  const search = (): string => query().get("q") ?? "";
  const which = (): Which => (["starred", "deleted"] as const).find((each) => each === query().get("show")) ?? "all";
  const look = (part: { q?: string; show?: Which }): void => {
    const next = new URLSearchParams(query());
    for (const [name, value] of Object.entries(part)) if (value && value !== "all") next.set(name, value); else next.delete(name);
    go(`/${next.size ? `?${next}` : ""}`, part.q !== undefined);
  };
  const view = (): ViewType => (which() === "deleted" ? "DELETED_ONLY" : "ACTIVE_ONLY");
  const list = load(view, listExperiments, { keep: true });
  const running = load(() => "RUNNING", (status, signal) => findRuns({ status, limit: SHOWN_RUNS }, signal));
  const recent = load(() => SHOWN_RUNS, (limit, signal) => findRuns({ limit }, signal));
  const [asked, setAsked] = createSignal<Asked | null>(null);
  const edits = createEdits(list.data, list.reload);
  const now = clock(() => true);
  let field: HTMLInputElement | undefined;
  showCrumbs(() => [{ label: t("experiments.title") }]);
  offer(() => [
    { label: t("experiments.new"), run: () => setAsked({ what: "create", name: "" }) },
    { label: t("experiments.search"), keys: "/", run: () => field?.focus() },
    { label: t("experiments.only_starred"), run: () => look({ show: "starred" }) },
    { label: t("experiments.only_deleted"), run: () => look({ show: "deleted" }) },
    { label: t("help.rows"), keys: "j k" }, { label: t("help.open"), keys: "Enter" }, { label: t("help.fold"), keys: "← →" },
    { label: t("experiments.star"), keys: "s" }, { label: t("help.row_menu"), keys: "m" },
  ]);
  const fresh = async (signal: AbortSignal): Promise<void> => {
    const [, all, runs, newest] = await Promise.all([
      refreshAbout(signal), listExperiments(view(), signal), findRuns({ status: "RUNNING", limit: SHOWN_RUNS }, signal), findRuns({ limit: SHOWN_RUNS }, signal),
    ]);
    if (signal.aborted) return;
    list.set(all);
    running.set(runs);
    recent.set(newest);
  };
  follow(() => RUNS_ONLY, fresh, () => (about()?.store.runs === 0 ? 2000 : 5000),
    () => PACE + PER_EXPERIMENT * (list.data()?.name.length ?? 0), (change) => change?.kind !== "points");

  const table = createMemo(() => edits.shown(list.data()));
  const found = createMemo(() => {
    const all = table();
    if (!all) return [];
    const places = matching(all.name, all.experiment_id, search());
    return which() === "starred" ? places.filter((at) => stars.all().has(all.experiment_id[at] ?? "")) : places;
  });
  const nameOf = createMemo(() => new Map(table()?.experiment_id.map((id, at) => [id, table()?.name[at] ?? id])));
  const empty = (): boolean => about()?.store.runs === 0 && which() === "all" && !search() && (list.data() !== undefined || !about()?.store.exists);
  return (
    <section class="page experiments">
      <Head which={which()} look={look} stars={stars.all().size} onNew={() => setAsked({ what: "create", name: "" })} />
      <Show when={about()?.store.problems.length}>
        <div class="failure" role="alert">
          <strong>{t("experiments.problems")}</strong>
          <ul><For each={about()?.store.problems}>{(problem) => <li>{problem}</li>}</For></ul>
        </div>
      </Show>
      <Show when={list.error()}><Failure what={t("error.experiments")} error={list.error()} retry={list.reload} /></Show>
      <Show when={empty() && about()}>{(facts) => <NothingLogged about={facts()} />}</Show>
      <div class="experiments-body" classList={{ alone: (recent.data()?.run_id.length ?? 0) === 0 }}>
        <Show when={(recent.data()?.run_id.length ?? 0) > 0}>
          <aside class="runs-aside">
            <RunList title={t("experiments.running_now")} table={running.data()} count={list.data()?.running.reduce((sum, n) => sum + n, 0)} nameOf={nameOf()} now={now()} none={t("experiments.none_running")} />
            <RunList title={t("experiments.recent")} table={recent.data()} nameOf={nameOf()} now={now()} />
          </aside>
        </Show>
        <Show when={table()}>
          {(all) => (
            <div class="experiments-list">
              <Show when={all().name.length > 0 || search()}>
                <label class="search">
                  <span class="hidden">{t("experiments.search")}</span>
                  <input ref={field} type="search" placeholder={t("experiments.search")} value={search()} onInput={(event) => look({ q: event.currentTarget.value })} />
                  <span class="quiet" role="status">{counted(all(), found().length)}</span>
                </label>
              </Show>
              <Show when={found().length > 0} fallback={<p class="quiet">{noneText(which(), search())}</p>}>
                <ExperimentTree table={all()} shown={found()} unfolded={search() !== ""} now={now()} edits={edits} onAsk={setAsked}
                  onFilter={() => field?.focus()} onClear={() => { look({ q: "" }); field?.blur(); }} />
              </Show>
            </div>
          )}
        </Show>
      </div>
      <Show when={asked()} keyed>
        {(question) => <Overlay onFail={() => setAsked(null)}><Dialogs asked={question} edits={edits} onClose={() => setAsked(null)} /></Overlay>}
      </Show>
    </section>
  );
}

const counted = (table: ExperimentColumns, found: number): string =>
  (found === table.name.length ? t("experiments.serving", { n: found }) : t("experiments.found", { n: found, all: table.name.length }));

function noneText(which: Which, search: string): string {
  if (search) return t("experiments.none_match", { text: search });
  return which === "starred" ? t("experiments.none_starred") : which === "deleted" ? t("experiments.none_deleted") : "";
}

function Head(props: { which: Which; look: (part: { show: Which }) => void; stars: number; onNew: () => void }): JSX.Element {
  const tab = (which: Which, label: string): JSX.Element => (
    <button type="button" class="chip" aria-pressed={props.which === which} onClick={() => props.look({ show: which })}>{label}</button>
  );
  return (
    <div class="head experiments-head">
      <div>
        <h1>{t("experiments.title")}</h1>
        <Show when={about()}>
          {(facts) => (
            <p class="quiet">
              {t("experiments.serving", { n: facts().store.experiments })} · {t("count.runs", { n: facts().store.runs })}
              <Show when={facts().store.location}><span class="narrow">{" · "}<span class="mono path">{facts().store.location}</span></span></Show>
            </p>
          )}
        </Show>
      </div>
      <div class="experiments-tools" lang={language()}>
        <div class="chips" role="group" aria-label={t("experiments.which")}>
          {tab("all", t("experiments.all"))}
          {tab("starred", t("experiments.starred", { n: props.stars }))}
          {tab("deleted", t("experiments.deleted"))}
        </div>
        <button type="button" class="primary" onClick={() => props.onNew()}>{t("experiments.new")}</button>
      </div>
    </div>
  );
}
