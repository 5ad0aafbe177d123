/** The files of a version: folders open in place, a file is looked into below. */

import { createMemo, createSignal, For, Show, Suspense, type JSX } from "solid-js";
import { later } from "../../app/later";
import { load } from "../../app/load";
import { Link, place } from "../../app/nav";
import { Failure } from "../../app/notices";
import { t } from "../../app/prefs";
import { formatBytes } from "../../core/format";
import { byName } from "../../core/order";
import { listVersionFiles, versionFiles } from "../../core/registry";
import { toInteger, type ArtifactFile } from "../../core/wire";

const Preview = later(() => import("../../preview/Preview").then((module) => module.Preview));

interface Props {
  name: string;
  version: string;
}

export function VersionFiles(props: Props): JSX.Element {
  const source = createMemo(() => versionFiles(props.name, props.version));
  const chosen = createMemo(() => new URLSearchParams(place().search).get("file"));
  return (
    <section class="card" aria-label={t("models.files")}>
      <div class="card-head"><h2>{t("models.files")}</h2></div>
      <ul class="file-list"><Folder {...props} path="" level={0} /></ul>
      <Show when={chosen()} keyed>{(path) => <Suspense fallback={<p class="quiet pad">{t("state.loading")}</p>}><Preview source={source()} path={path} size={null} /></Suspense>}</Show>
    </section>
  );
}

function Folder(props: Props & { path: string; level: number }): JSX.Element {
  const files = load(() => `${props.name} ${props.version} ${props.path}`, (_, signal) => listVersionFiles(props.name, props.version, props.path, signal));
  const sorted = createMemo(() => [...(files.data() ?? [])].sort((a, b) => Number(b.is_dir) - Number(a.is_dir) || byName(a.path, b.path)));
  return (
    <>
      <Show when={files.error()}><li><Failure what={t("error.artifacts")} error={files.error()} retry={files.reload} /></li></Show>
      <Show when={files.loading() && !files.data()}><li class="quiet">{t("state.loading")}</li></Show>
      <Show when={files.data()?.length === 0}><li class="quiet">{t("artifact.empty_folder")}</li></Show>
      <For each={sorted()}>{(file) => <Entry {...props} file={file} />}</For>
    </>
  );
}

function Entry(props: Props & { level: number; file: ArtifactFile }): JSX.Element {
  const [open, setOpen] = createSignal(false);
  const base = (): string => props.file.path.slice(props.file.path.lastIndexOf("/") + 1);
  return (
    <li>
      <Show when={props.file.is_dir} fallback={
        <Link class="node" style={{ "padding-left": `${props.level * 16 + 14}px` }} to={versionFiles(props.name, props.version).page(props.file.path)}>
          <span class="node-name">{base()}</span><span class="quiet">{formatBytes(toInteger(props.file.file_size))}</span>
        </Link>
      }>
        <button type="button" class="node" aria-expanded={open()} style={{ "padding-left": `${props.level * 16}px` }} onClick={() => setOpen(!open())}>
          <span class="twist" aria-hidden="true">▸</span><span class="node-name">{base()}</span>
        </button>
        <Show when={open()}><ul class="file-list"><Folder name={props.name} version={props.version} path={props.file.path} level={props.level + 1} /></ul></Show>
      </Show>
    </li>
  );
}
