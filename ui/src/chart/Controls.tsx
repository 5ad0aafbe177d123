/** What all line charts of a page share: axes, smoothing, outliers, which runs, how they are drawn. Stays in sight. */

import { createEffect, createSignal, For, on, Show, type JSX } from "solid-js";
import { t } from "../app/prefs";
import { NO_GROUPS, type ChartState, type Drawing, type Scope } from "../core/chart_state";
import type { Smoothing } from "../core/smooth";
import type { Spread } from "../core/bands";

interface Props {
  state: ChartState;
  onState: (part: Partial<ChartState>, replace?: boolean) => void;
  metrics: readonly string[];
  /** Columns that runs can be grouped by: id and name; none on the page of one run. */
  groups?: readonly { id: string; name: string }[];
  /** What the rows beside the charts are grouped by, as people call it. */
  grouped?: string;
  field?: (field: HTMLInputElement) => void;
  children?: JSX.Element;
}

export function Controls(props: Props): JSX.Element {
  const [typed, setTyped] = createSignal(props.state.strength);
  createEffect(on(() => props.state.strength, setTyped, { defer: true }));
  let timer: ReturnType<typeof setTimeout> | undefined;
  const strength = (value: number): void => {
    setTyped(value);
    clearTimeout(timer);
    timer = setTimeout(() => props.onState({ strength: value }, true), 60);
  };
  return (
    <div class="chart-head sticky">
      <input ref={(field) => props.field?.(field)} type="search" class="small" placeholder={t("plot.find")} aria-label={t("plot.find")} value={props.state.find}
        onInput={(event) => props.onState({ find: event.currentTarget.value }, true)} />
      <label class="field">
        <span class="quiet">{t("chart.x")}</span>
        <select value={props.state.x} onChange={(event) => props.onState({ x: event.currentTarget.value, range: null })}>
          <option value="step">{t("chart.step")}</option>
          <option value="relative">{t("chart.elapsed")}</option>
          <option value="time">{t("chart.wall")}</option>
          <optgroup label={t("run.metrics")}>
            <For each={props.metrics}>{(metric) => <option value={`m:${metric}`} selected={props.state.x === `m:${metric}`}>{metric}</option>}</For>
          </optgroup>
        </select>
      </label>
      <label class="field">
        <span class="quiet">{t("plot.smoothing")}</span>
        <select value={props.state.smoothing} onChange={(event) => props.onState({ smoothing: event.currentTarget.value as Smoothing })}>
          <option value="none">{t("plot.smooth_none")}</option>
          <option value="ema">{t("plot.smooth_ema")}</option>
          <option value="gaussian">{t("plot.smooth_gaussian")}</option>
        </select>
      </label>
      <Show when={props.state.smoothing !== "none"}>
        <label class="field">
          <span class="hidden">{t("plot.strength")}</span>
          <input type="range" min="0" max="0.99" step="0.01" value={typed()} onInput={(event) => strength(Number(event.currentTarget.value))} />
          <span class="steady">{typed().toFixed(2)}</span>
        </label>
      </Show>
      <span class="buttons" role="group" aria-label={t("plot.axes")}>
        <button type="button" aria-pressed={props.state.logY} onClick={() => props.onState({ logY: !props.state.logY })}>{t("plot.log_y")}</button>
        <button type="button" aria-pressed={props.state.logX} disabled={props.state.x === "time"} onClick={() => props.onState({ logX: !props.state.logX })}>{t("plot.log_x")}</button>
        <button type="button" aria-pressed={props.state.clip} title={t("plot.clip_why")} onClick={() => props.onState({ clip: !props.state.clip })}>{t("plot.clip")}</button>
      </span>
      <Show when={props.groups}>{(groups) => <Which state={props.state} onState={props.onState} groups={groups()} grouped={props.grouped ?? ""} />}</Show>
      <Show when={props.state.range}><button type="button" onClick={() => props.onState({ range: null })}>{t("plot.reset_zoom")}</button></Show>
      {props.children}
    </div>
  );
}

const FIRST = [5, 10, 25, 50, 100, 200];

/** Which runs, and how many of them become one. */
function Which(props: { state: ChartState; onState: Props["onState"]; groups: readonly { id: string; name: string }[]; grouped: string }): JSX.Element {
  const scope = (): string => (props.state.scope === "first" ? `first~${props.state.first}` : props.state.scope);
  const choose = (value: string): void => {
    const [scope, first] = value.split("~");
    props.onState({ scope: scope as Scope, ...(first ? { first: Number(first) } : {}) });
  };
  const draw = (): string => (props.state.draw === "bands" ? `bands~${props.state.spread}` : props.state.draw);
  const drawn = (value: string): void => {
    const [draw, spread] = value.split("~");
    props.onState({ draw: draw as Drawing, ...(spread ? { spread: spread as Spread } : {}) });
  };
  return (
    <>
      <label class="field">
        <span class="quiet">{t("plot.runs")}</span>
        <select value={scope()} onChange={(event) => choose(event.currentTarget.value)}>
          <option value="selected">{t("plot.scope_selected")}</option>
          <For each={FIRST}>{(n) => <option value={`first~${n}`} selected={scope() === `first~${n}`}>{t("plot.scope_first", { n })}</option>}</For>
          <option value="all">{t("plot.scope_all")}</option>
        </select>
      </label>
      <label class="field">
        <span class="quiet">{t("plot.draw")}</span>
        <select value={draw()} onChange={(event) => drawn(event.currentTarget.value)}>
          <option value="auto">{t("plot.draw_auto")}</option>
          <option value="lines">{t("plot.draw_lines")}</option>
          <option value="bands~minmax">{t("plot.draw_minmax")}</option>
          <option value="bands~std">{t("plot.draw_std")}</option>
          <option value="bands~deciles">{t("plot.draw_deciles")}</option>
        </select>
      </label>
      <label class="field">
        <span class="quiet">{t("plot.group")}</span>
        <select value={props.grouped || props.state.group !== NO_GROUPS ? props.state.group : ""} onChange={(event) => props.onState({ group: event.currentTarget.value })}>
          <Show when={props.grouped} fallback={<option value="">{t("plot.group_none")}</option>}>
            <option value="">{t("plot.group_rows", { key: props.grouped })}</option>
            <option value={NO_GROUPS} selected={props.state.group === NO_GROUPS}>{t("plot.group_none")}</option>
          </Show>
          <For each={props.groups}>{(each) => <option value={each.id} selected={props.state.group === each.id}>{each.name}</option>}</For>
        </select>
      </label>
    </>
  );
}
