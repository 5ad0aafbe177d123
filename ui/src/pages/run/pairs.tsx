/** Long lists of names and values: searched, and drawn as far as they are scrolled to. */

import { createMemo, createSignal, For, onCleanup, Show, type JSX } from "solid-js";
import { Link } from "../../app/nav";
import { t } from "../../app/prefs";
import { exactNumber, formatNumber } from "../../core/format";
import { isSystem } from "../../core/metric_names";
import { byName } from "../../core/order";
import { runPath } from "../../core/router";
import { withCharts, FIRST_CHARTS } from "../../core/chart_state";
import { toInteger, toNumber, type KeyValue, type LatestMetric, type Run } from "../../core/wire";

const MANY = 8;
const STEP = 200;

interface ListProps {
  title: string;
  none: string;
  keys: string[];
  head?: JSX.Element;
  matches: (key: string, text: string) => boolean;
  row: (key: string) => JSX.Element;
}

/** A card with a table, of which `STEP` rows more are made whenever its end comes into sight. */
function List(props: ListProps): JSX.Element {
  const [text, setText] = createSignal("");
  const [room, setRoom] = createSignal(STEP);
  const wanted = (): string => text().trim().toLowerCase();
  const found = createMemo(() => (wanted() ? props.keys.filter((key) => props.matches(key, wanted())) : props.keys));
  const shown = createMemo(() => found().slice(0, room()));
  const end = (element: HTMLElement): void => {
    const watcher = new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      setRoom((now) => now + STEP);
      // What has come into sight once tells no more; it is looked at anew.
      watcher.unobserve(element);
      watcher.observe(element);
    });
    watcher.observe(element);
    onCleanup(() => watcher.disconnect());
  };
  const label = (): string => t("run.search", { what: props.title });
  return (
    <section class="card" aria-label={props.title}>
      <div class="card-head">
        <h2>{props.title} <span class="quiet">{wanted() ? t("run.found", { n: found().length, all: props.keys.length }) : props.keys.length}</span></h2>
        <Show when={props.keys.length > MANY}>
          <input type="search" class="small" placeholder={label()} aria-label={label()} value={text()}
            onInput={(event) => { setRoom(STEP); setText(event.currentTarget.value); }} />
        </Show>
      </div>
      <Show when={props.keys.length} fallback={<p class="quiet">{props.none}</p>}>
        <div class="scroll-box" tabindex="0">
          <table class="pairs">
            {props.head}
            <tbody><For each={shown()}>{props.row}</For></tbody>
          </table>
          <Show when={shown().length < found().length}><div class="list-end" ref={end} /></Show>
          <Show when={!found().length}><p class="quiet pad">{t("run.none_found", { text: text() })}</p></Show>
        </div>
      </Show>
    </section>
  );
}

export function MetricList(props: { run: Run }): JSX.Element {
  const byKey = createMemo(() => new Map((props.run.data.metrics ?? []).map((metric) => [metric.key, metric])));
  // The machine's own metrics come behind those that the run logged.
  const keys = createMemo(() => [...byKey().keys()].sort((a, b) => Number(isSystem(a)) - Number(isSystem(b)) || byName(a, b)), undefined, {
    equals: (a, b) => a.length === b.length && a.every((key, i) => key === b[i]),
  });
  const chartOf = (key: string): string => {
    const exact = key.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    return runPath(props.run.info.run_id, isSystem(key) ? "system" : "metrics") + withCharts("", { ...FIRST_CHARTS, find: `^${exact}$` });
  };
  const row = (key: string): JSX.Element => {
    const metric = (): LatestMetric | undefined => byKey().get(key);
    const value = (): number | null => toNumber(metric()?.value);
    return (
      <tr>
        <th scope="row"><Link to={chartOf(key)} class="plain-link">{key}</Link></th>
        <td class="number" title={exactNumber(value())}>{formatNumber(value())}</td>
        <td class="number quiet">{toInteger(metric()?.step) ?? 0}</td>
      </tr>
    );
  };
  const head = <thead><tr><th scope="col">{t("run.metric")}</th><th scope="col" class="number">{t("run.last")}</th><th scope="col" class="number">{t("run.step")}</th></tr></thead>;
  return <List title={t("run.metrics")} none={t("run.no_metrics")} keys={keys()} head={head} matches={(key, text) => key.toLowerCase().includes(text)} row={row} />;
}

export function PairList(props: { title: string; none: string; pairs: KeyValue[] }): JSX.Element {
  const byKey = createMemo(() => new Map(props.pairs.map((pair) => [pair.key, pair.value])));
  const keys = createMemo(() => [...byKey().keys()].sort(byName), undefined, { equals: (a, b) => a.length === b.length && a.every((key, i) => key === b[i]) });
  const matches = (key: string, text: string): boolean => key.toLowerCase().includes(text) || (byKey().get(key) ?? "").toLowerCase().includes(text);
  const row = (key: string): JSX.Element => <tr><th scope="row">{key}</th><td class="value">{byKey().get(key)}</td></tr>;
  return <List title={props.title} none={props.none} keys={keys()} matches={matches} row={row} />;
}
