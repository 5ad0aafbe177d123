/** Experiments in folders, as many as there are: only rows in sight are made. */

import { createEffect, createMemo, createSignal, For, on, Show, type JSX } from "solid-js";
import { bindKeys } from "../../app/keys";
import { go, Link } from "../../app/nav";
import { copy } from "../../app/notices";
import { language, t } from "../../app/prefs";
import { StatusIcon, statusWord } from "../../app/status";
import { folded, stars } from "../../app/visited";
import { windowed } from "../../app/windowed";
import { exactMoment, formatMoment } from "../../core/format";
import { experimentPath, runPath } from "../../core/router";
import { treeRows, type TreeRow } from "../../core/tree";
import type { ExperimentColumns } from "../../core/wire";
import { openMenu, type MenuItems } from "../../parts/menu";
import type { Asked, Edits } from "./edits";

interface Props {
  table: ExperimentColumns;
  /** Places of the experiments that show. */
  shown: readonly number[];
  /** All folders are open, as while something is looked for. */
  unfolded: boolean;
  now: number;
  edits: Edits;
  onAsk: (asked: Asked) => void;
  onFilter: () => void;
  onClear: () => void;
}

const ROW = 34;
const TOUCH_ROW = 48;
const NONE: ReadonlySet<string> = new Set();

export function ExperimentTree(props: Props): JSX.Element {
  const height = matchMedia("(pointer: coarse)").matches ? TOUCH_ROW : ROW;
  const rows = createMemo(() => treeRows(props.table.name, props.shown, props.unfolded ? NONE : folded.all()));
  const [active, setActive] = createSignal(-1);
  const [body, setBody] = createSignal<HTMLElement>();
  const view = windowed(body, height, () => rows().length);
  const inSight = createMemo(() => rows().slice(view.span().first, view.span().last).map((row, at) => ({ row, at: view.span().first + at })), [], {
    equals: (a, b) => a.length === b.length && a.every((each, i) => each.row === b[i]?.row && each.at === b[i]?.at),
  });
  createEffect(on(() => rows().length, (count) => { if (active() >= count) setActive(-1); }));
  const move = (by: number) => (event: KeyboardEvent): void => {
    event.preventDefault();
    if (rows().length === 0) return;
    setActive(Math.max(0, Math.min(rows().length - 1, active() + by)));
    view.reveal(active());
  };
  const here = (): TreeRow | undefined => rows()[active()];
  const idOf = (row: TreeRow): string => props.table.experiment_id[row.at] ?? "";
  const fold = (open: boolean) => (event: KeyboardEvent): void => {
    const row = here();
    if (!row || props.unfolded) return;
    event.preventDefault();
    if (row.kind === "folder" && row.open !== open) folded.toggle(row.path);
    else if (!open) setActive(above(rows(), active()));
  };
  const menuAt = (at: number, anchor: HTMLElement, point?: { x: number; y: number }): void => {
    const row = rows()[at];
    if (row) openMenu(anchor, row.kind === "folder" ? folderMenu(row, props) : experimentMenu(row, props), point);
  };
  bindKeys({
    "/": (event) => { event.preventDefault(); props.onFilter(); },
    Escape: () => { props.onClear(); setActive(-1); },
    j: move(1), ArrowDown: move(1), k: move(-1), ArrowUp: move(-1), ArrowRight: fold(true), ArrowLeft: fold(false),
    Enter: () => { const row = here(); if (row?.kind === "folder") folded.toggle(row.path); else if (row) go(experimentPath(idOf(row))); },
    s: () => { const row = here(); if (row?.kind === "experiment") stars.toggle(idOf(row)); },
    m: () => { const row = document.getElementById(`experiment-${active()}`); if (row) menuAt(active(), row); },
  });
  return (
    <div class="xtree" role="treegrid" aria-label={t("experiments.title")} aria-rowcount={rows().length + 1} style={{ "--xrow": `${height}px` }} tabindex="0"
      aria-activedescendant={active() >= 0 ? `experiment-${active()}` : undefined}>
      <div class="xrow xhead" role="row" aria-rowindex={1}>
        <span class="xname" role="columnheader">{t("column.name")}</span>
        <span class="xruns number" role="columnheader">{t("experiments.runs")}</span>
        <span class="xlast" role="columnheader">{t("experiments.last_run")}</span>
        <span class="xmade" role="columnheader">{t("experiments.made")}</span>
        <span class="xmenu" role="columnheader"><span class="hidden">{t("experiments.menu_column")}</span></span>
      </div>
      <div class="xbody" role="rowgroup" ref={setBody} style={{ height: `${rows().length * height}px` }}>
        <For each={inSight()}>
          {({ row, at }) => (
            <div id={`experiment-${at}`} class="xrow" classList={{ active: active() === at, folder: row.kind === "folder" }} role="row"
              aria-rowindex={at + 2} aria-level={row.depth + 1} aria-expanded={row.kind === "folder" ? row.open : undefined} aria-selected={active() === at}
              style={{ top: `${at * height}px` }} onClick={() => setActive(at)}
              onContextMenu={(event) => { event.preventDefault(); menuAt(at, event.currentTarget, { x: event.clientX, y: event.clientY }); }}>
              <Show when={row.kind === "folder"} fallback={<ExperimentCells row={row} table={props.table} now={props.now} />}>
                <FolderCells row={row} table={props.table} unfolded={props.unfolded} />
              </Show>
              <span class="xmenu" role="gridcell">
                <button type="button" class="icon-button" tabindex="-1" aria-haspopup="menu" aria-label={t("experiments.menu", { name: row.label })}
                  onClick={(event) => menuAt(at, event.currentTarget)}>⋯</button>
              </span>
            </div>
          )}
        </For>
      </div>
    </div>
  );
}

/** The row of the folder around a row; the row itself where there is none. */
function above(rows: readonly TreeRow[], at: number): number {
  const depth = rows[at]?.depth ?? 0;
  for (let before = at - 1; before >= 0; before--) if ((rows[before]?.depth ?? 0) < depth) return before;
  return at;
}

function FolderCells(props: { row: TreeRow; table: ExperimentColumns; unfolded: boolean }): JSX.Element {
  const sum = (column: readonly number[]): number => props.row.inside.reduce((all, at) => all + (column[at] ?? 0), 0);
  return (
    <>
      <span class="xname" role="gridcell" style={{ "padding-left": `${props.row.depth * 18}px` }}>
        <button type="button" class="xfold" tabindex="-1" disabled={props.unfolded} onClick={() => folded.toggle(props.row.path)}
          aria-label={t(props.row.open ? "experiments.fold" : "experiments.unfold", { name: props.row.label })}>
          <svg viewBox="0 0 10 10" width="10" height="10" aria-hidden="true" classList={{ turned: props.row.open }}>
            <path d="M3.2 1.5 6.8 5 3.2 8.5" fill="none" stroke="currentColor" stroke-width="1.6" />
          </svg>
          <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
            <path d="M1.8 4.5v8h12.4V5.5H8L6.5 3.5H1.8z" fill="none" stroke="currentColor" stroke-width="1.3" stroke-linejoin="round" />
          </svg>
          <bdi class="xlabel">{props.row.label}</bdi>
        </button>
        <span class="badge">{props.row.inside.length}</span>
      </span>
      <span class="xruns number quiet" role="gridcell"><Running count={sum(props.table.running)} />{sum(props.table.runs).toLocaleString(language())}</span>
      <span class="xlast" role="gridcell" />
      <span class="xmade" role="gridcell" />
    </>
  );
}

function ExperimentCells(props: { row: TreeRow; table: ExperimentColumns; now: number }): JSX.Element {
  const of = <T,>(column: readonly T[]): T | undefined => column[props.row.at];
  const id = (): string => of(props.table.experiment_id) ?? "";
  const name = (): string => of(props.table.name) ?? "";
  const starred = (): boolean => stars.all().has(id());
  const deleted = (): boolean => of(props.table.lifecycle_stage) === "deleted";
  const moment = (ms: number | null | undefined): string => formatMoment(ms ?? null, language(), props.now);
  return (
    <>
      <span class="xname" role="gridcell" style={{ "padding-left": `${props.row.depth * 18}px` }}>
        <button type="button" class="xstar" classList={{ on: starred() }} tabindex="-1" aria-pressed={starred()} aria-label={t("experiments.star_it", { name: name() })}
          onClick={(event) => { event.stopPropagation(); stars.toggle(id()); }}>
          <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
            <path d="M8 1.8l1.9 3.9 4.3.6-3.1 3 .7 4.3L8 11.6l-3.8 2 .7-4.3-3.1-3 4.3-.6z" fill={starred() ? "currentColor" : "none"} stroke="currentColor" stroke-width="1.2" stroke-linejoin="round" />
          </svg>
        </button>
        <Link to={experimentPath(id())} class="xlabel" classList={{ gone: deleted() }} title={name()}><bdi>{props.row.label || t("experiments.unnamed")}</bdi></Link>
        <Show when={of(props.table.note)}>{(note) => <span class="xnote quiet" title={note()}><bdi>{note().split("\n")[0]}</bdi></span>}</Show>
      </span>
      <span class="xruns number" role="gridcell"><Running count={of(props.table.running) ?? 0} />{(of(props.table.runs) ?? 0).toLocaleString(language())}</span>
      <span class="xlast" role="gridcell">
        <Show when={of(props.table.last_run)}>
          {(run) => (
            <>
              <span title={statusWord(of(props.table.last_status) ?? "")}><StatusIcon status={of(props.table.last_status) ?? ""} /></span>
              <Link to={runPath(run())} class="run-name" tabindex="-1"><bdi>{of(props.table.last_name) || run()}</bdi></Link>
              <span class="quiet when" title={exactMoment(of(props.table.last_start) ?? null, language())}>{moment(of(props.table.last_start))}</span>
            </>
          )}
        </Show>
      </span>
      <span class="xmade quiet" role="gridcell" title={exactMoment(of(props.table.creation_time) ?? null, language())}>{moment(of(props.table.creation_time))}</span>
    </>
  );
}

function Running(props: { count: number }): JSX.Element {
  return (
    <Show when={props.count}>
      <span class="running-badge" title={t("experiments.running", { n: props.count })}><StatusIcon status="RUNNING" /> {props.count}</span>
    </Show>
  );
}

function folderMenu(row: TreeRow, props: Props): MenuItems {
  return [
    { label: t("experiments.new_here"), run: () => props.onAsk({ what: "create", name: `${row.path}/` }) },
    { label: t(row.open ? "experiments.fold_it" : "experiments.unfold_it"), disabled: props.unfolded, keys: row.open ? "←" : "→", run: () => folded.toggle(row.path) },
  ];
}

function experimentMenu(row: TreeRow, props: Props): MenuItems {
  const id = props.table.experiment_id[row.at] ?? "";
  const name = props.table.name[row.at] ?? "";
  const deleted = props.table.lifecycle_stage[row.at] === "deleted";
  return [
    { label: t("row.open"), keys: "Enter", run: () => go(experimentPath(id)) },
    { label: t("experiments.star"), keys: "s", checked: stars.all().has(id), run: () => stars.toggle(id) },
    { label: t("experiments.about"), run: () => props.onAsk({ what: "about", id, name }) },
    { label: t("experiments.copy_id"), run: () => void copy(id) },
    null,
    ...(deleted ? [{ label: t("action.restore"), run: () => void props.edits.restore(id, name) }] : [
      { label: t("experiments.rename"), run: () => props.onAsk({ what: "rename", id, name }) },
      { label: t("action.delete"), danger: true, run: () => void props.edits.remove(id, name) },
    ]),
  ];
}
