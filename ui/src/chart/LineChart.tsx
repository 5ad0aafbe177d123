/** A line chart with a text summary, hover and notes on what could not be drawn. The drawing code loads by need. */

import { createEffect, createSignal, on, onCleanup, onMount, Show, type JSX } from "solid-js";
import { durationWords, language, t, theme } from "../app/prefs";
import { lineFacts, type Axis } from "../core/chart_lines";
import { exactMoment, exactNumber, formatDuration, formatNumber } from "../core/format";
import type { ChartModel, ChartStyle, ChartSurface, Hover } from "./model";

interface Props {
  model: ChartModel;
  height: number;
  /** The run to lift out, from elsewhere on the page. */
  focus?: string | null;
  onFocus?: (run: string | null) => void;
}

export function LineChart(props: Props): JSX.Element {
  const [hover, setHover] = createSignal<Hover | null>(null);
  const [failed, setFailed] = createSignal<unknown>();
  let host!: HTMLDivElement;
  let surface: ChartSurface | undefined;
  let gone = false;

  const show = (next: Hover | null): void => {
    setHover(next);
    props.onFocus?.(next?.run ?? null);
  };
  const draw = async (): Promise<void> => {
    try {
      const { drawLines } = await import("./uplot_lines");
      if (gone) return;
      surface?.destroy();
      surface = drawLines(host, props.model, styleOf(host), show);
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
    });
  });
  createEffect(on(() => props.model, (model) => surface?.update(model), { defer: true }));
  createEffect(on(theme, () => void draw(), { defer: true }));
  createEffect(on(() => props.focus, (run) => { if (!hover()) surface?.focus(run ?? null); }, { defer: true }));

  return (
    <figure class="chart">
      <div class="chart-host" style={{ height: `${props.height}px` }} ref={host} role="img" aria-label={summary(props.model)}>
        <Show when={hover()}>
          {(point) => (
            <div class="chart-tip" classList={{ flip: point().left > host.clientWidth / 2 }}
              style={{ left: `${point().left}px`, top: `${point().top}px` }}>
              <b style={{ color: point().color }}>●</b> {point().label}
              <br />
              <span class="quiet">{xText(props.model.axis, point().x)}</span>{" "}
              <strong title={exactNumber(point().value)}>{formatNumber(point().value)}</strong>
            </div>
          )}
        </Show>
      </div>
      <Show when={failed()}><p class="note">{t("chart.failed")}</p></Show>
      <Notes model={props.model} />
    </figure>
  );
}

function Notes(props: { model: ChartModel }): JSX.Element {
  const sum = (kind: "nan" | "infinite" | "notPositive"): number =>
    props.model.lines.reduce((all, each) => all + each.line.gaps[kind], 0);
  const parts = (): string[] => {
    const texts: string[] = [];
    if (sum("nan")) texts.push(t("chart.gap_nan", { n: sum("nan") }));
    if (sum("infinite")) texts.push(t("chart.gap_infinite", { n: sum("infinite") }));
    if (sum("notPositive")) texts.push(t("chart.gap_log", { n: sum("notPositive") }));
    return texts;
  };
  return <Show when={parts().length}><figcaption class="note">{t("chart.gaps", { what: parts().join(", ") })}</figcaption></Show>;
}

function xText(axis: Axis, x: number): string {
  if (axis === "step") return t("chart.at_step", { step: formatNumber(x) });
  return axis === "wall" ? exactMoment(x * 1000, language()) : formatDuration(x * 1000, durationWords());
}

/** What a chart tells without being seen. */
function summary(model: ChartModel): string {
  const head = t("chart.summary", { title: model.title, n: model.lines.length });
  const lines = model.lines.slice(0, 10).map((each) => {
    const facts = lineFacts(each.line);
    return t("chart.summary_line", {
      run: each.label, n: facts.points, first: formatNumber(facts.first), last: formatNumber(facts.last),
      low: formatNumber(facts.lowest), high: formatNumber(facts.highest),
    });
  });
  return [head, ...lines].join(" ");
}

function styleOf(host: HTMLElement): ChartStyle {
  const style = getComputedStyle(host);
  return { ink: style.color, grid: style.borderTopColor, surface: style.backgroundColor, font: `11px ${style.fontFamily}` };
}
