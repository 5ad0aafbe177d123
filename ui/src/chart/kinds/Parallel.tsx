/** Parallel coordinates: an axis a column, a line a run. Dragging along an axis keeps the runs that pass there. */

import { createMemo, createSignal, For, Show, type JSX } from "solid-js";
import { t } from "../../app/prefs";
import { formatNumber } from "../../core/format";
import { boundsOf, ramp } from "../../core/made";
import { marksOf, Picture, scaleOf, type KindProps } from "./frame";

type Stretch = readonly [number, number];
const [ABOVE, BELOW, SIDE] = [30, 14, 56];

export function Parallel(props: KindProps): JSX.Element {
  const columns = createMemo(() => props.made.columns.map(props.values));
  const [kept, setKept] = createSignal<ReadonlyMap<string, Stretch>>(new Map());
  const [drawn, setDrawn] = createSignal<{ id: string; from: number; to: number } | null>(null);
  const last = (): ReturnType<typeof columns>[number] | undefined => columns().at(-1);
  const passes = createMemo(() => props.runs.map((_, i) => columns().every((values) => {
    const stretch = kept().get(values.id);
    const value = values.at[i];
    return !stretch || (typeof value === "number" && value >= stretch[0] && value <= stretch[1]);
  })));
  const count = (): number => passes().filter(Boolean).length;
  const color = (i: number): string => {
    const run = props.runs[i];
    if (run?.group) return props.colorOf(run.group);
    const values = last();
    const value = values?.at[i];
    if (!values || typeof value !== "number") return "var(--line-strong)";
    const [low, high] = boundsOf(values);
    return ramp(high > low ? (value - low) / (high - low) : 0.5);
  };
  const put = (id: string, stretch: Stretch | null): void => {
    const next = new Map(kept());
    if (stretch) next.set(id, stretch);
    else next.delete(id);
    setKept(next);
  };
  return (
    <div class="parallel">
      <Show when={kept().size}>
        <p class="kept">
          {t("made.kept", { n: count(), all: props.runs.length })}
          <button type="button" class="link" onClick={() => props.onPick(props.runs.filter((_, i) => passes()[i]).map((run) => run.id))}>{t("made.pick")}</button>
          <button type="button" class="link" onClick={() => setKept(new Map())}>{t("made.keep_all")}</button>
        </p>
      </Show>
      <Picture live label={t("made.parallel_label", { columns: columns().map((values) => values.name).join(", "), n: count() })}>
        {(size) => {
          const at = (i: number): number => SIDE + (columns().length > 1 ? (i * (size().width - 2 * SIDE)) / (columns().length - 1) : (size().width - 2 * SIDE) / 2);
          const scales = createMemo(() => columns().map((values) => scaleOf(values, size().height - BELOW, ABOVE)));
          const path = (row: number): string => {
            let text = "";
            let down = false;
            columns().forEach((values, i) => {
              const value = values.at[row];
              // A run without a value leaves the axis out.
              if (typeof value !== "number") return void (down = false);
              text += `${down ? "L" : "M"}${at(i).toFixed(1)} ${(scales()[i]?.pixel(value) ?? 0).toFixed(1)}`;
              down = true;
            });
            return text;
          };
          const heightOf = (event: PointerEvent): number => event.clientY - ((event.currentTarget as SVGElement).ownerSVGElement?.getBoundingClientRect().top ?? 0);
          const drag = (id: string, i: number) => ({
            down: (event: PointerEvent): void => {
              (event.currentTarget as Element).setPointerCapture(event.pointerId);
              setDrawn({ id, from: heightOf(event), to: heightOf(event) });
            },
            move: (event: PointerEvent): void => { const now = drawn(); if (now?.id === id) setDrawn({ ...now, to: heightOf(event) }); },
            up: (): void => {
              const now = drawn();
              const scale = scales()[i];
              if (now?.id === id && scale) {
                const ends = [scale.value(now.from), scale.value(now.to)].sort((a, b) => a - b);
                put(id, Math.abs(now.to - now.from) < 4 ? null : [ends[0] as number, ends[1] as number]);
              }
              setDrawn(null);
            },
          });
          const keys = (id: string, i: number) => (event: KeyboardEvent): void => {
            const values = columns()[i];
            if (!values) return;
            const [low, high] = boundsOf(values);
            const [a, b] = kept().get(id) ?? [low, high];
            const step = (high - low) / 10;
            const moved: Record<string, Stretch | null> = { ArrowUp: [a + step, b], ArrowDown: [Math.max(low, a - step), b], PageUp: [a, Math.min(high, b + step)], PageDown: [a, b - step], Escape: null };
            if (!(event.key in moved)) return;
            event.preventDefault();
            event.stopPropagation();
            put(id, moved[event.key] ?? null);
          };
          return (
            <>
              <For each={props.runs}>
                {(run, i) => (
                  <path d={path(i())} stroke={color(i())} class="run-line" classList={{ dim: !passes()[i()] || (props.hot !== null && props.hot !== run.id), hot: props.hot === run.id }}
                    onPointerEnter={() => props.onHot(run.id)} onPointerLeave={() => props.onHot(null)} onClick={() => props.onOpen(run.id)}>
                    <title>{`${run.name}\n${columns().map((values) => `${values.name}: ${values.shown[i()]}`).join("\n")}`}</title>
                  </path>
                )}
              </For>
              <For each={columns()}>
                {(values, i) => {
                  const scale = (): ReturnType<typeof scaleOf> => scales()[i()] ?? scaleOf(values, 1, 0);
                  const hand = drag(values.id, i());
                  const shown = (): Stretch | null => {
                    const now = drawn();
                    if (now?.id === values.id) return [now.from, now.to];
                    const stretch = kept().get(values.id);
                    return stretch ? [scale().pixel(stretch[0]), scale().pixel(stretch[1])] : null;
                  };
                  return (
                    <g class="axes">
                      <line class="axis" x1={at(i())} x2={at(i())} y1={ABOVE} y2={size().height - BELOW} />
                      <For each={marksOf(values, scale(), Math.round(size().height / 46))}>{(mark) => <text x={at(i()) - 6} y={mark.at + 4} text-anchor="end" class="over">{mark.text.slice(0, 9)}</text>}</For>
                      <text class="axis-name" x={at(i())} y={14} text-anchor="middle">{values.name.length > 18 ? `…${values.name.slice(-17)}` : values.name}</text>
                      <rect class="grip" x={at(i()) - 14} width="28" y={ABOVE - 6} height={Math.max(0, size().height - BELOW - ABOVE + 12)} tabIndex={0} role="slider" aria-label={t("made.keep", { name: values.name })}
                        aria-valuenow={kept().get(values.id)?.[0] ?? boundsOf(values)[0]} aria-valuetext={kept().has(values.id) ? kept().get(values.id)?.map(formatNumber).join(" – ") : t("made.keep_all")}
                        onPointerDown={hand.down} onPointerMove={hand.move} onPointerUp={hand.up} onKeyDown={keys(values.id, i())} />
                      <Show when={shown()}>{(ends) => <rect class="stretch" x={at(i()) - 6} width="12" y={Math.min(...ends())} height={Math.max(1, Math.abs(ends()[1] - ends()[0]))} />}</Show>
                    </g>
                  );
                }}
              </For>
            </>
          );
        }}
      </Picture>
    </div>
  );
}
