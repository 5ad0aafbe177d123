/** What belongs to a run: datasets, models and their versions, child runs. What it has none of takes no room. */

import { createMemo, For, Show, type JSX } from "solid-js";
import { follow } from "../../app/live";
import { load } from "../../app/load";
import { Link } from "../../app/nav";
import { CopyButton, Failure } from "../../app/notices";
import { durationWords, t } from "../../app/prefs";
import { Status } from "../../app/status";
import { durationOf } from "../../core/columns";
import { formatDuration } from "../../core/format";
import { childrenOf, datasetFacts, loggedModels, modelsInFiles, MOST_CHILDREN, versionsOf, type Above, type DatasetFacts } from "../../core/related";
import { experimentPath, loggedModelPath, runPath, versionPath } from "../../core/router";
import type { Run } from "../../core/wire";

const PACE = 2000;

export function Datasets(props: { run: Run }): JSX.Element {
  const datasets = createMemo(() => (props.run.inputs?.dataset_inputs ?? []).map(datasetFacts));
  return (
    <Show when={datasets().length}>
      <section class="card" aria-label={t("run.datasets")}>
        <div class="card-head"><h2>{t("run.datasets")} <span class="quiet">{datasets().length}</span></h2></div>
        <ul class="related"><For each={datasets()}>{(each) => <Dataset facts={each} />}</For></ul>
      </section>
    </Show>
  );
}

function Dataset(props: { facts: DatasetFacts }): JSX.Element {
  return (
    <li>
      <div class="related-head">
        <strong>{props.facts.name}</strong>
        <Show when={props.facts.context}><span class="badge">{props.facts.context}</span></Show>
        <span class="mono quiet" title={t("run.digest")}>{props.facts.digest}</span>
      </div>
      <p class="path quiet">{props.facts.kind && `${props.facts.kind}: `}{props.facts.source} <CopyButton text={props.facts.source} label={t("action.copy")} /></p>
      <Show when={props.facts.profile.length}><p class="quiet">{props.facts.profile.map(([key, value]) => `${key}: ${value}`).join(" · ")}</p></Show>
      <Show when={props.facts.columns.length}>
        <details>
          <summary>{t("run.schema", { n: props.facts.columns.length })}</summary>
          <div class="scroll-box" tabindex="0">
            <table class="pairs"><tbody><For each={props.facts.columns}>{(column) => <tr><th scope="row">{column.name}</th><td class="mono">{column.type}</td></tr>}</For></tbody></table>
          </div>
        </details>
      </Show>
    </li>
  );
}

export function Models(props: { run: Run }): JSX.Element {
  const id = (): string => props.run.info.run_id;
  // Asked for again when the run has made another.
  const what = createMemo(() => `${id()} ${props.run.outputs?.model_outputs?.length ?? 0} ${props.run.info.status} ${modelsInFiles(props.run).length}`);
  const models = load(what, (_, signal) => loggedModels(props.run, signal), { keep: true });
  const versions = load(what, (_, signal) => versionsOf(id(), signal), { keep: true });
  const folders = createMemo(() => modelsInFiles(props.run));
  const used = (): { model_id: string }[] => props.run.inputs?.model_inputs ?? [];
  const step = (model: string): number | undefined => props.run.outputs?.model_outputs?.find((each) => each.model_id === model)?.step;
  const count = (): number => (models.data()?.length ?? 0) + folders().length;
  return (
    <>
      <Show when={models.error()}><Failure what={t("run.models_failed")} error={models.error()} retry={models.reload} /></Show>
      <Show when={count() || used().length}>
        <section class="card" aria-label={t("run.models")}>
          <div class="card-head"><h2>{t("run.models")} <span class="quiet">{count()}</span></h2></div>
          <ul class="related">
            <For each={models.data()}>
              {(model) => (
                <li class="related-head">
                  <Link to={loggedModelPath(id(), model.info.model_id)}><strong>{model.info.name || model.info.model_id}</strong></Link>
                  <Show when={model.info.model_type}><span class="badge">{model.info.model_type}</span></Show>
                  <Show when={model.info.status && model.info.status !== "LOGGED_MODEL_READY"}><span class="badge">{model.info.status?.replace("LOGGED_MODEL_", "").toLowerCase()}</span></Show>
                  <Show when={step(model.info.model_id)}>{(at) => <span class="quiet">{t("chart.at_step", { step: String(at()) })}</span>}</Show>
                  <span class="mono quiet">{model.info.model_id}</span>
                </li>
              )}
            </For>
            <For each={folders()}>
              {(model) => (
                <li class="related-head">
                  <Link to={runPath(id(), "artifacts", model.path)}><strong>{model.path}</strong></Link>
                  <For each={model.flavors}>{(flavor) => <span class="badge">{flavor}</span>}</For>
                </li>
              )}
            </For>
            <For each={used()}>{(model) => <li class="related-head"><span class="quiet">{t("run.uses_model")}</span><span class="mono">{model.model_id}</span></li>}</For>
          </ul>
        </section>
      </Show>
      <Show when={versions.data()?.length}>
        <section class="card" aria-label={t("run.versions")}>
          <div class="card-head"><h2>{t("run.versions")} <span class="quiet">{versions.data()?.length}</span></h2></div>
          <ul class="related">
            <For each={versions.data()}>
              {(version) => (
                <li class="related-head">
                  <Link to={versionPath(version.name, version.version)}><strong>{version.name}</strong> {t("run.version", { version: version.version })}</Link>
                  <For each={version.aliases ?? []}>{(alias) => <span class="badge">@{alias}</span>}</For>
                  <Show when={version.current_stage && version.current_stage !== "None"}><span class="badge">{version.current_stage}</span></Show>
                </li>
              )}
            </For>
          </ul>
        </section>
      </Show>
    </>
  );
}

export function Children(props: { run: Run; above: Above }): JSX.Element {
  const id = createMemo(() => props.run.info.run_id);
  const experiment = createMemo(() => props.run.info.experiment_id);
  const children = load(id, (_, signal) => childrenOf(props.run, signal));
  follow(() => ({ experiment: experiment(), points: false }), async (signal) => children.set(await childrenOf(props.run, signal)), () => null, PACE);
  // In the table a run's children are seen when it is open, and all runs above it.
  const table = (): string => {
    const open = new URLSearchParams([...props.above.map((each) => each.id), id()].map((each) => ["open", each]));
    return `${experimentPath(experiment())}?${open}`;
  };
  return (
    <>
      <Show when={children.error()}><Failure what={t("run.children_failed")} error={children.error()} retry={children.reload} /></Show>
      <Show when={children.data()?.total}>
        {(total) => (
          <section class="card" aria-label={t("run.children")}>
            <div class="card-head">
              <h2>{t("run.children")} <span class="quiet">{total()}</span></h2>
              <Link to={table()}>{t("run.in_table")}</Link>
            </div>
            <div class="scroll-box" tabindex="0">
              <table class="pairs children">
                <tbody>
                  <For each={children.data()?.run_id}>
                    {(child, i) => {
                      const rows = () => children.data();
                      return (
                        <tr>
                          <th scope="row"><Link to={runPath(child)}>{rows()?.run_name[i()] || child}</Link></th>
                          <td><Status status={rows()?.status[i()] ?? ""} /></td>
                          <td class="number quiet">
                            {formatDuration(durationOf(rows()?.status[i()] ?? "", rows()?.start_time[i()] ?? null, rows()?.end_time[i()] ?? null, Date.now()), durationWords())}
                          </td>
                        </tr>
                      );
                    }}
                  </For>
                </tbody>
              </table>
              <Show when={total() > MOST_CHILDREN}><p class="quiet pad">{t("run.more_children", { n: total() - MOST_CHILDREN })}</p></Show>
            </div>
          </section>
        )}
      </Show>
    </>
  );
}
