/** A look into one file: what it is called, how large it is, and what it holds. Every kind loads with its first file. */

import { createMemo, createSignal, lazy, Show, Suspense, type Component, type JSX } from "solid-js";
import { Dynamic } from "solid-js/web";
import { CopyButton } from "../app/notices";
import { t } from "../app/prefs";
import type { FileSource } from "../core/files";
import { formatBytes } from "../core/format";
import { kindOfName, suffixOf, type PreviewKind } from "../core/preview";
import type { ViewProps } from "./view";
import "../app/run_texts";
import "./preview.css";

const TextView = lazy(() => import("./TextView").then((module) => ({ default: module.TextView })));
const VIEWS: Record<PreviewKind, Component<ViewProps>> = {
  text: TextView,
  image: lazy(() => import("./ImageView").then((module) => ({ default: module.ImageView }))),
  json: lazy(() => import("./JsonView").then((module) => ({ default: module.JsonView }))),
  table: lazy(() => import("./CsvView").then((module) => ({ default: module.CsvView }))),
  parquet: lazy(() => import("./ParquetView").then((module) => ({ default: module.ParquetView }))),
  markdown: lazy(() => import("./MarkdownView").then((module) => ({ default: module.MarkdownView }))),
  html: lazy(() => import("./HtmlView").then((module) => ({ default: module.HtmlView }))),
  pdf: lazy(() => import("./PdfView").then((module) => ({ default: module.PdfView }))),
  audio: lazy(() => import("./MediaView").then((module) => ({ default: module.MediaView }))),
  video: lazy(() => import("./MediaView").then((module) => ({ default: module.MediaView }))),
  npy: lazy(() => import("./NpyView").then((module) => ({ default: module.NpyView }))),
  zip: lazy(() => import("./ZipView").then((module) => ({ default: module.ZipView }))),
  mlmodel: lazy(() => import("./ModelCard").then((module) => ({ default: module.ModelView }))),
  binary: lazy(() => import("./HexView").then((module) => ({ default: module.HexView }))),
};

/** Kinds that are text too, for whoever wants to see it. */
const TEXTUAL: ReadonlySet<PreviewKind> = new Set(["json", "table", "markdown", "html", "mlmodel"]);

interface Props extends ViewProps {
  /** Bytes, where they are known. */
  size: number | null;
}

export function Preview(props: Props): JSX.Element {
  const kind = createMemo(() => kindOfName(props.path));
  const [textOf, setTextOf] = createSignal("");
  const asText = (): boolean => textOf() === props.path;
  const textual = (): boolean => TEXTUAL.has(kind()) || suffixOf(props.path) === "svg";
  // Another file is another view: nothing of the one before is left in it.
  const file = createMemo(() => ({ source: props.source, path: props.path, view: asText() ? TextView : VIEWS[kind()] }), undefined, {
    equals: (a, b) => a.path === b.path && a.source.key === b.source.key && a.view === b.view,
  });
  return (
    <section class="preview" aria-label={props.path}>
      <PreviewHead source={props.source} path={props.path} size={props.size}>
        <Show when={textual()}>
          <span class="buttons" role="group" aria-label={t("preview.how")}>
            <button type="button" aria-pressed={!asText()} onClick={() => setTextOf("")}>{t("preview.view")}</button>
            <button type="button" aria-pressed={asText()} onClick={() => setTextOf(props.path)}>{t("preview.text")}</button>
          </span>
        </Show>
      </PreviewHead>
      <Show when={props.size !== 0} fallback={<p class="quiet pad">{t("artifact.empty_file")}</p>}><Show when={file()} keyed>
        {(shown) => (
          <Suspense fallback={<p class="quiet pad">{t("state.loading")}</p>}>
            <Dynamic component={shown.view} source={shown.source} path={shown.path} />
          </Suspense>
        )}
      </Show></Show>
    </section>
  );
}

interface HeadProps {
  source: FileSource;
  path: string;
  size: number | null;
  children?: JSX.Element;
}

function PreviewHead(props: HeadProps): JSX.Element {
  return (
    <div class="preview-head">
      <strong class="mono path">{props.path}</strong>
      <CopyButton text={props.path} label={t("artifact.copy_path")} />
      <span class="quiet">{formatBytes(props.size)}</span>
      <span class="preview-tools">
        {props.children}
        <a class="button" href={props.source.address(props.path)} download={props.path.split("/").at(-1) ?? ""}>{t("artifact.download")}</a>
      </span>
    </div>
  );
}
