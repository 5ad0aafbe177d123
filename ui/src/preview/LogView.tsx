/** The end of a log file in its colours, growing while it is written; searched, followed, and read upwards. */

import { createEffect, createMemo, createSignal, For, Index, on, onCleanup, Show, type JSX } from "solid-js";
import { load, repeat } from "../app/load";
import { CopyButton, errorText, tell } from "../app/notices";
import { t } from "../app/prefs";
import { findLines, Tail } from "../core/console";
import { readHead, readPart } from "../core/files";
import { formatBytes } from "../core/format";
import { AnsiPiece, spansOf } from "./ansi";
import { addressOf, createSwitch, FileFailure, Toggle, type ViewProps } from "./view";

const FIRST = 256 * 1024;
const STEP = 2 ** 20;
const MOST = 2 * 2 ** 20;
const BLOCK = 100;
const PAUSE = 1000;

interface Read {
  lines: string[];
  from: number;
  end: number;
}

interface LogProps extends ViewProps {
  /** Whether more of it may come. */
  live: boolean;
  /** Known to have been empty when the page came. */
  empty: boolean;
}

export function LogView(props: LogProps): JSX.Element {
  const tail = new Tail(MOST);
  const stop = new AbortController();
  onCleanup(() => stop.abort());
  const now = (): Read => ({ lines: tail.lines(), from: tail.from, end: tail.end });
  const begin = async (signal: AbortSignal): Promise<Read> => {
    const { bytes, total } = await (props.empty ? readHead(addressOf(props), STEP, signal) : readPart(addressOf(props), -FIRST, FIRST, signal));
    tail.restart(bytes, props.empty ? 0 : (total ?? bytes.length) - bytes.length);
    return now();
  };
  const log = load(() => addressOf(props), (_, signal) => begin(signal));
  const grow = async (signal: AbortSignal): Promise<void> => {
    const end = tail.end;
    // The last byte that is known is asked for too: without it, a file that is shorter now cannot be told from one that did not grow.
    const { bytes, total } = end ? await readPart(addressOf(props), end - 1, STEP + 1, signal) : await readHead(addressOf(props), STEP, signal);
    if (end && (!bytes.length || (total !== null && total < end))) log.set(await begin(signal));
    else if (bytes.length > (end ? 1 : 0)) {
      tail.add(end ? bytes.subarray(1) : bytes);
      log.set(now());
    }
  };
  repeat(grow, () => (props.live && log.data() ? PAUSE : null));
  // What was written last before the run ended is read once more.
  createEffect(on(() => props.live, (live, before) => { if (before && !live) void grow(stop.signal).catch(() => undefined); }));
  const earlier = async (): Promise<void> => {
    const length = Math.min(STEP, tail.from);
    try {
      const { bytes } = await readPart(addressOf(props), tail.from - length, length, stop.signal);
      tail.prepend(bytes);
      log.set(now());
    } catch (error) {
      if (!stop.signal.aborted) tell(errorText(error));
    }
  };
  return (
    <Show when={!log.error() || log.data()} fallback={<FileFailure path={props.path} error={log.error()} retry={log.reload} />}>
      <Show when={log.data()} fallback={<p class="quiet pad">{t("state.loading")}</p>}>
        {(read) => <Lines {...props} read={read()} onEarlier={() => void earlier()} />}
      </Show>
    </Show>
  );
}

function Lines(props: LogProps & { read: Read; onEarlier: () => void }): JSX.Element {
  const [follow, setFollow] = createSignal(true);
  const [wrap, setWrap] = createSwitch("preview.log_wrap", true);
  const [wanted, setWanted] = createSignal("");
  const [place, setPlace] = createSignal(0);
  let box!: HTMLPreElement;
  const hits = createMemo(() => findLines(props.read.lines, wanted()));
  const hit = createMemo(() => new Set(hits()));
  const current = (): number => hits()[Math.min(place(), hits().length - 1)] ?? -1;
  const blocks = createMemo(() => {
    const { lines } = props.read;
    return Array.from({ length: Math.ceil(lines.length / BLOCK) }, (_, i) => lines.slice(i * BLOCK, (i + 1) * BLOCK));
  });
  const toEnd = (): void => { box.scrollTop = box.scrollHeight; };
  createEffect(on(() => [props.read.end, follow(), wrap()] as const, ([, following]) => {
    // Twice, as blocks tell their height when they come into sight.
    if (following) requestAnimationFrame(() => { toEnd(); requestAnimationFrame(toEnd); });
  }));
  createEffect(on(current, (line) => {
    if (line < 0) return;
    setFollow(false);
    const place = (): void => {
      const found = box.querySelector<HTMLElement>(`[data-n="${line}"]`);
      if (found) box.scrollTop += found.getBoundingClientRect().top - box.getBoundingClientRect().top - box.clientHeight / 2;
    };
    // Twice, as blocks tell their height when they come into sight.
    place();
    requestAnimationFrame(place);
  }));
  const step = (by: number): void => { if (hits().length) setPlace((place() + by + hits().length) % hits().length); };
  const scrolled = (): void => {
    const atEnd = box.scrollTop + box.clientHeight >= box.scrollHeight - 40;
    // Whoever scrolls up wants to read; at the end the log is followed again.
    if (!atEnd && follow() && userScrolls) setFollow(false);
  };
  let userScrolls = false;
  const moves = (): void => { userScrolls = true; setTimeout(() => { userScrolls = false; }, 400); };
  return (
    <section class="preview log" aria-label={props.path}>
      <div class="preview-head">
        <strong class="mono path">{props.path}</strong>
        <CopyButton text={props.path} label={t("artifact.copy_path")} />
        <span class="quiet">{formatBytes(props.read.end)}</span>
        <Show when={props.live}><span class="live-dot" role="status">{t("log.live")}</span></Show>
        <span class="preview-tools">
          <input type="search" class="small" placeholder={t("log.find")} aria-label={t("log.find")} value={wanted()}
            onInput={(event) => { setPlace(0); setWanted(event.currentTarget.value); }}
            onKeyDown={(event) => { if (event.key === "Enter") { event.preventDefault(); step(event.shiftKey ? -1 : 1); } }} />
          <Show when={wanted()}>
            <span class="quiet" role="status">{hits().length ? t("log.hit", { n: Math.min(place(), hits().length - 1) + 1, all: hits().length }) : t("log.no_hit")}</span>
            <button type="button" class="icon-button" aria-label={t("log.before")} disabled={!hits().length} onClick={() => step(-1)}>↑</button>
            <button type="button" class="icon-button" aria-label={t("log.after")} disabled={!hits().length} onClick={() => step(1)}>↓</button>
          </Show>
          <Toggle on={wrap()} label={t("preview.wrap")} onChange={setWrap} />
          <Toggle on={follow()} label={t("log.follow")} onChange={setFollow} />
          <a class="button" href={addressOf(props)} download={props.path.split("/").at(-1) ?? ""}>{t("artifact.download")}</a>
        </span>
      </div>
      <pre class="code console" classList={{ wrap: wrap() }} tabindex="0" ref={box} onScroll={scrolled} onWheel={moves} onTouchMove={moves} onKeyDown={moves} onPointerDown={moves}>
        <Show when={props.read.from > 0}>
          <button type="button" class="link earlier" onClick={() => props.onEarlier()}>{t("log.earlier", { size: formatBytes(props.read.from) })}</button>
        </Show>
        <Show when={!props.read.lines.length}><span class="quiet">{t("artifact.empty_file")}</span></Show>
        <Index each={blocks()}>
          {(lines, i) => <Block lines={lines()} start={i * BLOCK} hit={hit()} current={current()} />}
        </Index>
      </pre>
    </section>
  );
}

function Block(props: { lines: string[]; start: number; hit: ReadonlySet<number>; current: number }): JSX.Element {
  const same = (a: string[], b: string[]): boolean => a.length === b.length && a.every((line, i) => line === b[i]);
  const lines = createMemo(() => props.lines, undefined, { equals: same });
  const spans = createMemo(() => spansOf(lines()));
  return (
    <code class="code-block" style={{ "contain-intrinsic-size": `auto ${lines().length * 18}px` }}>
      <For each={spans()}>
        {(line, i) => {
          const at = (): number => props.start + i();
          return (
            <span class="log-line" data-n={at()} classList={{ hit: props.hit.has(at()), current: props.current === at() }}>
              <For each={line}>{(span) => <AnsiPiece span={span} />}</For>
              {"\n"}
            </span>
          );
        }}
      </For>
    </code>
  );
}
