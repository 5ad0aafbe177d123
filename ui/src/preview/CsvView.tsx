/** CSV and TSV as a table; large files in parts. */

import { createMemo, lazy, onCleanup, Show, type JSX } from "solid-js";
import { errorText, tell } from "../app/notices";
import { readPart } from "../core/files";
import { looksBinary, parseTable, suffixOf, wholeRows } from "../core/preview";
import { sheetOf } from "./sheet";
import { TableView } from "./TableView";
import { MoreOf } from "./TextView";
import { addressOf, Loading, loadFile, type ViewProps } from "./view";

const TextView = lazy(() => import("./TextView").then((module) => ({ default: module.TextView })));
const STEP = 8 * 2 ** 20;

interface Read {
  text: string;
  /** How much of the text is whole rows. */
  whole: number;
  end: number;
  total: number | null;
}

export function CsvView(props: ViewProps): JSX.Element {
  const stop = new AbortController();
  onCleanup(() => stop.abort());
  const decoder = new TextDecoder();
  const read = async (address: string, before: Read | null, signal: AbortSignal): Promise<Read | null> => {
    const start = before?.end ?? 0;
    const { bytes, total } = await readPart(address, start, STEP, signal);
    if (start === 0 && (looksBinary(bytes) || !bytes.length)) return null;
    const end = start + bytes.length;
    const last = total !== null && end >= total;
    const text = (before?.text ?? "") + decoder.decode(bytes, { stream: !last });
    return { text, whole: wholeRows(text, last), end, total: bytes.length ? total : end };
  };
  const loaded = loadFile(props, (address, signal) => read(address, null, signal));
  const more = async (): Promise<void> => {
    try {
      loaded.set(await read(addressOf(props), loaded.data() ?? null, stop.signal));
    } catch (error) {
      if (!stop.signal.aborted) tell(errorText(error));
    }
  };
  return (
    <Loading path={props.path} loaded={loaded}>
      {(data) => (
        <Show when={data()} fallback={<TextView source={props.source} path={props.path} />}>
          {(found) => {
            const sheet = createMemo(() => sheetOf(parseTable(found().text.slice(0, found().whole), suffixOf(props.path) === "tsv" ? "\t" : ",")));
            return (
              <>
                <TableView sheet={sheet()} />
                <MoreOf end={found().end} total={found().total} onMore={() => void more()} />
              </>
            );
          }}
        </Show>
      )}
    </Loading>
  );
}
