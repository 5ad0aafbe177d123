/** Text and code with numbers of lines, in parts of a megabyte. What is no text is shown as bytes. */

import { createMemo, For, lazy, onCleanup, Show, type JSX } from "solid-js";
import { errorText, tell } from "../app/notices";
import { t } from "../app/prefs";
import { readPart } from "../core/files";
import { formatBytes } from "../core/format";
import { isLog, lastState, type Span } from "../core/console";
import { colour, languageOf, type Piece } from "../core/highlight";
import { looksBinary, STEP_BYTES } from "../core/preview";
import { AnsiPiece, spansOf } from "./ansi";
import { addressOf, createSwitch, Loading, loadFile, Toggle, type ViewProps } from "./view";

const HexView = lazy(() => import("./HexView").then((module) => ({ default: module.HexView })));
const BLOCK = 200;
const MOST_OF_A_LINE = 20_000;

interface Read {
  text: string;
  end: number;
  total: number | null;
  binary: boolean;
}

export function TextView(props: ViewProps): JSX.Element {
  const decoder = new TextDecoder();
  const stop = new AbortController();
  onCleanup(() => stop.abort());
  const read = async (address: string, start: number, signal: AbortSignal): Promise<Read> => {
    const { bytes, total } = await readPart(address, start, STEP_BYTES, signal);
    const binary = start === 0 && looksBinary(bytes);
    const end = start + bytes.length;
    return { text: binary ? "" : decoder.decode(bytes, { stream: total === null || end < total }), end, total, binary };
  };
  const loaded = loadFile(props, (address, signal) => read(address, 0, signal));
  const more = async (): Promise<void> => {
    const now = loaded.data();
    if (!now) return;
    try {
      const next = await read(addressOf(props), now.end, stop.signal);
      loaded.set({ ...next, text: now.text + next.text, total: next.end === now.end ? now.end : next.total });
    } catch (error) {
      if (!stop.signal.aborted) tell(errorText(error));
    }
  };
  return (
    <Loading path={props.path} loaded={loaded}>
      {(data) => (
        <Show when={!data().binary} fallback={<HexView source={props.source} path={props.path} />}>
          <Show when={data().text} fallback={<p class="quiet pad">{t("artifact.empty_file")}</p>}>
            <Code text={data().text} language={languageOf(props.path)} console={isConsole(props.path, data().text)} />
            <MoreOf end={data().end} total={data().total} onMore={() => void more()} />
          </Show>
        </Show>
      )}
    </Loading>
  );
}

/** Says that a file goes on, and shows more of it. */
export function MoreOf(props: { end: number; total: number | null; onMore: () => void }): JSX.Element {
  return (
    <Show when={props.total === null || props.end < props.total}>
      <p class="more-of">
        <span class="quiet">{t("preview.head_only", { head: formatBytes(props.end), all: props.total === null ? "?" : formatBytes(props.total) })}</span>
        <button type="button" onClick={() => props.onMore()}>{t("preview.more")}</button>
      </p>
    </Show>
  );
}

/** A text with numbers of lines and a few colours; its blocks are laid out when they come into sight. */
export function Code(props: { text: string; language: string; plain?: boolean; console?: boolean }): JSX.Element {
  const [wrap, setWrap] = createSwitch("preview.wrap", false);
  const blocks = createMemo(() => {
    const text = props.text.endsWith("\n") ? props.text.slice(0, -1) : props.text;
    const lines: Line[] = props.console ? spansOf(text.split("\n").map((line) => cut(lastState(line)))) : colour(text, props.language).map(short);
    const found: { start: number; lines: Line[] }[] = [];
    for (let start = 0; start < lines.length; start += BLOCK) found.push({ start, lines: lines.slice(start, start + BLOCK) });
    return found;
  });
  const digits = (): number => String((blocks().at(-1)?.start ?? 0) + BLOCK).length;
  return (
    <>
      <Show when={!props.plain}>
        <div class="view-bar">
          <Toggle on={wrap()} label={t("preview.wrap")} onChange={setWrap} />
        </div>
      </Show>
      <pre class="code" classList={{ wrap: wrap() || props.plain, console: props.console }} tabindex="0" style={{ "--digits": digits() }}>
        <For each={blocks()}>{(block) => <Block start={block.start} lines={block.lines} />}</For>
      </pre>
    </>
  );
}

type Line = readonly (Piece | Span)[];

/** Output of a console: by its name, or as it holds colours of one. */
const isConsole = (path: string, text: string): boolean => isLog(path) || text.includes("\x1b[");

function Block(props: { start: number; lines: Line[] }): JSX.Element {
  return (
    <code class="code-block" style={{ "contain-intrinsic-size": `auto ${props.lines.length * 19}px` }}>
      <For each={props.lines}>
        {(line, i) => (
          <span class="code-line" data-n={props.start + i() + 1}>
            <For each={line}>{(piece) => ("kind" in piece ? (piece.kind ? <span class={`tok-${piece.kind}`}>{piece.text}</span> : piece.text) : <AnsiPiece span={piece} />)}</For>
            {"\n"}
          </span>
        )}
      </For>
    </code>
  );
}

const cut = (line: string): string => (line.length > MOST_OF_A_LINE ? `${line.slice(0, MOST_OF_A_LINE)} … ${t("preview.long_line", { n: line.length - MOST_OF_A_LINE })}` : line);

/** A line of which not more is shown than a browser can lay out. */
function short(line: Piece[]): Piece[] {
  const length = line.reduce((sum, piece) => sum + piece.text.length, 0);
  if (length <= MOST_OF_A_LINE) return line;
  const head = line.map((piece) => piece.text).join("").slice(0, MOST_OF_A_LINE);
  return [{ kind: "", text: head }, { kind: "comment", text: ` … ${t("preview.long_line", { n: length - MOST_OF_A_LINE })}` }];
}
