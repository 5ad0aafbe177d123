/** A table of any length and width: rows and columns in sight are there, the rest when it is scrolled to. */

import { createEffect, createMemo, createSignal, For, Index, on, onCleanup, Show, type JSX } from "solid-js";
import { CopyButton, errorText } from "../app/notices";
import { t } from "../app/prefs";
import { only, widthsOf, type Sheet } from "./sheet";

const ROW = 26;
const HEAD = 30;
/** Browsers lay out nothing taller; longer tables scroll faster than their rows. */
const TALLEST = 8_000_000;
const MARGIN = 6;

export function TableView(props: { sheet: Sheet; note?: string }): JSX.Element {
  const [wanted, setWanted] = createSignal("");
  const sheet = createMemo(() => {
    const rows = wanted() ? props.sheet.find?.(wanted()) : undefined;
    return rows ? only(props.sheet, rows) : props.sheet;
  });
  return (
    <div class="sheet">
      <div class="view-bar">
        <span class="quiet">{t("preview.rows", { n: sheet().rows })} · {t("preview.columns", { n: sheet().columns.length })}{props.note ? ` · ${props.note}` : ""}</span>
        <Show when={props.sheet.find}>
          <input type="search" class="small" placeholder={t("preview.find_rows")} aria-label={t("preview.find_rows")} value={wanted()} onInput={(event) => setWanted(event.currentTarget.value)} />
        </Show>
      </div>
      <Grid sheet={sheet()} first={props.sheet} />
    </div>
  );
}

interface Window {
  top: number;
  left: number;
  height: number;
  width: number;
}

function Grid(props: { sheet: Sheet; first: Sheet }): JSX.Element {
  const [at, setAt] = createSignal<Window>({ top: 0, left: 0, height: 480, width: 800 });
  const [samples, setSamples] = createSignal<(string | null)[][]>([]);
  const [active, setActive] = createSignal<[number, number] | null>(null);
  let box!: HTMLDivElement;
  const look = (): void => void setAt({ top: box.scrollTop, left: box.scrollLeft, height: box.clientHeight, width: box.clientWidth });
  createEffect(on(() => props.first, (sheet) => {
    // Only what is in memory is looked at for widths of columns.
    const found = sheet.columns.map((_, i) => sheet.read(i, 0, sheet.find ? 60 : 0));
    setSamples(found.map((cells) => (Array.isArray(cells) ? cells : [])));
  }));
  createEffect(on(() => props.sheet, () => { setActive(null); box.scrollTop = 0; look(); }, { defer: true }));
  const widths = createMemo(() => widthsOf(props.sheet, samples()));
  const edges = createMemo(() => {
    const sums = [0];
    for (const width of widths()) sums.push((sums.at(-1) ?? 0) + width);
    return sums;
  });
  const tall = (): number => Math.min(TALLEST, props.sheet.rows * ROW);
  const room = (): number => Math.max(1, Math.ceil((at().height - HEAD) / ROW));
  const first = createMemo(() => {
    const rows = props.sheet.rows;
    if (rows * ROW <= TALLEST) return Math.max(0, Math.floor(at().top / ROW) - MARGIN);
    return Math.round((at().top / Math.max(1, tall() + HEAD - at().height)) * Math.max(0, rows - room()));
  });
  const scaled = (): boolean => props.sheet.rows * ROW > TALLEST;
  const rows = createMemo(() => {
    const count = Math.max(0, Math.min(props.sheet.rows - first(), room() + (scaled() ? 1 : 2 * MARGIN)));
    return Array.from({ length: count }, (_, i) => first() + i);
  });
  const columns = createMemo(() => inSight(edges(), at().left, at().width), undefined, { equals: (a, b) => a.join() === b.join() });
  const { cells, error } = createCells(() => props.sheet, columns, rows);
  const top = (row: number): number => HEAD + (scaled() ? at().top + (row - first()) * ROW : row * ROW);
  const choose = (row: number, column: number): void => {
    const [r, c] = [Math.max(0, Math.min(props.sheet.rows - 1, row)), Math.max(0, Math.min(props.sheet.columns.length - 1, column))];
    setActive([r, c]);
    if (!scaled()) box.scrollTop = Math.max(Math.min(box.scrollTop, r * ROW), (r + 1) * ROW + HEAD - box.clientHeight);
    box.scrollLeft = Math.max(Math.min(box.scrollLeft, edges()[c] ?? 0), (edges()[c + 1] ?? 0) - box.clientWidth);
  };
  const keys = (event: KeyboardEvent): void => {
    const [row, column] = active() ?? [first(), columns()[0] ?? 0];
    const step: Record<string, [number, number]> = {
      ArrowDown: [row + (active() ? 1 : 0), column], ArrowUp: [row - 1, column], ArrowLeft: [row, column - 1], ArrowRight: [row, column + 1],
      PageDown: [row + room(), column], PageUp: [row - room(), column], Home: [0, column], End: [props.sheet.rows - 1, column],
    };
    const next = step[event.key];
    if (!next || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    choose(...next);
  };
  const watcher = new ResizeObserver(look);
  onCleanup(() => watcher.disconnect());
  return (
    <>
      <div class="sheet-box" ref={(element) => { box = element; watcher.observe(element); }} tabindex="0" role="table" aria-label={t("preview.table")}
        aria-rowcount={props.sheet.rows + 1} aria-colcount={props.sheet.columns.length} onScroll={look} onKeyDown={keys}
        style={{ height: `min(65vh, ${HEAD + Math.min(props.sheet.rows, 1000) * ROW + 16}px)` }}>
        <div class="sheet-size" role="rowgroup" style={{ height: `${tall() + HEAD}px`, width: `${edges().at(-1)}px` }}>
          <div class="sheet-head" role="row" aria-rowindex={1}>
            <For each={columns()}>
              {(c) => (
                <div role="columnheader" aria-colindex={c + 1} class="sheet-cell" classList={{ number: props.sheet.columns[c]?.numeric }}
                  title={titleOf(props.sheet, c)} style={{ left: `${edges()[c]}px`, width: `${widths()[c]}px` }}>
                  {props.sheet.columns[c]?.name} <span class="sheet-hint">{props.sheet.columns[c]?.hint}</span>
                </div>
              )}
            </For>
          </div>
          <Index each={rows()}>
            {(row) => (
              <div class="sheet-row" role="row" aria-rowindex={row() + 2} style={{ top: `${top(row())}px` }}>
                <For each={columns()}>
                  {(c) => {
                    const text = (): string | null | undefined => cells().get(c)?.[row() - cells().start];
                    return (
                      <div role="cell" aria-colindex={c + 1} class="sheet-cell" title={text() ?? ""} onClick={() => setActive([row(), c])}
                        classList={{ number: props.sheet.columns[c]?.numeric, none: text() === null, active: active()?.[0] === row() && active()?.[1] === c }}
                        style={{ left: `${edges()[c]}px`, width: `${widths()[c]}px` }}>
                        {text() === undefined ? "…" : (text() ?? "null")}
                      </div>
                    );
                  }}
                </For>
              </div>
            )}
          </Index>
        </div>
      </div>
      <Show when={error()}><p class="note" role="alert">{errorText(error())}</p></Show>
      <Show when={active()} keyed>
        {([row, column]) => {
          const text = (): string => cells().get(column)?.[row - cells().start] ?? "";
          return (
            <div class="sheet-active">
              <span class="quiet">{t("preview.row_of", { n: row + 1, column: props.sheet.columns[column]?.name || String(column + 1) })}</span>
              <span class="mono sheet-value">{text()}</span>
              <CopyButton text={text()} label={t("action.copy")} />
            </div>
          );
        }}
      </Show>
    </>
  );
}

function titleOf(sheet: Sheet, column: number): string {
  const found = sheet.columns[column];
  return found ? `${found.name}${found.hint ? ` · ${found.hint}` : ""}` : "";
}

/** Numbers of the columns between two places. */
function inSight(edges: readonly number[], left: number, width: number): number[] {
  const found: number[] = [];
  for (let i = 0; i + 1 < edges.length; i++) if ((edges[i + 1] as number) > left - 200 && (edges[i] as number) < left + width + 200) found.push(i);
  return found;
}

interface Shown {
  get: (column: number) => (string | null)[] | undefined;
  start: number;
}

/** The cells of a window, as they come. */
function createCells(sheet: () => Sheet, columns: () => number[], rows: () => number[]): { cells: () => Shown; error: () => unknown } {
  const [cells, setCells] = createSignal<Shown>({ get: () => undefined, start: 0 });
  const [error, setError] = createSignal<unknown>();
  let turn = 0;
  createEffect(on([sheet, columns, rows], ([now, wide, long]) => {
    const mine = ++turn;
    const [from, to] = [long[0] ?? 0, (long.at(-1) ?? -1) + 1];
    const map = new Map<number, (string | null)[]>();
    const show = (): void => { if (mine === turn) setCells({ get: (column) => map.get(column), start: from }); };
    setError(undefined);
    for (const column of wide) {
      const found = now.read(column, from, to);
      if (Array.isArray(found)) map.set(column, found);
      else void found.then((texts) => { map.set(column, texts); show(); }, (reason: unknown) => { if (mine === turn) setError(() => reason); });
    }
    show();
  }));
  return { cells, error };
}
