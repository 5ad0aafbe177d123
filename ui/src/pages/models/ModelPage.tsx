/** One model: what it is for, and its versions, of which two can be compared. */

import "./texts";
import { createMemo, createSignal, Show, Suspense, type JSX } from "solid-js";
import { showCrumbs } from "../../app/crumbs";
import { Gone } from "../../app/Gone";
import { later, Overlay } from "../../app/later";
import { load } from "../../app/load";
import { go, Link, place } from "../../app/nav";
import { CopyButton, Failure, tell } from "../../app/notices";
import { language, t } from "../../app/prefs";
import { exactMoment } from "../../core/format";
import {
  deleteModel, deleteModelTag, describeModel, getModel, renameModel, searchVersions, setModelTag, versionFiles, type ModelVersion, type RegisteredModel,
} from "../../core/registry";
import { quoteValue } from "../../core/query";
import { modelPath } from "../../core/router";
import { toInteger } from "../../core/wire";
import { edit, withTag } from "./edits";
import { Description, Tags } from "./Editing";
import { VersionTable } from "./VersionTable";

const NameDialog = later(() => import("./Dialogs").then((module) => module.NameDialog));
const RemoveDialog = later(() => import("./Dialogs").then((module) => module.RemoveDialog));
const VersionDiff = later(() => import("./VersionDiff").then((module) => module.VersionDiff));
/** Versions that are listed at first; more when the reader asks. */
const AT_ONCE = 200;

export interface Versions {
  items: ModelVersion[];
  more: boolean;
}

/** The versions of a model, the newest first. */
export async function versionsOf(name: string, most: number, signal: AbortSignal): Promise<Versions> {
  // A name has no double quotes and single ones at once in this grammar; such a model has no list, but its pages.
  const named = quoteValue(name);
  if (named === null) return { items: [], more: false };
  const page = await searchVersions({ filter: `name = ${named}`, order: "version_number DESC", most }, signal);
  return { items: page.items, more: page.next !== undefined };
}

export function ModelPage(props: { model: string }): JSX.Element {
  const model = load(() => props.model, getModel);
  const [most, setMost] = createSignal(AT_ONCE);
  const asked = createMemo(() => [props.model, most()] as const);
  const versions = load(asked, ([name, n], signal) => versionsOf(name, n, signal), { keep: true });
  const mine = createMemo((last: string) => (place().path === modelPath(props.model) ? place().search : last), place().search);
  const compared = createMemo(() => (new URLSearchParams(mine()).get("diff") ?? "").split(",").filter((each) => /^[1-9]\d*$/.test(each)));
  const [dialog, setDialog] = createSignal<"rename" | "remove" | null>(null);
  showCrumbs(() => [{ label: t("models.title"), to: "/models" }, { label: props.model }]);
  /** What the description names lies with the newest version. */
  const beside = createMemo(() => versionFiles(props.model, versions.data()?.items[0]?.version ?? "1"), undefined, { equals: (a, b) => a.key === b.key });
  const describe = (text: string): Promise<boolean> => edit(model, (was) => ({ ...was, description: text }), () => describeModel(props.model, text));
  const tag = (key: string, value: string | null): void =>
    void edit(model, (was) => ({ ...was, tags: withTag(was.tags, key, value) }), () => (value === null ? deleteModelTag(props.model, key) : setModelTag(props.model, key, value)));
  return (
    <section class="page model-page">
      <Show when={model.error() && !model.data()}><Gone kind="model" id={props.model} error={model.error()} retry={model.reload} failed={t("models.failed", { name: props.model })} list={{ to: "/models", label: t("models.all") }} /></Show>
      <Show when={model.loading() && !model.data() && !model.error()}><p class="quiet">{t("state.loading")}</p></Show>
      <Show when={model.data()}>
        {(data) => (
          <>
            <Header model={data()} onDialog={setDialog} />
            <Show when={compared().length === 2} fallback={
              <>
                <Show when={versions.error()}><Failure what={t("models.versions_failed")} error={versions.error()} retry={versions.reload} /></Show>
                <VersionTable name={props.model} versions={versions} onMore={() => setMost(most() * 5)} onChanged={model.reload}
                  onCompare={(a, b) => go(`${modelPath(props.model)}?diff=${a},${b}`)} />
                <div class="columns">
                  <Description text={data().description ?? ""} files={beside()} onSave={describe} />
                  <Tags tags={data().tags} onSet={tag} onRemove={(key) => tag(key, null)} />
                </div>
              </>
            }>
              <p><Link to={modelPath(props.model)}>{t("models.all_versions")}</Link></p>
              <Suspense fallback={<p class="quiet">{t("state.loading")}</p>}><VersionDiff name={props.model} before={compared()[0] ?? ""} after={compared()[1] ?? ""} /></Suspense>
            </Show>
          </>
        )}
      </Show>
      <Show when={dialog() === "rename"}>
        <Overlay onFail={() => setDialog(null)}>
          <NameDialog title={t("models.rename_title", { name: props.model })} name={props.model} action={t("models.rename")} onClose={() => setDialog(null)}
            onDone={async (name) => { await renameModel(props.model, name); setDialog(null); go(modelPath(name), true); }} />
        </Overlay>
      </Show>
      <Show when={dialog() === "remove"}>
        <Overlay onFail={() => setDialog(null)}>
          <RemoveDialog title={t("models.delete_title", { name: props.model })} told={t("models.delete_model_told", { n: versions.data()?.items.length ?? 0 })} word={props.model}
            onClose={() => setDialog(null)} onDone={async () => { await deleteModel(props.model); tell(t("models.deleted", { name: props.model })); go("/models", true); }} />
        </Overlay>
      </Show>
    </section>
  );
}

function Header(props: { model: RegisteredModel; onDialog: (dialog: "rename" | "remove") => void }): JSX.Element {
  return (
    <header class="run-head">
      <div class="models-head">
        <h1>{props.model.name} <CopyButton text={props.model.name} label={t("models.copy_name")} /></h1>
        <span class="buttons-apart">
          <button type="button" onClick={() => props.onDialog("rename")}>{t("models.rename")}…</button>
          <button type="button" class="danger" onClick={() => props.onDialog("remove")}>{t("action.delete")}…</button>
        </span>
      </div>
      <dl class="facts">
        <div><dt>{t("models.created")}</dt><dd>{exactMoment(toInteger(props.model.creation_timestamp), language())}</dd></div>
        <div><dt>{t("models.changed")}</dt><dd>{exactMoment(toInteger(props.model.last_updated_timestamp), language())}</dd></div>
      </dl>
    </header>
  );
}
