/** Pictures, sound and films by step: a card a key, a place a run, and a slider through the steps. */

import { createEffect, createMemo, createSignal, For, Match, on, onCleanup, Show, Switch, type JSX } from "solid-js";
import { load } from "../app/load";
import { Link } from "../app/nav";
import { Failure } from "../app/notices";
import { t } from "../app/prefs";
import { withoutLoss } from "../app/reach";
import { ApiError, artifactAddress, listArtifacts } from "../core/api";
import type { ChartRun } from "../core/lines";
import { MEDIA_FOLDERS, mediaSets, mediumAt, readMedium, type MediaSet, type Medium } from "../core/media";
import { runPath } from "../core/router";

/** So many runs' folders are looked into. */
const MOST_RUNS = 24;

async function look(runs: readonly string[], signal: AbortSignal): Promise<MediaSet[]> {
  const found = await Promise.all(runs.map(async (run) => {
    try {
      const top = await listArtifacts(run, "", signal);
      const folders = top.filter((file) => file.is_dir && (MEDIA_FOLDERS as readonly string[]).includes(file.path));
      const files = (await Promise.all(folders.map((folder) => listArtifacts(run, folder.path, signal)))).flat();
      return files.map((file) => readMedium(run, file)).filter((each) => each !== null);
    } catch (error) {
      // Artifacts that only clients reach are none of the charts' business.
      if (error instanceof ApiError && error.status !== 0) return [];
      throw error;
    }
  }));
  return mediaSets(found.flat());
}

interface Props {
  runs: readonly ChartRun[];
  find: (name: string) => boolean;
  hot: string | null;
  onHot: (run: string | null) => void;
}

export function Media(props: Props): JSX.Element {
  const [root, setRoot] = createSignal<HTMLElement>();
  const [near, setNear] = createSignal(false);
  createEffect(() => {
    const target = root();
    if (!target) return;
    const watcher = new IntersectionObserver((entries) => { if (entries.some((entry) => entry.isIntersecting)) setNear(true); }, { rootMargin: "100px" });
    watcher.observe(target);
    onCleanup(() => watcher.disconnect());
  });
  const ids = createMemo(() => props.runs.slice(0, MOST_RUNS).map((run) => run.id), undefined, { equals: (a, b) => a.join() === b.join() });
  const sets = load(() => (near() ? ids() : []), look, { keep: true });
  const shown = createMemo(() => (sets.data() ?? []).filter((set) => props.find(set.key)));
  return (
    <section class="chart-group media" aria-label={t("media.title")} ref={setRoot}>
      <Show when={withoutLoss(sets.error())}><Failure what={t("error.artifacts")} error={sets.error()} retry={sets.reload} /></Show>
      <Show when={shown().length}>
        <h2>{t("media.title")} <span class="quiet">{shown().length}</span></h2>
        <div class="cards wide">
          <For each={shown()}>{(set) => <Card set={set} runs={props.runs.slice(0, MOST_RUNS)} hot={props.hot} onHot={props.onHot} />}</For>
        </div>
      </Show>
    </section>
  );
}

function Card(props: { set: MediaSet; runs: readonly ChartRun[]; hot: string | null; onHot: (run: string | null) => void }): JSX.Element {
  const [at, setAt] = createSignal(props.set.steps.length - 1);
  createEffect(on(() => props.set.steps.length, (n, before) => { if (before !== undefined && at() === before - 1) setAt(n - 1); }));
  const step = (): number => props.set.steps[Math.min(at(), props.set.steps.length - 1)] ?? 0;
  return (
    <article class="card media-card" aria-label={props.set.key}>
      <div class="panel-head">
        <h3 title={props.set.key}>{props.set.key}</h3>
        <label class="field media-step">
          <span class="quiet">{t("chart.at_step", { step: String(step()) })}</span>
          <Show when={props.set.steps.length > 1}>
            <input type="range" min="0" max={props.set.steps.length - 1} step="1" value={at()} aria-valuetext={t("chart.at_step", { step: String(step()) })} onInput={(event) => setAt(Number(event.currentTarget.value))} />
          </Show>
        </label>
      </div>
      <div class="media-grid">
        <For each={props.runs.filter((run) => props.set.runs.has(run.id))}>
          {(run) => (
            <figure classList={{ hot: props.hot === run.id }} onPointerEnter={() => props.onHot(run.id)} onPointerLeave={() => props.onHot(null)}>
              <Show when={mediumAt(props.set.runs.get(run.id), step())} fallback={<div class="media-none quiet">{t("media.none_yet")}</div>}>
                {(medium) => <One medium={medium()} name={run.name} />}
              </Show>
              <figcaption><i class="dot" style={{ background: run.color }} /><span class="run-name" title={run.name}>{run.name}</span></figcaption>
            </figure>
          )}
        </For>
      </div>
    </article>
  );
}

function One(props: { medium: Medium; name: string }): JSX.Element {
  const address = (): string => artifactAddress(props.medium.run, props.medium.path);
  const label = (): string => t("media.label", { key: props.medium.key, run: props.name, step: String(props.medium.step) });
  return (
    <Switch>
      <Match when={props.medium.kind === "image"}>
        <Link to={runPath(props.medium.run, "artifacts", props.medium.path)} tabindex="-1"><img src={address()} alt={label()} loading="lazy" /></Link>
      </Match>
      <Match when={props.medium.kind === "audio"}><audio src={address()} controls preload="none" aria-label={label()} /></Match>
      <Match when={props.medium.kind === "video"}><video src={address()} controls preload="metadata" aria-label={label()} /></Match>
    </Switch>
  );
}
