/** All experiments: search, how many runs, when the last one started. */

import { createMemo, createSignal, For, Show, type JSX } from "solid-js";
import { about, refreshAbout } from "../../app/about";
import { showCrumbs } from "../../app/crumbs";
import { bindKeys } from "../../app/keys";
import { follow } from "../../app/live";
import { clock, load, seen } from "../../app/load";
import { Link } from "../../app/nav";
import { Failure } from "../../app/notices";
import { language, t } from "../../app/prefs";
import { StatusIcon } from "../../app/status";
import { getRuns, searchExperiments } from "../../core/api";
import { exactMoment, formatMoment } from "../../core/format";
import { experimentPath, runPath } from "../../core/router";
import { toInteger, type Experiment, type RunTable } from "../../core/wire";
import { NothingLogged } from "./NothingLogged";

async function allExperiments(signal: AbortSignal): Promise<Experiment[]> {
  const all: Experiment[] = [];
  let next: string | undefined;
  do {
    const page = await searchExperiments({ view_type: "ACTIVE_ONLY", ...(next ? { page_token: next } : {}) }, signal);
    all.push(...page.experiments);
    next = page.next;
  } while (next);
  return all;
}

const RUNS_ONLY = { points: false } as const;
/** Milliseconds between two looks at a store that is written all the time. */
const PACE = 1000;

/** Asks for counts a few at a time, so that a long list does not flood the server. */
function throttle<T>(limit: number): (work: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let busy = 0;
  return async (work) => {
    if (busy >= limit) await new Promise<void>((go) => waiting.push(go));
    busy += 1;
    try {
      return await work();
    } finally {
      busy -= 1;
      waiting.shift()?.();
    }
  };
}

export function ExperimentsPage(): JSX.Element {
  const [search, setSearch] = createSignal("");
  const [version, setVersion] = createSignal(0);
  const list = load(version, (_, signal) => allExperiments(signal), { keep: true });
  const queue = throttle<RunTable>(4);
  const now = clock(() => true);
  let field: HTMLInputElement | undefined;
  showCrumbs(() => [{ label: t("experiments.title") }]);
  bindKeys({
    "/": (event) => { event.preventDefault(); field?.focus(); },
    Escape: () => { setSearch(""); field?.blur(); },
  });
  let listChanged = false;
  follow(() => RUNS_ONLY, async (signal) => {
    const before = about()?.store;
    const after = (await refreshAbout(signal)).store;
    const counted = before && (before.runs !== after.runs || before.experiments !== after.experiments);
    if (counted || listChanged) setVersion((n) => n + 1);
    listChanged = false;
  }, () => (about()?.store.runs === 0 ? 2000 : 5000), PACE, (change) => {
    listChanged ||= change === null || change.kind === "experiment";
    return change?.kind !== "points";
  });

  const shown = createMemo(() => {
    const wanted = search().trim().toLowerCase();
    const all = list.data() ?? [];
    return wanted ? all.filter((each) => each.name.toLowerCase().includes(wanted) || each.experiment_id === wanted) : all;
  });
  const empty = (): boolean => about()?.store.runs === 0 && (list.data() !== undefined || !about()?.store.exists);
  return (
    <section class="page">
      <div class="head">
        <h1>{t("experiments.title")}</h1>
        <Show when={about()}>
          {(facts) => (
            <p class="quiet">
              {t("experiments.serving", { n: facts().store.experiments })} · {t("count.runs", { n: facts().store.runs })}
              <span class="narrow">{" · "}<span class="mono path">{facts().store.location}</span></span>
            </p>
          )}
        </Show>
      </div>
      <Show when={about()?.store.problems.length}>
        <div class="failure" role="alert">
          <strong>{t("experiments.problems")}</strong>
          <ul><For each={about()?.store.problems}>{(problem) => <li>{problem}</li>}</For></ul>
        </div>
      </Show>
      <Show when={list.error()}><Failure what={t("error.experiments")} error={list.error()} retry={list.reload} /></Show>
      <Show when={empty() && about()}>{(facts) => <NothingLogged about={facts()} />}</Show>
      <Show when={(list.data()?.length ?? 0) > 0}>
        <label class="search">
          <span class="hidden">{t("experiments.search")}</span>
          <input ref={field} type="search" placeholder={t("experiments.search")} value={search()} onInput={(event) => setSearch(event.currentTarget.value)} />
        </label>
        <Show when={shown().length > 0} fallback={<p class="quiet">{t("experiments.none_match", { text: search() })}</p>}>
          <table class="list">
            <thead>
              <tr>
                <th scope="col">{t("column.name")}</th>
                <th scope="col" class="number">{t("experiments.runs")}</th>
                <th scope="col">{t("experiments.last_run")}</th>
                <th scope="col" class="wide">{t("column.start_time")}</th>
                <th scope="col" class="wide number">{t("experiments.id")}</th>
              </tr>
            </thead>
            <tbody>
              <For each={shown()}>{(experiment) => <Row experiment={experiment} queue={queue} version={version()} now={now()} />}</For>
            </tbody>
          </table>
        </Show>
      </Show>
    </section>
  );
}

interface RowProps {
  experiment: Experiment;
  queue: (work: () => Promise<RunTable>) => Promise<RunTable>;
  version: number;
  now: number;
}

function Row(props: RowProps): JSX.Element {
  const [row, setRow] = createSignal<Element>();
  const inSight = seen(row);
  const id = (): string => props.experiment.experiment_id;
  const last = load(
    () => (inSight() ? `${id()} ${props.version}` : null),
    async (wanted, signal) => {
      if (wanted === null) return undefined;
      const request = { experiment_ids: [id()], filter: "", order_by: [], view: "ACTIVE_ONLY" as const, offset: 0, limit: 1 };
      return props.queue(() => getRuns(request, signal));
    },
    { keep: true },
  );
  const created = (): number | null => toInteger(props.experiment.creation_time);
  return (
    <tr ref={setRow}>
      <td class="name"><Link to={experimentPath(id())}>{props.experiment.name}</Link></td>
      <td class="number">{last.data()?.total.toLocaleString(language()) ?? (last.error() ? "?" : "…")}</td>
      <td>
        <Show when={last.data()?.run_id[0]}>
          {(run) => (
            <Link to={runPath(run())} class="last-run">
              <StatusIcon status={last.data()?.status[0] ?? ""} />
              <span class="run-name">{last.data()?.run_name[0] || run()}</span>
              <span class="quiet" title={exactMoment(last.data()?.start_time[0] ?? null, language())}>
                {formatMoment(last.data()?.start_time[0] ?? null, language(), props.now)}
              </span>
            </Link>
          )}
        </Show>
      </td>
      <td class="wide quiet" title={exactMoment(created(), language())}>{formatMoment(created(), language(), props.now)}</td>
      <td class="wide number mono quiet">{id()}</td>
    </tr>
  );
}
