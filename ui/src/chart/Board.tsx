/** Panels in sections, one a metric. Only panels in sight are made and have data. */

import { createEffect, createMemo, createSignal, For, on, onCleanup, Show, type JSX } from "solid-js";
import { t } from "../app/prefs";
import type { ChartState } from "../core/chart_state";
import type { CurvesQuestion } from "../core/curve_store";
import { makeModel, type ChartRun } from "../core/lines";
import { finder, groupByPrefix } from "../core/metric_names";
import type { Feed } from "./feed";
import type { ChartModel, Cursor } from "./model";
import { Panel } from "./Panel";

export interface BoardProps {
  metrics: readonly string[];
  runs: readonly ChartRun[];
  state: ChartState;
  onState: (part: Partial<ChartState>) => void;
  feed: Feed;
  hot: string | null;
  onHot: (run: string | null) => void;
  onOpen: (run: string) => void;
  question: () => Pick<CurvesQuestion, "run_ids" | "x" | "low" | "high">;
  colorOf: (group: string) => string;
  last?: (metric: string) => JSX.Element;
  /** Name every line in each panel: nothing else on the page does. */
  legend: boolean;
}

const NOWHERE: Cursor = { x: null, run: null };

export function Board(props: BoardProps): JSX.Element {
  const [own, setOwn] = createSignal<Cursor>(NOWHERE, { equals: (a, b) => a.x === b.x && a.run === b.run });
  const cursor = createMemo(() => (own() === NOWHERE || (own().x === null && own().run === null) ? { x: null, run: props.hot } : own()), undefined, {
    equals: (a, b) => a.x === b.x && a.run === b.run,
  });
  const point = (now: Cursor): void => {
    setOwn(now);
    if (now.run !== props.hot) props.onHot(now.run);
  };
  const groups = createMemo(() => groupByPrefix(props.metrics.filter(finder(props.state.find))));
  const [closed, setClosed] = createSignal<ReadonlySet<string>>(new Set());
  const toggle = (prefix: string): void => {
    const next = new Set(closed());
    if (!next.delete(prefix)) next.add(prefix);
    setClosed(next);
  };
  return (
    <>
      <For each={groups()} fallback={<p class="quiet pad">{t("run.no_metric_matches", { text: props.state.find })}</p>}>
        {(group) => (
          <section class="chart-group" aria-label={group.prefix || t("run.metrics")}>
            <Show when={groups().length > 1 || group.prefix}>
              <h2>
                <button type="button" class="section-button" aria-expanded={!closed().has(group.prefix)} onClick={() => toggle(group.prefix)}>
                  <span class="twist" aria-hidden="true">▸</span>{group.prefix || t("plot.no_prefix")} <span class="quiet">{group.keys.length}</span>
                </button>
              </h2>
            </Show>
            <Show when={!closed().has(group.prefix)}>
              <div class="cards">
                <For each={group.keys}>{(metric) => <Card {...props} metric={metric} cursor={cursor()} onCursor={point} />}</For>
              </div>
            </Show>
          </section>
        )}
      </For>
    </>
  );
}

type CardProps = BoardProps & { metric: string; cursor: Cursor; onCursor: (cursor: Cursor) => void };

function Card(props: CardProps): JSX.Element {
  const [root, setRoot] = createSignal<HTMLElement>();
  const near = inSight(root);
  const full = (): boolean => props.state.full === props.metric;
  const shown = createMemo(() => near() || full());
  createEffect(on(() => (shown() ? props.metric : null), (metric) => {
    if (metric === null) return;
    props.feed.enter(metric);
    onCleanup(() => props.feed.leave(metric));
  }));
  const across = (): string | null => (props.state.x.startsWith("m:") ? props.state.x.slice(2) : null);
  createEffect(on(() => (shown() ? across() : null), (metric) => {
    if (metric === null) return;
    props.feed.enter(metric);
    onCleanup(() => props.feed.leave(metric));
  }));
  const model = createMemo((): ChartModel | null => (shown() ? makeModel({
    metric: props.metric, runs: props.runs, curves: props.feed.curves(props.metric), across: across() === null ? null : props.feed.curves(across() ?? ""),
    state: props.state, axisName: axisName(props.state.x), colorOf: props.colorOf, everyone: t("plot.all_runs"),
  }) : null));
  const leave = (event: KeyboardEvent): void => {
    if (event.key !== "Escape" || event.defaultPrevented) return;
    event.preventDefault();
    props.onState({ full: "" });
  };
  createEffect(on(full, (now) => { if (now) queueMicrotask(() => root()?.focus()); }));
  return (
    <article class="card chart-card" classList={{ full: full() }} ref={setRoot} aria-label={props.metric} tabIndex={full() ? -1 : undefined}
      role={full() ? "dialog" : undefined} aria-modal={full() ? "true" : undefined} on:keydown={(event) => { if (full()) leave(event); }}>
      <Show when={model()} fallback={<div class="panel-head"><h3>{props.metric}</h3></div>}>
        {(now) => (
          <Panel model={now()} state={props.feed.state(props.metric)} retry={props.feed.retry} cursor={props.cursor} onCursor={props.onCursor}
            onZoom={(range) => props.onState({ range })} onOpen={props.onOpen} full={full()} onFull={(on) => props.onState({ full: on ? props.metric : "" })}
            question={props.question} last={props.last?.(props.metric)} legend={full() || (now().bands.length > 1 && now().bands.length <= 12) || (props.legend && now().bands.length === 0 && few(now()))} />
        )}
      </Show>
    </article>
  );
}

/** As many lines as can be told apart by a list of them. */
function few({ lines }: ChartModel): boolean {
  const shown = lines.filter((line) => line.look !== "raw").length;
  return shown > 1 && shown <= 12;
}

export function axisName(x: string): string {
  if (x === "step") return t("chart.step");
  if (x === "relative") return t("chart.elapsed");
  return x === "time" ? t("chart.wall") : x.slice(2);
}

/** Whether an element is in sight, or nearly so. */
function inSight(element: () => Element | undefined): () => boolean {
  const [value, set] = createSignal(false);
  createEffect(() => {
    const target = element();
    if (!target) return;
    const watcher = new IntersectionObserver((entries) => set(entries.at(-1)?.isIntersecting ?? false), { rootMargin: "120px" });
    watcher.observe(target);
    onCleanup(() => watcher.disconnect());
  });
  return value;
}
