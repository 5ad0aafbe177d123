/** Notes, parameters, metrics and tags of a run, in tables that can be searched. */

import { createMemo, createSignal, For, Show, type JSX } from "solid-js";
import { Link } from "../../app/nav";
import { CopyButton } from "../../app/notices";
import { t } from "../../app/prefs";
import { exactNumber, formatNumber } from "../../core/format";
import { byName } from "../../core/order";
import { runPath } from "../../core/router";
import { toInteger, toNumber, type KeyValue, type LatestMetric, type Run } from "../../core/wire";

const NOTE = "mlflow.note.content";
const PARENT = "mlflow.parentRunId";
const MANY = 8;

export function OverviewTab(props: { run: Run }): JSX.Element {
  const tags = createMemo(() => props.run.data.tags ?? []);
  const tag = (key: string): string | undefined => tags().find((each) => each.key === key)?.value;
  return (
    <div class="overview">
      <Show when={tag(PARENT)}>{(parent) => <p>{t("run.parent")} <Link to={runPath(parent())} class="mono">{parent()}</Link></p>}</Show>
      <Show when={tag(NOTE)}>
        {(note) => (
          <section class="card">
            <h2>{t("run.notes")}</h2>
            <p class="notes">{note()}</p>
          </section>
        )}
      </Show>
      <div class="columns">
        <MetricTable run={props.run} />
        <PairTable title={t("run.params")} none={t("run.no_params")} pairs={props.run.data.params ?? []} />
        <PairTable title={t("run.tags")} none={t("run.no_tags")} pairs={tags().filter((each) => each.key !== NOTE)} />
      </div>
      <Show when={props.run.info.artifact_uri}>
        {(uri) => (
          <p class="quiet uri">{t("run.artifact_uri")} <span class="mono path">{uri()}</span> <CopyButton text={uri()} label={t("action.copy")} /></p>
        )}
      </Show>
    </div>
  );
}

function SearchField(props: { what: string; text: string; onText: (text: string) => void }): JSX.Element {
  const label = (): string => t("run.search", { what: props.what });
  return (
    <input type="search" class="small" placeholder={label()} aria-label={label()} value={props.text}
      onInput={(event) => props.onText(event.currentTarget.value)} />
  );
}

function MetricTable(props: { run: Run }): JSX.Element {
  const [search, setSearch] = createSignal("");
  const all = createMemo(() => [...(props.run.data.metrics ?? [])].sort((a, b) => byName(a.key, b.key)));
  const byKey = createMemo(() => new Map(all().map((metric) => [metric.key, metric])));
  const shown = createMemo(() => all().filter((metric) => metric.key.toLowerCase().includes(search().trim().toLowerCase())));
  return (
    <section class="card" aria-label={t("run.metrics")}>
      <div class="card-head">
        <h2>{t("run.metrics")} <span class="quiet">{all().length}</span></h2>
        <Show when={all().length > MANY}><SearchField what={t("run.metrics")} text={search()} onText={setSearch} /></Show>
      </div>
      <Show when={all().length} fallback={<p class="quiet">{t("run.no_metrics")}</p>}>
        <div class="scroll-box">
          <table class="pairs">
            <thead><tr><th scope="col">{t("run.metric")}</th><th scope="col" class="number">{t("run.last")}</th><th scope="col" class="number">{t("run.step")}</th></tr></thead>
            <tbody>
              <For each={shown().map((metric) => metric.key)}>
                {(key) => {
                  const metric = (): LatestMetric | undefined => byKey().get(key);
                  const value = (): number | null => toNumber(metric()?.value);
                  return (
                    <tr>
                      <th scope="row">{key}</th>
                      <td class="number" title={exactNumber(value())}>{formatNumber(value())}</td>
                      <td class="number quiet">{toInteger(metric()?.step) ?? 0}</td>
                    </tr>
                  );
                }}
              </For>
            </tbody>
          </table>
        </div>
      </Show>
    </section>
  );
}

function PairTable(props: { title: string; none: string; pairs: KeyValue[] }): JSX.Element {
  const [search, setSearch] = createSignal("");
  const shown = createMemo(() => {
    const wanted = search().trim().toLowerCase();
    return props.pairs
      .filter((each) => each.key.toLowerCase().includes(wanted) || each.value.toLowerCase().includes(wanted))
      .sort((a, b) => byName(a.key, b.key));
  });
  return (
    <section class="card" aria-label={props.title}>
      <div class="card-head">
        <h2>{props.title} <span class="quiet">{props.pairs.length}</span></h2>
        <Show when={props.pairs.length > MANY}><SearchField what={props.title} text={search()} onText={setSearch} /></Show>
      </div>
      <Show when={props.pairs.length} fallback={<p class="quiet">{props.none}</p>}>
        <div class="scroll-box">
          <table class="pairs">
            <tbody>
              <For each={shown()}>{(pair) => <tr><th scope="row">{pair.key}</th><td class="value">{pair.value}</td></tr>}</For>
            </tbody>
          </table>
        </div>
      </Show>
    </section>
  );
}
