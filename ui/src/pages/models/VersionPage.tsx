/** One version of a model: where it came from, what it takes and gives, its files, how to use it, and a call of its server. */

import "./texts";
import { createMemo, createSignal, For, Show, Suspense, type JSX } from "solid-js";
import { showCrumbs } from "../../app/crumbs";
import { Gone } from "../../app/Gone";
import { later, Overlay } from "../../app/later";
import { load } from "../../app/load";
import { go, Link } from "../../app/nav";
import { CopyButton, errorText, tell } from "../../app/notices";
import { language, t } from "../../app/prefs";
import { getRun } from "../../core/api";
import { readPart } from "../../core/files";
import { exactMoment } from "../../core/format";
import { readModel, type ModelFacts } from "../../core/mlmodel";
import { decodeText } from "../../core/preview";
import {
  deleteAlias, deleteVersion, deleteVersionTag, describeVersion, getVersion, moveVersion, setAlias, setVersionTag, versionFile, versionFiles, type ModelVersion,
} from "../../core/registry";
import { modelPath, runPath, versionPath } from "../../core/router";
import { toInteger } from "../../core/wire";
import { edit, withTag } from "./edits";
import { Aliases, Description, Tags } from "./Editing";
import { ModelSheet, Usage } from "./ModelSheet";
import { StageSelect } from "./StageSelect";
import { VersionFiles } from "./VersionFiles";
import { Readiness } from "./VersionTable";

const RemoveDialog = later(() => import("./Dialogs").then((module) => module.RemoveDialog));
const ScoringForm = later(() => import("./ScoringForm").then((module) => module.ScoringForm));
const MOST_OF_MLMODEL = 2 ** 20;

/** What the MLmodel file of a version says, or why nothing is known of it. */
export interface Described {
  facts: ModelFacts | null;
  text: string;
  why: string;
}

export async function describe(name: string, version: string, signal: AbortSignal): Promise<Described> {
  let text = "";
  try {
    text = decodeText((await readPart(versionFile(name, version, "MLmodel"), 0, MOST_OF_MLMODEL, signal)).bytes);
    return { facts: readModel(text), text, why: "" };
  } catch (error) {
    signal.throwIfAborted();
    return { facts: null, text, why: errorText(error) };
  }
}

export function VersionPage(props: { model: string; version: string }): JSX.Element {
  const version = load(() => [props.model, props.version] as const, ([name, number], signal) => getVersion(name, number, signal));
  const [removing, setRemoving] = createSignal(false);
  showCrumbs(() => [
    { label: t("models.title"), to: "/models" }, { label: props.model, to: modelPath(props.model) }, { label: t("models.version_n", { n: props.version }) },
  ]);
  const there = createMemo(() => version.data() !== undefined);
  const described = load(there, async (known, signal) => (known ? describe(props.model, props.version, signal) : undefined), { keep: true });
  const tag = (key: string, value: string | null): void => void edit(version, (was) => ({ ...was, tags: withTag(was.tags, key, value) }),
    () => (value === null ? deleteVersionTag(props.model, props.version, key) : setVersionTag(props.model, props.version, key, value)));
  const alias = (name: string, on: boolean): void => void edit(version,
    (was) => ({ ...was, aliases: [...(was.aliases ?? []).filter((each) => each !== name), ...(on ? [name] : [])] }),
    () => (on ? setAlias(props.model, name, props.version) : deleteAlias(props.model, name)));
  const move = (stage: string, archive: boolean): void =>
    void edit(version, (was) => ({ ...was, current_stage: stage }), () => moveVersion(props.model, props.version, stage, archive));
  return (
    <section class="page model-page">
      <Show when={version.error() && !version.data()}>
        <Gone kind="version" id={`${props.model} ${props.version}`} error={version.error()} retry={version.reload}
          failed={t("models.version_failed", { name: props.model, n: props.version })} list={{ to: modelPath(props.model), label: t("models.all_versions_of", { name: props.model }) }} />
      </Show>
      <Show when={version.loading() && !version.data() && !version.error()}><p class="quiet">{t("state.loading")}</p></Show>
      <Show when={version.data()}>
        {(data) => (
          <>
            <Header version={data()} onRemove={() => setRemoving(true)} onMove={move} onAlias={alias} />
            <Lineage version={data()} />
            <div class="columns">
              <Description text={data().description ?? ""} files={versionFiles(props.model, props.version)} onSave={(text) => edit(version, (was) => ({ ...was, description: text }), () => describeVersion(props.model, props.version, text))} />
              <Tags tags={data().tags} onSet={tag} onRemove={(key) => tag(key, null)} />
            </div>
            <Show when={described.data()} fallback={<p class="quiet">{t("state.loading")}</p>}>
              {(found) => (
                <>
                  <ModelSheet described={found()} />
                  <Show when={found().facts}>{(facts) => <Usage facts={facts()} uri={`models:/${props.model}/${props.version}`} />}</Show>
                  <Suspense fallback={<p class="quiet">{t("state.loading")}</p>}><ScoringForm name={props.model} version={props.version} facts={found().facts} /></Suspense>
                </>
              )}
            </Show>
            <VersionFiles name={props.model} version={props.version} />
          </>
        )}
      </Show>
      <Show when={removing()}>
        <Overlay onFail={() => setRemoving(false)}>
          <RemoveDialog title={t("models.delete_title", { name: `${props.model} ${props.version}` })} told={t("models.delete_version_told")} word={`${props.model} ${props.version}`}
            onClose={() => setRemoving(false)}
            onDone={async () => { await deleteVersion(props.model, props.version); tell(t("models.deleted", { name: `${props.model} ${props.version}` })); go(modelPath(props.model), true); }} />
        </Overlay>
      </Show>
    </section>
  );
}

interface HeaderProps {
  version: ModelVersion;
  onRemove: () => void;
  onMove: (stage: string, archive: boolean) => void;
  onAlias: (alias: string, on: boolean) => void;
}

function Header(props: HeaderProps): JSX.Element {
  const uri = (): string => `models:/${props.version.name}/${props.version.version}`;
  return (
    <header class="run-head">
      <div class="models-head">
        <h1>{props.version.name} <span class="quiet">{t("models.version_n", { n: props.version.version })}</span></h1>
        <button type="button" class="danger" onClick={() => props.onRemove()}>{t("action.delete")}…</button>
      </div>
      <dl class="facts">
        <div><dt class="hidden">{t("column.status")}</dt><dd><Readiness version={props.version} /></dd></div>
        <div><dt>{t("models.stage")}</dt><dd><StageSelect version={props.version} onMove={props.onMove} /></dd></div>
        <div><dt>{t("models.aliases")}</dt><dd><Aliases version={props.version.version} aliases={props.version.aliases ?? []} onAdd={(name) => props.onAlias(name, true)} onRemove={(name) => props.onAlias(name, false)} /></dd></div>
        <div><dt>{t("models.created")}</dt><dd>{exactMoment(toInteger(props.version.creation_timestamp), language())}</dd></div>
        <Show when={props.version.user_id}>{(user) => <div><dt>{t("models.owner")}</dt><dd>{user()}</dd></div>}</Show>
        <div><dt>URI</dt><dd class="mono path">{uri()} <CopyButton text={uri()} label={t("action.copy")} /></dd></div>
        <Show when={props.version.source}>{(source) => <div><dt>{t("models.source")}</dt><dd class="mono path">{source()} <CopyButton text={source()} label={t("action.copy")} /></dd></div>}</Show>
      </dl>
    </header>
  );
}

/** Run → logged model → version → aliases. What is not known, or may not be read, is left out or told by its id. */
function Lineage(props: { version: ModelVersion }): JSX.Element {
  const id = createMemo(() => props.version.run_id || undefined);
  const run = load(id, async (run, signal) => (run ? getRun(run, signal) : undefined));
  return (
    <nav class="lineage" aria-label={t("models.lineage")}>
      <ol>
        <Show when={id()} fallback={<li><span class="quiet">{t("models.no_run")}</span></li>}>
          {(known) => (
            <li>
              <span class="quiet">{t("models.source_run")}</span>
              <Show when={!run.error()} fallback={<span class="mono" title={errorText(run.error())}>{known().slice(0, 12)}</span>}>
                <Link to={runPath(known())}>{run.data()?.info.run_name || known().slice(0, 12)}</Link>
              </Show>
            </li>
          )}
        </Show>
        <Show when={props.version.model_id}>{(model) => <li><span class="quiet">{t("models.logged_model")}</span><span class="mono">{model()}</span></li>}</Show>
        <li aria-current="true"><span class="quiet">{props.version.name}</span><Link to={versionPath(props.version.name, props.version.version)}>{t("models.version_n", { n: props.version.version })}</Link></li>
        <Show when={props.version.aliases?.length}>
          <li><span class="quiet">{t("models.aliases")}</span><span><For each={props.version.aliases}>{(alias) => <span class="alias">@{alias}</span>}</For></span></li>
        </Show>
      </ol>
    </nav>
  );
}
