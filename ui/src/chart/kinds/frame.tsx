/** What charts of runs share: a measured SVG, axes of numbers or texts, and where the pointer is. */

import { createSignal, For, onCleanup, onMount, Show, type Accessor, type JSX } from "solid-js";
import type { ChartRun } from "../../core/lines";
import { boundsOf, type Made, type Values } from "../../core/made";
import { makeScale, tickText, ticksOf, withAir, type Scale } from "../../core/scale";

export interface KindProps {
  made: Made;
  runs: readonly ChartRun[];
  /** The column of an id. */
  values: (id: string) => Values;
  colorOf: (group: string) => string;
  hot: string | null;
  onHot: (run: string | null) => void;
  onOpen: (run: string) => void;
  onPick: (runs: string[]) => void;
}

export interface Size {
  width: number;
  height: number;
}

/** An SVG as large as its place. */
export function Picture(props: { label: string; /** Parts of it take the focus. */ live?: boolean; children: (size: Accessor<Size>) => JSX.Element }): JSX.Element {
  const [size, setSize] = createSignal<Size>({ width: 300, height: 190 }, { equals: (a, b) => a.width === b.width && a.height === b.height });
  let host!: HTMLDivElement;
  onMount(() => {
    const look = (): void => { if (host.clientWidth && host.clientHeight) setSize({ width: host.clientWidth, height: host.clientHeight }); };
    look();
    const watcher = new ResizeObserver(look);
    watcher.observe(host);
    onCleanup(() => watcher.disconnect());
  });
  return (
    <div class="picture-host" ref={host}>
      <svg width={size().width} height={size().height} role={props.live ? "group" : "img"} aria-label={props.label}>{props.children(size)}</svg>
    </div>
  );
}

const kindOf = (values: Values): "number" | "time" => (values.id === "start_time" || values.id === "end_time" ? "time" : "number");

export function scaleOf(values: Values, from: number, to: number): Scale {
  const [low, high] = boundsOf(values);
  const [a, b] = values.texts ? [low, high] : withAir(low, high, false);
  return makeScale(a, b, from, to, false);
}

/** Marks of an axis: a text each, or numbers. */
export function marksOf(values: Values, scale: Scale, count: number): { at: number; text: string }[] {
  if (values.texts) {
    const every = Math.ceil(values.texts.length / Math.max(1, count));
    return values.texts.map((text, i) => ({ at: scale.pixel(i), text })).filter((_, i) => i % every === 0);
  }
  const ticks = ticksOf(scale, count, kindOf(values));
  return ticks.map((tick) => ({ at: scale.pixel(tick), text: tickText(tick, kindOf(values), (ticks.at(-1) ?? 0) - (ticks[0] ?? 0)) }));
}

const shortened = (text: string, most: number): string => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

/** Both axes of a plane, with their names. */
export function Axes(props: { x: Values | null; y: Values | null; sx: Scale; sy: Scale; names?: boolean }): JSX.Element {
  return (
    <g class="axes">
      <Show when={props.y}>
        {(y) => (
          <For each={marksOf(y(), props.sy, Math.max(2, Math.round(Math.abs(props.sy.to - props.sy.from) / 34)))}>
            {(mark) => (
              <>
                <line class="axis-line" x1={props.sx.from} x2={props.sx.to} y1={mark.at} y2={mark.at} />
                <text x={props.sx.from - 6} y={mark.at + 4} text-anchor="end">{shortened(mark.text, 9)}</text>
              </>
            )}
          </For>
        )}
      </Show>
      <Show when={props.x}>
        {(x) => (
          <For each={marksOf(x(), props.sx, Math.max(2, Math.round((props.sx.to - props.sx.from) / 70)))}>
            {(mark) => <text x={mark.at} y={props.sy.from + 16} text-anchor="middle">{shortened(mark.text, 12)}</text>}
          </For>
        )}
      </Show>
      <Show when={props.names !== false}>
        <Show when={props.x}>{(x) => <text class="axis-name" x={props.sx.to} y={props.sy.from + 30} text-anchor="end">{shortened(x().name, 40)}</text>}</Show>
        <Show when={props.y}>{(y) => <text class="axis-name" x={4} y={11}>{shortened(y().name, 40)}</text>}</Show>
      </Show>
    </g>
  );
}

export const LEFT = 58;
export const BOTTOM = 36;
export const TOP = 20;
