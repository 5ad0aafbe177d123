/** A line chart: hover and crosshair, zoom by dragging, all of it by keys too, a text summary, and notes on gaps. */

import { createEffect, createMemo, createSignal, on, onCleanup, onMount, Show, type JSX } from "solid-js";
import { durationWords, language, t, theme } from "../app/prefs";
import { exactMoment, formatDuration, formatNumber } from "../core/format";
import { lineFacts } from "../core/lines";
import type { AxisKind } from "../core/scale";
import { chartKeys } from "./chart_keys";
import { exactValue } from "./exact";
import type { ChartLine, ChartModel, ChartStyle, ChartSurface, Cursor, Hover } from "./model";
import { pointing, type Brush } from "./pointing";

/** Pixels that a tip needs for its distances from the point and from the edge, which would cut it off. */
const TIP_AWAY = 16;

export interface LineChartProps {
  model: ChartModel;
  /** Where the reader points, on this chart or on one beside it. */
  cursor: Cursor;
  onCursor: (cursor: Cursor) => void;
  /** A stretch of x to look at, null for all. */
  onZoom: (range: readonly [number, number] | null) => void;
  surface?: (surface: ChartSurface | undefined) => void;
  onOpen?: (run: string) => void;
}

export function LineChart(props: LineChartProps): JSX.Element {
  const [hover, setHover] = createSignal<Hover | null>(null);
  const [brush, setBrush] = createSignal<Brush | null>(null);
  const [failed, setFailed] = createSignal<unknown>();
  const [said, setSaid] = createSignal("");
  let host!: HTMLDivElement;
  let surface: ChartSurface | undefined;
  let gone = false;

  const show = (next: Hover | null, cursor: Cursor): void => {
    setHover(next);
    props.onCursor(cursor);
  };
  const draw = async (): Promise<void> => {
    try {
      const { drawLines } = await import("./canvas_lines");
      if (gone) return;
      surface?.destroy();
      surface = drawLines(host, props.model, styleOf(host));
      surface.point(props.cursor);
      props.surface?.(surface);
    } catch (error) {
      setFailed(() => error);
    }
  };
  onMount(() => {
    void draw();
    const watcher = new ResizeObserver(() => surface?.resize(host.clientWidth, host.clientHeight));
    watcher.observe(host);
    onCleanup(() => {
      gone = true;
      watcher.disconnect();
      surface?.destroy();
      props.surface?.(undefined);
      if (hover()) props.onCursor({ x: null, run: null });
    });
  });
  createEffect(on(() => props.model, (model) => surface?.update(model), { defer: true }));
  createEffect(on(theme, () => requestAnimationFrame(() => void draw()), { defer: true }));
  createEffect(on(() => props.cursor, (cursor) => {
    surface?.point(cursor);
    if (cursor.x === null && cursor.run === null) setHover(null);
  }, { defer: true }));

  // All charts of a page look at the same stretch; around a single x there is nothing to come closer to.
  const zoom = (range: readonly [number, number] | null): void => { if (!range || hasStretch(props.model)) props.onZoom(range); };
  const pointer = pointing({
    surface: () => surface, show, brush: (brush) => setBrush(hasStretch(props.model) ? brush : null), zoom, open: (run) => props.onOpen?.(run),
  });
  const keys = chartKeys({
    model: () => props.model, surface: () => surface, hover, show, zoom, open: (run) => props.onOpen?.(run),
    say: (point) => setSaid(`${point.label}, ${xText(props.model.axis, point.x)}, ${formatNumber(point.value)}`),
  });
  const value = exactValue(hover, () => props.model.title, () => (props.model.axis === "number" ? null : props.model.axis));
  // How high a tip is follows from its words, of which a narrow card has many lines; the card would cut off what sticks out.
  const [half, setHalf] = createSignal(0);
  createEffect(on([hover, value], () => setHalf((host.querySelector<HTMLElement>(".chart-tip")?.offsetHeight ?? 0) / 2)));
  const label = createMemo(() => summary(props.model));
  return (
    <div class="chart">
      <div class="chart-host" ref={host} role="img" tabIndex={0} aria-label={label()} aria-keyshortcuts="ArrowLeft ArrowRight ArrowUp ArrowDown + - 0"
        on:pointermove={pointer.move} on:pointerleave={pointer.leave} on:pointerdown={pointer.down} on:pointerup={pointer.up} on:pointercancel={pointer.leave}
        on:dblclick={() => props.onZoom(null)} on:click={pointer.click} on:keydown={keys} on:blur={() => { if (hover()) show(null, { x: null, run: null }); }}>
        <Show when={brush()}>{(now) => <div class="chart-brush" style={{ left: `${now().left}px`, width: `${now().width}px`, top: `${now().top}px`, height: `${now().height}px` }} />}</Show>
        <Show when={hover()}>
          {(point) => (
            <div class="chart-tip" classList={{ flip: point().left > host.clientWidth / 2 }}
              style={{ left: `${point().left}px`, top: `clamp(${half()}px, ${point().top}px, 100% - ${half()}px)`, "max-width": `${Math.max(point().left, host.clientWidth - point().left) - TIP_AWAY}px` }}>
              <span class="tip-run"><i class="dot" style={{ background: point().color }} />{point().label}</span>
              <span><span class="quiet">{xText(props.model.axis, point().x)}</span> <strong>{value()}</strong></span>
            </div>
          )}
        </Show>
      </div>
      <span class="hidden" role="status">{said()}</span>
      <Show when={failed()}><p class="note">{t("chart.failed")}</p></Show>
      <Notes model={props.model} />
    </div>
  );
}

/** Whether points lie at different x. */
function hasStretch({ lines, behind, range }: ChartModel): boolean {
  const all = [...lines, ...behind];
  const first = all[0]?.x[0];
  return range !== null || all.some(({ x, n }) => x[0] !== first || x[n - 1] !== first);
}

function Notes(props: { model: ChartModel }): JSX.Element {
  const text = createMemo(() => gapText(props.model));
  return <Show when={text()}><p class="note chart-note">{text()}</p></Show>;
}

/** Says what of the lines has no place between the axes. */
export function gapText(model: ChartModel): string {
  const sums = { nan: 0, infinite: 0, notPositive: 0 };
  let whole = true;
  for (const line of [...model.lines, ...model.behind]) {
    if (line.look === "raw") continue;
    sums.nan += line.nan;
    const counted = endsOf(line, model.logY);
    sums.infinite += counted.infinite;
    sums.notPositive += counted.notPositive;
    // Of thinned lines one such point a pixel column is here.
    if (!line.whole && counted.infinite + counted.notPositive) whole = false;
  }
  const texts: string[] = [];
  if (sums.nan) texts.push(t("chart.gap_nan", { n: sums.nan }));
  if (sums.infinite) texts.push(t(whole ? "chart.gap_infinite" : "chart.gap_infinite_least", { n: sums.infinite }));
  if (sums.notPositive) texts.push(t(whole ? "chart.gap_log" : "chart.gap_log_least", { n: sums.notPositive }));
  return texts.length ? t("chart.gaps", { what: texts.join(", ") }) : "";
}

function endsOf(line: ChartLine, log: boolean): { infinite: number; notPositive: number } {
  const found = { infinite: 0, notPositive: 0 };
  for (let i = 0; i < line.n; i++) {
    const value = line.y[i] as number;
    if (value - value === 0) {
      if (log && value <= 0) found.notPositive += 1;
    } else if (value === value) found.infinite += 1;
  }
  return found;
}

/** An x as people read it. */
export function xText(axis: AxisKind, x: number): string {
  if (axis === "step") return t("chart.at_step", { step: String(x) });
  if (axis === "time") return exactMoment(x, language());
  return axis === "relative" ? formatDuration(x, durationWords()) : formatNumber(x);
}

const TOLD = 10;

/** What a chart tells without being seen. */
function summary(model: ChartModel): string {
  const shown = model.lines.filter((line) => line.look !== "raw");
  const head = t("chart.summary", { title: model.title, n: shown.length });
  const lines = shown.slice(-TOLD).reverse().map((each) => {
    const facts = lineFacts(each);
    return t("chart.summary_line", {
      run: each.label, n: facts.points, first: formatNumber(facts.first), last: formatNumber(facts.last),
      low: formatNumber(facts.lowest), high: formatNumber(facts.highest),
    });
  });
  const bands = model.bands.map((band) => t("chart.summary_band", { group: band.label, n: band.runs, last: formatNumber(band.mid.at(-1) ?? null) }));
  return [head, ...bands, ...lines].join(" ");
}

export function styleOf(host: HTMLElement): ChartStyle {
  const style = getComputedStyle(host);
  return { ink: style.color, grid: style.borderTopColor, surface: style.backgroundColor, bad: style.outlineColor, font: `11px ${style.fontFamily}` };
}
