/** One file of several runs side by side: images beside each other, texts as what differs from the baseline's, others as facts. */

import { createEffect, createMemo, createSignal, For, Match, on, Show, Suspense, Switch, type JSX } from "solid-js";
import { later } from "../../app/later";
import { load } from "../../app/load";
import { Link } from "../../app/nav";
import { Failure } from "../../app/notices";
import { t } from "../../app/prefs";
import { artifactAddress, listArtifacts } from "../../core/api";
import { readPart, type Part } from "../../core/files";
import { formatBytes } from "../../core/format";
import { decodeText, kindOfName, looksBinary, prettyJson, PREVIEW_BYTES } from "../../core/preview";
import { runPath } from "../../core/router";
import { sharedFiles, type SharedFile } from "../../core/shared_files";
import { throttle } from "../../core/throttle";
import type { ArtifactFile } from "../../core/wire";
import type { ComparedRun } from "./compared";
import "../../preview/preview.css";

const LineDiff = later(() => import("../../parts/LineDiff").then((module) => module.LineDiff));

/** Files of more runs are not asked for at once. */
const MOST_RUNS = 24;
const AT_ONCE = 6;
const queue = throttle<unknown>(AT_ONCE);

interface Props {
  /** The baseline first. */
  runs: ComparedRun[];
  path: string;
  onPath: (path: string) => void;
}

export function CompareFiles(props: Props): JSX.Element {
  const runs = createMemo(() => props.runs.slice(0, MOST_RUNS));
  const [known, setKnown] = createSignal<ReadonlyMap<string, SharedFile>>(new Map());
  const [listed, setListed] = createSignal<ReadonlySet<string>>(new Set());
  const learn = (folder: string, files: SharedFile[]): void => {
    setKnown((before) => new Map([...before, ...files.map((file) => [file.path, file] as const)]));
    setListed((before) => new Set([...before, folder]));
  };
  /** Who has the chosen file; the tree opens so far by itself. */
  const chosen = (): SharedFile | undefined => known().get(props.path);
  const gone = (): boolean => !chosen() && listed().has(props.path.slice(0, Math.max(0, props.path.lastIndexOf("/"))));
  return (
    <div class="compare-files">
      <Show when={props.runs.length > MOST_RUNS}><p class="note">{t("compare.first_runs", { n: MOST_RUNS })}</p></Show>
      <div class="artifacts">
        <div class="tree" role="tree" aria-label={t("run.artifacts")}>
          <Folder runs={runs()} path="" chosen={props.path} level={1} onChoose={props.onPath} onFiles={learn} />
        </div>
        <div class="preview">
          <Show when={props.path} fallback={<p class="quiet pad">{t("compare.choose_file")}</p>}>
            <div class="preview-head"><strong class="mono path">{props.path}</strong></div>
            <Show when={gone()}><p class="quiet pad">{t("compare.gone_file")}</p></Show>
            <Show when={chosen()}>
              {(file) => (
                <div class="file-cards" classList={{ few: runs().length < 3 }}>
                  <For each={runs()}>{(run) => <FileCard run={run} base={runs()[0] as ComparedRun} file={file()} />}</For>
                </div>
              )}
            </Show>
          </Show>
        </div>
      </div>
    </div>
  );
}

interface FolderProps {
  runs: ComparedRun[];
  path: string;
  chosen: string;
  level: number;
  onChoose: (path: string) => void;
  onFiles: (folder: string, files: SharedFile[]) => void;
}

function Folder(props: FolderProps): JSX.Element {
  const ids = createMemo(() => props.runs.map((run) => run.id), [], { equals: (a, b) => a.join() === b.join() });
  const found = load(ids, async (wanted, signal) => {
    const listings = new Map<string, readonly ArtifactFile[]>();
    let failure: unknown;
    await Promise.all(wanted.map((run) => queue(async () => void listings.set(run, await listArtifacts(run, props.path, signal))).catch((error: unknown) => { failure = error; })));
    // Of a run whose files are out of reach the others are still worth a look.
    if (listings.size === 0 && failure) throw failure;
    return sharedFiles(listings);
  }, { keep: true });
  createEffect(on(found.data, (files) => { if (files) props.onFiles(props.path, files); }));
  return (
    <>
      <Show when={found.error()}><Failure what={t("error.artifacts")} error={found.error()} retry={found.reload} /></Show>
      <Show when={found.loading() && !found.data()}><p class="quiet pad">{t("state.loading")}</p></Show>
      <Show when={found.data()?.length === 0}><p class="quiet pad">{t(props.path ? "artifact.empty_folder" : "compare.no_files")}</p></Show>
      <For each={found.data()}>{(file) => <Node {...props} file={file} />}</For>
    </>
  );
}

function Node(props: FolderProps & { file: SharedFile }): JSX.Element {
  const inside = (): boolean => props.chosen.startsWith(`${props.file.path}/`);
  const [open, setOpen] = createSignal(props.file.folder && inside());
  createEffect(() => { if (props.file.folder && inside()) setOpen(true); });
  return (
    <>
      <button type="button" class="node" role="treeitem" aria-level={props.level} aria-expanded={props.file.folder ? open() : undefined}
        aria-selected={!props.file.folder && props.chosen === props.file.path} style={{ "padding-left": `${props.level * 14 - (props.file.folder ? 4 : -12)}px` }}
        onClick={() => (props.file.folder ? setOpen(!open()) : props.onChoose(props.file.path))}>
        <Show when={props.file.folder}><span class="twist" aria-hidden="true">▸</span></Show>
        <span class="node-name">{props.file.path.slice(props.file.path.lastIndexOf("/") + 1)}</span>
        <span class="quiet">{t("compare.has", { n: props.file.sizes.size, all: props.runs.length })}</span>
      </button>
      <Show when={open()}><div role="group"><Folder {...props} path={props.file.path} level={props.level + 1} /></div></Show>
    </>
  );
}

type Look = { kind: "text"; text: string; cut: boolean } | { kind: "image" | "binary" | "none" };

const texts = new Map<string, Promise<Look>>();

/** What a run has at a path. Asked once while the page is open: each card but the first wants the baseline's too. */
function look(run: string, path: string): Promise<Look> {
  const id = `${run}/${path}`;
  let found = texts.get(id);
  if (!found) {
    if (texts.size > 100) texts.clear();
    texts.set(id, (found = read(run, path)));
    found.catch(() => texts.delete(id));
  }
  return found;
}

async function read(run: string, path: string): Promise<Look> {
  const kind = kindOfName(path);
  if (kind === "image" || kind === "binary") return { kind };
  const { bytes, total } = (await queue(() => readPart(artifactAddress(run, path), 0, PREVIEW_BYTES))) as Part;
  if (looksBinary(bytes)) return { kind: "binary" };
  const text = decodeText(bytes);
  const cut = total === null || total > bytes.length;
  return { kind: "text", text: (kind === "json" && !cut ? prettyJson(text) : null) ?? text, cut };
}

interface CardProps {
  run: ComparedRun;
  base: ComparedRun;
  file: SharedFile;
}

function FileCard(props: CardProps): JSX.Element {
  const path = (): string => props.file.path;
  const has = (run: ComparedRun): boolean => props.file.sizes.has(run.id);
  const isBase = (): boolean => props.run.id === props.base.id;
  const found = load(() => [props.run.id, path(), has(props.run)] as const, async ([run, path, there]): Promise<Look> => (there ? look(run, path) : { kind: "none" }));
  const base = load(() => [props.base.id, path(), !isBase() && has(props.base)] as const, async ([run, path, there]): Promise<Look> => (there ? look(run, path) : { kind: "none" }));
  const text = (): Extract<Look, { kind: "text" }> | undefined => { const now = found.data(); return now?.kind === "text" ? now : undefined; };
  const before = (): Extract<Look, { kind: "text" }> | undefined => { const now = base.data(); return now?.kind === "text" ? now : undefined; };
  return (
    <article class="card file-card" aria-label={props.run.name}>
      <header class="card-head">
        <span class="head-line"><span class="dot" style={{ background: props.run.color }} /><Link class="run-name" to={runPath(props.run.id, "artifacts", path())}>{props.run.name}</Link></span>
        <span class="quiet">{isBase() ? t("compare.baseline") : ""} {formatBytes(props.file.sizes.get(props.run.id) ?? null)}</span>
      </header>
      <Switch fallback={<p class="quiet pad">{t("state.loading")}</p>}>
        <Match when={found.error()}><Failure what={t("error.preview", { path: path() })} error={found.error()} retry={found.reload} /></Match>
        <Match when={found.data()?.kind === "none"}><p class="quiet pad">{t("compare.no_file")}</p></Match>
        <Match when={found.data()?.kind === "image"}><div class="picture"><img src={artifactAddress(props.run.id, path())} alt={`${path()}, ${props.run.name}`} loading="lazy" /></div></Match>
        <Match when={text() && before()}>
          <div class="file-diff">
            <Suspense><LineDiff before={before()?.text ?? ""} after={text()?.text ?? ""} label={t("compare.diff_of", { name: props.run.name })} /></Suspense>
            <Show when={text()?.cut || before()?.cut}><p class="note">{t("compare.head_compared", { size: formatBytes(PREVIEW_BYTES) })}</p></Show>
          </div>
        </Match>
        <Match when={text() && (isBase() || base.data())}><pre class="code" tabindex="0"><code>{text()?.text}</code></pre></Match>
        <Match when={found.data()?.kind === "binary"}>
          <p class="quiet pad">{t("artifact.binary")} <a href={artifactAddress(props.run.id, path())} download="">{t("artifact.download")}</a></p>
        </Match>
      </Switch>
    </article>
  );
}
