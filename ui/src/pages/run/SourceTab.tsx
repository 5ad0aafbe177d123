/** Where a run comes from: code, command, what was not committed, packages. */

import { createMemo, For, lazy, Show, Suspense, type JSX } from "solid-js";
import { load } from "../../app/load";
import { CopyButton, Failure } from "../../app/notices";
import { t } from "../../app/prefs";
import { modelFiles, runFiles, type FileSource } from "../../core/files";
import { commitLink, provenanceOf } from "../../core/provenance";
import { diffFiles, loggedModels, packageFiles } from "../../core/related";
import type { Run } from "../../core/wire";
import { Environment } from "../../preview/ModelCard";

const TextView = lazy(() => import("../../preview/TextView").then((module) => ({ default: module.TextView })));
const Code = lazy(() => import("../../preview/TextView").then((module) => ({ default: module.Code })));

interface PackageFile {
  source: FileSource;
  path: string;
  name: string;
}

const PACKAGES = ["requirements.txt", "conda.yaml", "python_env.yaml"];

/** The files of packages of a run's own folders, and of its logged models. */
async function packagesOf(run: Run, signal?: AbortSignal): Promise<PackageFile[]> {
  const own = runFiles(run.info.run_id);
  const [files, models] = await Promise.all([packageFiles(run, signal), loggedModels(run, signal)]);
  const inModels = await Promise.all(models.slice(0, 10).map(async (model) => {
    const source = modelFiles(model.info.model_id, run.info.run_id);
    const found = await source.list("", signal);
    return found.filter((file) => PACKAGES.includes(file.path)).map((file) => ({ source, path: file.path, name: `${model.info.name}/${file.path}` }));
  }));
  return [...files.map((path) => ({ source: own, path, name: path })), ...inModels.flat()];
}

export function SourceTab(props: { run: Run }): JSX.Element {
  const id = createMemo(() => props.run.info.run_id);
  const source = createMemo(() => runFiles(id()));
  const diffs = load(id, diffFiles);
  const packages = load(id, (_, signal) => packagesOf(props.run, signal));
  const facts = createMemo(() => provenanceOf(props.run));
  return (
    <div class="source-tab">
      <CodeFacts run={props.run} />
      <section class="card" aria-label={t("code.diff")}>
        <div class="card-head"><h2>{t("code.diff")}</h2></div>
        <Show when={diffs.error()}><Failure what={t("error.artifacts")} error={diffs.error()} retry={diffs.reload} /></Show>
        <Suspense>
          <Show when={facts().diff}>{(text) => <Code text={text()} language="diff" />}</Show>
          <For each={diffs.data()}>{(path) => <><p class="mono">{path}</p><TextView source={source()} path={path} /></>}</For>
        </Suspense>
        <Show when={!facts().diff && diffs.data()?.length === 0}><p class="quiet">{t("code.no_diff")}</p></Show>
      </section>
      <section class="card" aria-label={t("code.packages")}>
        <div class="card-head"><h2>{t("code.packages")}</h2></div>
        <Show when={packages.error()}><Failure what={t("error.artifacts")} error={packages.error()} retry={packages.reload} /></Show>
        <Show when={packages.data()?.length === 0}><p class="quiet">{t("code.no_packages")}</p></Show>
        <div class="card-body"><For each={packages.data()}>{(file) => <Environment source={file.source} path={file.path} name={file.name} />}</For></div>
      </section>
    </div>
  );
}

function CodeFacts(props: { run: Run }): JSX.Element {
  const facts = createMemo(() => provenanceOf(props.run));
  const link = (): string | null => commitLink(facts().repository, facts().commit);
  const known = (): boolean => Object.values(facts()).some((value) => value !== "");
  return (
    <section class="card" aria-label={t("code.title")}>
      <div class="card-head"><h2>{t("code.title")}</h2></div>
      <Show when={known()} fallback={<p class="quiet">{t("code.none")}</p>}>
        <table class="pairs">
          <tbody>
            <Fact name={t("code.name")} value={facts().name} copy />
            <Fact name={t("code.kind")} value={facts().kind.toLowerCase()} />
            <Fact name={t("code.entry")} value={facts().entryPoint} />
            <Fact name={t("code.commit")} value={facts().commit} copy link={facts().commit ? link() : null} />
            <Fact name={t("code.branch")} value={facts().branch} />
            <Fact name={t("code.repository")} value={facts().repository} copy link={commitLink(facts().repository, "")} />
            <Fact name={t("code.environment")} value={facts().environment} />
            <Fact name={t("code.backend")} value={facts().backend} />
            <Fact name={t("code.image")} value={facts().image} copy />
            <Fact name={t("column.user_id")} value={facts().user} />
          </tbody>
        </table>
      </Show>
      <Show when={facts().command}>
        {(command) => (
          <div class="card-body">
            <h3>{t("code.again")}</h3>
            <div class="snippet"><pre>{command()}</pre><CopyButton text={command()} label={t("action.copy")} /></div>
          </div>
        )}
      </Show>
    </section>
  );
}

function Fact(props: { name: string; value: string; copy?: boolean; link?: string | null }): JSX.Element {
  return (
    <Show when={props.value}>
      <tr>
        <th scope="row">{props.name}</th>
        <td class="value mono">
          <Show when={props.link} fallback={props.value}>{(to) => <a href={to()} target="_blank" rel="noopener noreferrer">{props.value}</a>}</Show>
          <Show when={props.copy}> <CopyButton text={props.value} label={t("action.copy")} /></Show>
        </td>
      </tr>
    </Show>
  );
}
