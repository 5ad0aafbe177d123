/** Files of no known kind: their first bytes, as numbers and letters. */

import { For, Show, type JSX } from "solid-js";
import { t } from "../app/prefs";
import { hexLines } from "../core/binary_files";
import { readPart } from "../core/files";
import { formatBytes } from "../core/format";
import { Loading, loadFile, type ViewProps } from "./view";

const HEAD = 4096;

export function HexView(props: ViewProps): JSX.Element {
  const loaded = loadFile(props, (address, signal) => readPart(address, 0, HEAD, signal));
  return (
    <Loading path={props.path} loaded={loaded}>
      {(data) => (
        <Show when={data().bytes.length} fallback={<p class="quiet pad">{t("artifact.empty_file")}</p>}>
          <p class="quiet pad">{t("preview.binary", { head: formatBytes(data().bytes.length), all: data().total === null ? "?" : formatBytes(data().total) })}</p>
          <pre class="code hex" tabindex="0">
            <For each={hexLines(data().bytes)}>
              {(line) => <span class="hex-line"><span class="quiet">{line.at}</span>{`  ${line.hex}  `}<span class="tok-string">{line.text}</span>{"\n"}</span>}
            </For>
          </pre>
        </Show>
      )}
    </Loading>
  );
}
