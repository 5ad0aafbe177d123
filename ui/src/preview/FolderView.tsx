/** A folder that was chosen: the model that it holds, or what lies in it. */

import { For, Show, type JSX } from "solid-js";
import { load } from "../app/load";
import { Link } from "../app/nav";
import { CopyButton } from "../app/notices";
import { t } from "../app/prefs";
import type { FileSource } from "../core/files";
import { formatBytes } from "../core/format";
import { byName } from "../core/order";
import { toInteger, type ArtifactFile } from "../core/wire";
import { ModelView } from "./ModelCard";
import { Loading, type ViewProps } from "./view";

export function FolderView(props: ViewProps): JSX.Element {
  const loaded = load(() => [props.source, props.path] as const, ([source, path], signal) => source.list(path, signal));
  const model = (files: ArtifactFile[]): ArtifactFile | undefined => files.find((file) => !file.is_dir && file.path.split("/").at(-1) === "MLmodel");
  const sum = (files: ArtifactFile[]): number => files.reduce((total, file) => total + (toInteger(file.file_size) ?? 0), 0);
  return (
    <section class="preview" aria-label={props.path}>
      <div class="preview-head">
        <strong class="mono path">{props.path || "/"}</strong>
        <Show when={props.path}><CopyButton text={props.path} label={t("artifact.copy_path")} /></Show>
        <Show when={loaded.data()}>{(files) => <span class="quiet">{t("preview.items", { n: files().length })} · {formatBytes(sum(files()))}</span>}</Show>
      </div>
      <Loading path={props.path} loaded={loaded}>
        {(files) => (
          <Show when={model(files())} fallback={<Files files={files()} source={props.source} />}>
            {(found) => <ModelView source={props.source} path={found().path} />}
          </Show>
        )}
      </Loading>
    </section>
  );
}

function Files(props: { files: ArtifactFile[]; source: FileSource }): JSX.Element {
  const sorted = (): ArtifactFile[] => [...props.files].sort((a, b) => Number(b.is_dir) - Number(a.is_dir) || byName(a.path, b.path)).slice(0, 500);
  return (
    <Show when={props.files.length} fallback={<p class="quiet pad">{t("artifact.empty_folder")}</p>}>
      <table class="pairs">
        <tbody>
          <For each={sorted()}>
            {(file) => (
              <tr>
                <th scope="row"><Link to={props.source.page(file.path)}>{file.path.split("/").at(-1)}{file.is_dir ? "/" : ""}</Link></th>
                <td class="number quiet">{formatBytes(toInteger(file.file_size))}</td>
              </tr>
            )}
          </For>
        </tbody>
      </table>
    </Show>
  );
}
