/** Markdown as a page of text. Its pictures and links are files beside it. */

import { lazy, Show, type JSX } from "solid-js";
import { readWhole } from "../core/files";
import { decodeText, looksBinary } from "../core/preview";
import { Prose } from "./Prose";
import { Loading, loadFile, type ViewProps } from "./view";

const TextView = lazy(() => import("./TextView").then((module) => ({ default: module.TextView })));
const MOST = 2 * 2 ** 20;

export function MarkdownView(props: ViewProps): JSX.Element {
  const loaded = loadFile(props, async (address, signal) => {
    const bytes = await readWhole(address, MOST, signal);
    return bytes?.length && !looksBinary(bytes) ? decodeText(bytes) : null;
  });
  const folder = (): string => props.path.slice(0, props.path.lastIndexOf("/") + 1);
  return (
    <Loading path={props.path} loaded={loaded}>
      {(text) => (
        <Show when={text()} fallback={<TextView source={props.source} path={props.path} />}>
          {(found) => <div class="pad"><Prose text={found()} around={{ folder: folder(), files: props.source }} /></div>}
        </Show>
      )}
    </Loading>
  );
}
