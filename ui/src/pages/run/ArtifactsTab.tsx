/** The files of a run and of the models it made: trees that load as they open, and a look into what is chosen. */

import { createEffect, createMemo, createSignal, For, on, Show, type JSX } from "solid-js";
import { load } from "../../app/load";
import { go, hrefOf, place } from "../../app/nav";
import { Failure } from "../../app/notices";
import { t } from "../../app/prefs";
import { modelFiles, runFiles, type FileSource } from "../../core/files";
import { formatBytes } from "../../core/format";
import { byName } from "../../core/order";
import { loggedModels } from "../../core/related";
import type { LoggedModel } from "../../core/registry";
import { toInteger, type ArtifactFile, type Run } from "../../core/wire";
import { FolderView } from "../../preview/FolderView";
import { Preview } from "../../preview/Preview";
import { walkTree } from "./tree_keys";

/** So many entries of a folder are drawn at a time. */
const STEP = 300;

interface Chosen {
  source: FileSource;
  path: string;
}

export function ArtifactsTab(props: { run: Run }): JSX.Element {
  const id = createMemo(() => props.run.info.run_id);
  const query = createMemo(() => new URLSearchParams(place().search));
  const model = (): string | null => query().get("model");
  const own = createMemo(() => runFiles(id()));
  const source = createMemo(() => { const named = model(); return named ? modelFiles(named, id()) : own(); }, undefined, { equals: (a, b) => a.key === b.key });
  const chosen = createMemo<Chosen>(() => ({ source: source(), path: query().get("path") ?? "" }));
  const some = (): boolean => chosen().path !== "" || model() !== null;
  const models = load(() => `${id()} ${props.run.outputs?.model_outputs?.length ?? 0}`, (_, signal) => loggedModels(props.run, signal), { keep: true });
  // What is known of files: sizes, and which are folders.
  const [known, setKnown] = createSignal(new Map<string, ArtifactFile>());
  const learn = (from: FileSource, files: ArtifactFile[]): void => {
    setKnown((before) => new Map([...before, ...files.map((file) => [`${from.key}/${file.path}`, file] as const)]));
  };
  // An address may name what the tree has not come to yet.
  const entry = load(chosen, async ({ source: from, path }, signal): Promise<ArtifactFile | null> => known().get(`${from.key}/${path}`) ?? findEntry(from, path, signal));
  const file = (): ArtifactFile | undefined => known().get(`${chosen().source.key}/${chosen().path}`) ?? entry.data() ?? undefined;
  const settled = (): boolean => chosen().path === "" || file() !== undefined || !entry.loading();
  const folder = (): boolean => chosen().path === "" || (file()?.is_dir ?? false);
  const shared = { chosen, onFiles: learn };
  return (
    <div class="artifacts" classList={{ chosen: some() }}>
      <div class="tree" role={known().size || models.data()?.length ? "tree" : "group"} aria-label={t("run.artifacts")} onKeyDown={walkTree}>
        <Folder {...shared} source={own()} path="" level={1} />
        <For each={models.data()}>{(each) => <ModelRoot {...shared} run={id()} model={each} />}</For>
      </div>
      <Show when={some()} fallback={<div class="preview"><p class="quiet pad">{t("artifact.choose")}</p></div>}>
        <Show when={settled()} fallback={<div class="preview"><p class="quiet pad">{t("state.loading")}</p></div>}>
          <Show when={folder()} fallback={<Preview source={chosen().source} path={chosen().path} size={toInteger(file()?.file_size)} />}>
            <Show when={chosen()} keyed>{(now) => <FolderView source={now.source} path={now.path} />}</Show>
          </Show>
        </Show>
      </Show>
    </div>
  );
}

/** What a folder says of one of its entries; null where it has none of that name, or cannot be read. */
async function findEntry(source: FileSource, path: string, signal: AbortSignal): Promise<ArtifactFile | null> {
  try {
    const around = await source.list(path.slice(0, Math.max(0, path.lastIndexOf("/"))), signal);
    return around.find((file) => file.path === path) ?? null;
  } catch {
    return null;
  }
}

interface Shared {
  chosen: () => Chosen;
  onFiles: (source: FileSource, files: ArtifactFile[]) => void;
}

interface FolderProps extends Shared {
  source: FileSource;
  path: string;
  level: number;
}

const isChosen = (props: Shared, source: FileSource, path: string): boolean => props.chosen().source.key === source.key && props.chosen().path === path;

function Folder(props: FolderProps): JSX.Element {
  const files = load(() => `${props.source.key}/${props.path}`, (_, signal) => props.source.list(props.path, signal), { keep: true });
  createEffect(on(files.data, (found) => { if (found) props.onFiles(props.source, found); }));
  const sorted = createMemo(() => [...(files.data() ?? [])].sort((a, b) => Number(b.is_dir) - Number(a.is_dir) || byName(a.path, b.path)));
  const [room, setRoom] = createSignal(STEP);
  return (
    <>
      <Show when={files.error()}><Failure what={t("error.artifacts")} error={files.error()} retry={files.reload} /></Show>
      <Show when={files.loading() && !files.data()}><p class="quiet pad">{t("state.loading")}</p></Show>
      <Show when={files.data()?.length === 0}><p class="quiet pad">{t(props.path ? "artifact.empty_folder" : "artifact.none")}</p></Show>
      <For each={sorted().slice(0, room())}>
        {(file) => (
          <Show when={file.is_dir} fallback={<File {...props} file={file} />}>
            <OpenableFolder {...props} path={file.path} name={baseName(file.path)} />
          </Show>
        )}
      </For>
      <Show when={sorted().length > room()}>
        <button type="button" role="treeitem" aria-level={props.level} aria-selected="false" class="link more-files" onClick={() => setRoom(room() + STEP)}>
          {t("preview.more_items", { n: sorted().length - room() })}
        </button>
      </Show>
    </>
  );
}

/** Goes where a link leads, without a page load; modified clicks open tabs as everywhere. */
function follow(event: MouseEvent, to: string): boolean {
  if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return false;
  event.preventDefault();
  go(to);
  return true;
}

function File(props: FolderProps & { file: ArtifactFile }): JSX.Element {
  const page = (): string => props.source.page(props.file.path);
  return (
    <a class="node" role="treeitem" aria-level={props.level} aria-selected={isChosen(props, props.source, props.file.path)} title={baseName(props.file.path)}
      href={hrefOf(page())} style={{ "padding-left": `${props.level * 14 + 12}px` }} onClick={(event) => follow(event, page())}>
      <span class="node-name">{baseName(props.file.path)}</span>
      <span class="quiet">{formatBytes(toInteger(props.file.file_size))}</span>
    </a>
  );
}

function OpenableFolder(props: FolderProps & { name: string; badge?: string }): JSX.Element {
  const here = (): boolean => isChosen(props, props.source, props.path);
  const inside = (): boolean => {
    const { source, path } = props.chosen();
    return source.key === props.source.key && (props.path === "" ? path !== "" : path.startsWith(`${props.path}/`));
  };
  const [open, setOpen] = createSignal(inside() || here());
  createEffect(() => { if (inside()) setOpen(true); });
  const page = (): string => props.source.page(props.path);
  const click = (event: MouseEvent): void => {
    // A closed folder opens and shows what it is; a click on the one that is shown closes it.
    const was = here();
    if (follow(event, page())) setOpen(was ? !open() : true);
  };
  return (
    <>
      <a class="node" role="treeitem" aria-level={props.level} aria-expanded={open()} aria-selected={here()} href={hrefOf(page())} title={props.name}
        style={{ "padding-left": `${props.level * 14 - 4}px` }} onClick={click} on:toggle-folder={() => setOpen(!open())}>
        <span class="twist" aria-hidden="true" onClick={(event) => { event.preventDefault(); event.stopPropagation(); setOpen(!open()); }}>▸</span>
        <span class="node-name">{props.name}</span>
        <Show when={props.badge}><span class="badge">{props.badge}</span></Show>
      </a>
      <Show when={open()}>
        <div role="group"><Folder chosen={props.chosen} onFiles={props.onFiles} source={props.source} path={props.path} level={props.level + 1} /></div>
      </Show>
    </>
  );
}

function ModelRoot(props: Shared & { run: string; model: LoggedModel }): JSX.Element {
  const source = createMemo(() => modelFiles(props.model.info.model_id, props.run), undefined, { equals: (a, b) => a.key === b.key });
  return <OpenableFolder chosen={props.chosen} onFiles={props.onFiles} source={source()} path="" level={1} name={props.model.info.name || props.model.info.model_id} badge={t("run.model_badge")} />;
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
