/** The head of a compared run: which one it is, whether it is the baseline, and its place, changed by dragging or Alt+←/→. */

import { Show, type JSX } from "solid-js";
import { Link } from "../../app/nav";
import { copy } from "../../app/notices";
import { t } from "../../app/prefs";
import { StatusIcon, statusWord } from "../../app/status";
import { movedRun } from "../../core/comparison";
import { runPath } from "../../core/router";
import { openMenu } from "../../parts/menu";
import type { ComparedRun } from "./compared";
import type { CompareGridProps } from "./CompareGrid";

interface Props {
  run: ComparedRun;
  index: number;
  width: number;
  baseline: boolean;
  hot: boolean;
  grid: CompareGridProps;
}

const TYPE = "application/x-millstream-run";

export function RunHead(props: Props): JSX.Element {
  const ids = (): string[] => props.grid.runs.map((run) => run.id);
  /** To stand at `index`: the first is the baseline. */
  const moveTo = (index: number): void => {
    if (index < 0 || index >= ids().length || index === props.index) return;
    const rest = ids().filter((id) => id !== props.run.id);
    const next = movedRun(ids(), props.run.id, rest[index] ?? null);
    props.grid.onRuns(next);
  };
  const keys = (event: KeyboardEvent): void => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!event.altKey || by === undefined) return;
    event.preventDefault();
    if (props.index > 0 && props.index + by > 0) moveTo(props.index + by);
  };
  const menu = (anchor: HTMLElement): void => openMenu(anchor, [
    { label: t("compare.make_baseline"), disabled: props.baseline, run: () => props.grid.onBaseline(props.run.id) },
    { label: t("compare.left"), keys: "Alt+←", disabled: props.index < 2, run: () => moveTo(props.index - 1) },
    { label: t("compare.right"), keys: "Alt+→", disabled: props.index === 0 || props.index >= ids().length - 1, run: () => moveTo(props.index + 1) },
    null,
    { label: t("row.copy_id"), run: () => void copy(props.run.id) },
    { label: t("compare.remove"), run: () => props.grid.onRemove(props.run.id) },
  ]);
  const drop = (event: DragEvent): void => {
    const run = event.dataTransfer?.getData(TYPE);
    if (!run || run === props.run.id) return;
    event.preventDefault();
    props.grid.onRuns(movedRun(ids(), run, props.run.id));
  };
  const over = (event: DragEvent): void => { if (event.dataTransfer?.types.includes(TYPE) && !props.baseline) event.preventDefault(); };
  return (
    <div class="cell run-head-cell" classList={{ baseline: props.baseline, hot: props.hot }} role="columnheader" aria-colindex={props.index + 2} draggable={!props.baseline}
      onDragStart={(event) => event.dataTransfer?.setData(TYPE, props.run.id)} onDragOver={over} onDrop={drop} onKeyDown={keys}
      onPointerEnter={() => props.grid.onHot(props.run.id)}>
      <span class="head-line">
        <span class="dot" style={{ background: props.run.color }} />
        <Link class="run-name" classList={{ deleted: props.run.deleted }} to={runPath(props.run.id)} title={props.run.name} draggable={false}>{props.run.name}</Link>
        <button type="button" class="icon-button" aria-haspopup="menu" aria-label={t("compare.menu", { name: props.run.name })} onClick={(event) => menu(event.currentTarget)}>⋯</button>
      </span>
      <span class="head-line">
        <button type="button" class="star" aria-pressed={props.baseline} title={t(props.baseline ? "compare.is_baseline" : "compare.make_baseline")}
          aria-label={t("compare.baseline_of", { name: props.run.name })} onClick={() => props.grid.onBaseline(props.run.id)}>{props.baseline ? "★" : "☆"}</button>
        <span title={statusWord(props.run.status)}><StatusIcon status={props.run.status} /></span>
        <span class="quiet fact">{props.baseline ? t("compare.baseline") : statusWord(props.run.status)}<Show when={props.grid.experimentOf(props.run)}>{(name) => <> · <span title={name()}>{name()}</span></>}</Show></span>
        <button type="button" class="icon-button remove" title={t("compare.remove")} aria-label={t("compare.remove_run", { name: props.run.name })} onClick={() => props.grid.onRemove(props.run.id)}>✕</button>
      </span>
    </div>
  );
}
