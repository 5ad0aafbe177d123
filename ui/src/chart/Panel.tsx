/** A panel: one metric as lines or as a table, with what can be done with it. */

import { createMemo, createSignal, For, Show, type JSX } from "solid-js";
import { errorText } from "../app/notices";
import { withoutLoss } from "../app/reach";
import { t } from "../app/prefs";
import type { CurvesQuestion } from "../core/curve_store";
import { exactNumber, formatNumber } from "../core/format";
import { lineFacts } from "../core/lines";
import { openMenu } from "../parts/menu";
import { LineChart, styleOf, xText } from "./LineChart";
import type { ChartModel, ChartSurface, Cursor } from "./model";
import { PointsTable } from "./PointsTable";

export interface PanelProps {
  model: ChartModel;
  state: { loading: boolean; error: unknown };
  retry: () => void;
  cursor: Cursor;
  onCursor: (cursor: Cursor) => void;
  onZoom: (range: readonly [number, number] | null) => void;
  onOpen: (run: string) => void;
  full: boolean;
  onFull: (full: boolean) => void;
  question: () => Pick<CurvesQuestion, "run_ids" | "x" | "low" | "high">;
  /** Beside the name: what one run has now. */
  last?: JSX.Element;
  legend: boolean;
}

export function Panel(props: PanelProps): JSX.Element {
  const [tabular, setTabular] = createSignal(false);
  const [failed, setFailed] = createSignal<unknown>();
  let surface: ChartSurface | undefined;
  let body!: HTMLDivElement;
  const filled = (): boolean => props.model.lines.length + props.model.bands.length > 0;
  const saving = async (work: (files: typeof import("./save")) => void | Promise<void>): Promise<void> => {
    try {
      await work(await import("./save"));
      setFailed(undefined);
    } catch (error) {
      setFailed(() => error);
    }
  };
  const style = (): ReturnType<typeof styleOf> => styleOf(body.querySelector<HTMLElement>(".chart-host") ?? body);
  const menu = (event: MouseEvent): void => openMenu(event.currentTarget as HTMLElement, [
    { label: t(props.full ? "plot.leave_full" : "plot.full"), run: () => props.onFull(!props.full) },
    { label: t("plot.as_table"), checked: tabular(), run: () => setTabular(!tabular()) },
    { label: t("plot.reset_zoom"), disabled: props.model.range === null, run: () => props.onZoom(null) },
    null,
    { label: t("plot.png"), disabled: tabular() || !filled(), run: () => void saving((files) => { if (surface) files.savePng(props.model, surface); }) },
    { label: t("plot.svg"), disabled: tabular() || !filled(), run: () => void saving((files) => files.saveSvg(props.model, style(), body.clientWidth, body.clientHeight)) },
    { label: t("plot.csv"), disabled: !filled(), run: () => void saving((files) => files.saveCsv(props.model, props.question(), new Map([...props.model.lines, ...props.model.behind].map((line) => [line.id, line.label])))) },
  ]);
  return (
    <>
      <div class="panel-head">
        <h3 title={props.model.title}>{props.model.title}</h3>
        <Show when={props.state.loading && filled()}><span class="panel-busy" role="img" aria-label={t("state.loading")} /></Show>
        {props.last}
        <Show when={props.full}><button type="button" class="icon-button" aria-label={t("plot.leave_full")} onClick={() => props.onFull(false)}>✕</button></Show>
        <button type="button" class="icon-button panel-menu" aria-haspopup="menu" aria-label={t("plot.menu")} onClick={menu}>⋯</button>
      </div>
      <div class="panel-body" ref={body}>
        <Show when={filled()} fallback={<Waiting {...props} />}>
          <Show when={!tabular()} fallback={<PointsTable model={props.model} />}>
            <LineChart model={props.model} cursor={props.cursor} onCursor={props.onCursor} onZoom={props.onZoom} onOpen={props.onOpen} surface={(made) => (surface = made)} />
          </Show>
          <Show when={props.legend}><Legend model={props.model} cursor={props.cursor} onCursor={props.onCursor} /></Show>
        </Show>
        <Show when={(filled() && withoutLoss(props.state.error)) || failed()}>
          {(error) => <p class="panel-error" role="alert">{errorText(error())} <button type="button" class="link" onClick={() => { setFailed(undefined); props.retry(); }}>{t("action.retry")}</button></p>}
        </Show>
      </div>
    </>
  );
}

function Waiting(props: PanelProps): JSX.Element {
  return (
    <div class="chart-wait quiet">
      <Show when={!props.state.loading && withoutLoss(props.state.error)} fallback={props.state.loading ? t("state.loading") : t("chart.no_points")}>
        {(error) => <div role="alert"><p>{errorText(error())}</p><button type="button" onClick={() => props.retry()}>{t("action.retry")}</button></div>}
      </Show>
    </div>
  );
}

const MOST_NAMED = 100;

function Legend(props: { model: ChartModel; cursor: Cursor; onCursor: (cursor: Cursor) => void }): JSX.Element {
  const entries = createMemo(() => [
    ...props.model.bands.map((band) => ({ id: band.id, label: t("plot.band", { group: band.label, n: band.runs }), color: band.color, last: band.mid.at(-1) ?? null })),
    // Where there are bands, these are what is looked at.
    ...props.model.lines.filter((line) => line.look !== "raw" && props.model.bands.length === 0).slice(0, MOST_NAMED)
      .map((line) => ({ id: line.id, label: line.label, color: line.color, last: lineFacts(line).last })),
  ]);
  return (
    <ul class="legend" onPointerLeave={() => props.onCursor({ x: null, run: null })} aria-label={t("plot.legend")}>
      <For each={entries()}>
        {(each) => (
          <li classList={{ hot: props.cursor.run === each.id }} onPointerEnter={() => props.onCursor({ x: null, run: each.id })}>
            <i class="dot" style={{ background: each.color }} />
            <span class="run-name" title={each.label}>{each.label}</span>
            <span class="number" title={exactNumber(each.last)}>{formatNumber(each.last)}</span>
          </li>
        )}
      </For>
    </ul>
  );
}

export { xText };
