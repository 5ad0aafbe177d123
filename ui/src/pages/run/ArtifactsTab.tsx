/** The files of a run: a tree that loads as it opens, and a preview of the chosen file. */

import { createEffect, createMemo, createSignal, For, on, Show, type JSX } from "solid-js";
import { load } from "../../app/load";
import { go, hrefOf, place } from "../../app/nav";
import { CopyButton, Failure } from "../../app/notices";
import { t } from "../../app/prefs";
import { artifactAddress, listArtifacts } from "../../core/api";
import { formatBytes } from "../../core/format";
import { byName } from "../../core/order";
import { runPath } from "../../core/router";
import { toInteger, type ArtifactFile, type Run } from "../../core/wire";
import { Preview } from "../../preview/Preview";

export function ArtifactsTab(props: { run: Run }): JSX.Element {
  const id = (): string => props.run.info.run_id;
  const chosen = createMemo(() => new URLSearchParams(place().search).get("path") ?? "");
  const [sizes, setSizes] = createSignal(new Map<string, number | null>());
  const choose = (path: string): void => go(runPath(id(), "artifacts", path));
  const learn = (files: ArtifactFile[]): void => {
    setSizes((known) => new Map([...known, ...files.map((file) => [file.path, toInteger(file.file_size)] as const)]));
  };
  return (
    <div class="artifacts">
      <div class="tree" role="tree" aria-label={t("run.artifacts")}>
        <Folder run={id()} path="" chosen={chosen()} onChoose={choose} onFiles={learn} level={1} />
      </div>
      <div class="preview">
        <Show when={chosen()} fallback={<p class="quiet pad">{t("artifact.choose")}</p>}>
          <div class="preview-head">
            <strong class="mono path">{chosen()}</strong>
            <CopyButton text={chosen()} label={t("artifact.copy_path")} />
            <span class="quiet">{formatBytes(sizes().get(chosen()) ?? null)}</span>
            <a class="button" href={artifactAddress(id(), chosen())} download={chosen().split("/").at(-1) ?? ""}>{t("artifact.download")}</a>
          </div>
          <Preview run={id()} path={chosen()} />
        </Show>
      </div>
    </div>
  );
}

interface FolderProps {
  run: string;
  path: string;
  chosen: string;
  level: number;
  onChoose: (path: string) => void;
  onFiles: (files: ArtifactFile[]) => void;
}

function Folder(props: FolderProps): JSX.Element {
  const files = load(() => `${props.run}/${props.path}`, (_, signal) => listArtifacts(props.run, props.path, signal), { keep: true });
  createEffect(on(files.data, (found) => { if (found) props.onFiles(found); }));
  const sorted = createMemo(() => [...(files.data() ?? [])].sort((a, b) => Number(b.is_dir) - Number(a.is_dir) || byName(a.path, b.path)));
  return (
    <>
      <Show when={files.error()}><Failure what={t("error.artifacts")} error={files.error()} retry={files.reload} /></Show>
      <Show when={files.loading() && !files.data()}><p class="quiet pad">{t("state.loading")}</p></Show>
      <Show when={files.data()?.length === 0}><p class="quiet pad">{t(props.path ? "artifact.empty_folder" : "artifact.none")}</p></Show>
      <For each={sorted()}>
        {(file) => (
          <Show when={file.is_dir} fallback={<File {...props} file={file} />}>
            <OpenableFolder {...props} path={file.path} />
          </Show>
        )}
      </For>
    </>
  );
}

function File(props: FolderProps & { file: ArtifactFile }): JSX.Element {
  const choose = (event: MouseEvent): void => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    props.onChoose(props.file.path);
  };
  return (
    <a class="node" role="treeitem" aria-level={props.level} aria-selected={props.chosen === props.file.path}
      href={hrefOf(runPath(props.run, "artifacts", props.file.path))} style={{ "padding-left": `${props.level * 14 + 12}px` }} onClick={choose}>
      <span class="node-name">{baseName(props.file.path)}</span>
      <span class="quiet">{formatBytes(toInteger(props.file.file_size))}</span>
    </a>
  );
}

function OpenableFolder(props: FolderProps): JSX.Element {
  const inside = (): boolean => props.chosen.startsWith(`${props.path}/`);
  const [open, setOpen] = createSignal(inside());
  createEffect(() => { if (inside()) setOpen(true); });
  return (
    <>
      <button type="button" class="node" role="treeitem" aria-level={props.level} aria-expanded={open()} aria-selected={false}
        style={{ "padding-left": `${props.level * 14 - 4}px` }} onClick={() => setOpen(!open())}>
        <span class="twist" aria-hidden="true">▸</span>
        <span class="node-name">{baseName(props.path)}</span>
      </button>
      <Show when={open()}>
        <div role="group"><Folder {...props} level={props.level + 1} /></div>
      </Show>
    </>
  );
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
