/** Two panes side by side, with a divider that is dragged or moved by keys; either can be put away. */

import { createSignal, Show, type JSX } from "solid-js";
import { recall, remember, t } from "../app/prefs";
import type { Pane } from "../core/chart_state";

interface Props {
  pane: Pane;
  onPane: (pane: Pane) => void;
  start: JSX.Element;
  end: JSX.Element;
}

const [LEAST, MOST, STEP] = [18, 82, 3];

export function Split(props: Props): JSX.Element {
  const [share, setShare] = createSignal(Number(recall("split")) || 42);
  let root!: HTMLDivElement;
  const put = (percent: number): void => {
    setShare(Math.round(Math.min(MOST, Math.max(LEAST, percent)) * 10) / 10);
    remember("split", String(share()));
  };
  const drag = (event: PointerEvent): void => {
    if (event.buttons !== 1) return;
    const box = root.getBoundingClientRect();
    put(((event.clientX - box.left) / box.width) * 100);
  };
  const keys = (event: KeyboardEvent): void => {
    const by = { ArrowLeft: -STEP, ArrowRight: STEP }[event.key];
    if (by !== undefined) put(share() + by);
    else if (event.key === "Home") put(LEAST);
    else if (event.key === "End") put(MOST);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div class="split" classList={{ [props.pane || "both"]: true }} ref={root} style={{ "--share": `${share()}%` }}>
      <Show when={props.pane !== "charts"}><div class="split-pane split-start">{props.start}</div></Show>
      <Show when={props.pane === "both"}>
        <div class="split-bar" role="separator" tabIndex={0} aria-orientation="vertical" aria-label={t("plot.divider")} aria-valuenow={Math.round(share())} aria-valuemin={LEAST}
          aria-valuemax={MOST} onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)} onPointerMove={drag} onKeyDown={keys} onDblClick={() => put(42)} />
      </Show>
      <Show when={props.pane !== "table"}><div class="split-pane split-end">{props.end}</div></Show>
    </div>
  );
}

/** Table, both, charts: three buttons. */
export function PaneButtons(props: { pane: Pane; onPane: (pane: Pane) => void }): JSX.Element {
  const button = (pane: Pane, text: string): JSX.Element => (
    <button type="button" aria-pressed={props.pane === pane} onClick={() => props.onPane(pane)}>{text}</button>
  );
  return (
    <span class="buttons" role="group" aria-label={t("plot.layout")}>
      {button("table", t("plot.table"))}
      {button("both", t("plot.both"))}
      {button("charts", t("plot.charts"))}
    </span>
  );
}
