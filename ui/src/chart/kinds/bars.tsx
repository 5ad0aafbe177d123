/** Bars, boxes, histograms and importances: lengths beside names. */

import { createMemo, For, Show, type JSX } from "solid-js";
import { t } from "../../app/prefs";
import { quantile } from "../../core/bands";
import { exactNumber, formatNumber } from "../../core/format";
import { LEAST_RUNS, weigh } from "../../core/importance";
import { binsOf, boxOf, causesOf } from "../../core/made";
import { byName } from "../../core/order";
import { makeScale, withAir } from "../../core/scale";
import { Axes, BOTTOM, LEFT, Picture, TOP, type KindProps } from "./frame";

/** A bar a run, or a group's mean. */
export function Bars(props: KindProps): JSX.Element {
  const values = createMemo(() => props.values(props.made.y));
  const rows = createMemo(() => {
    const single = props.runs.flatMap((run, i) => { const value = values().at[i]; return typeof value === "number" ? [{ id: run.id, name: run.name, group: run.group, color: run.color, value, n: 1 }] : []; });
    if (!props.runs.some((run) => run.group)) return single;
    const groups = new Map<string, number[]>();
    for (const row of single) groups.set(row.group, [...(groups.get(row.group) ?? []), row.value]);
    return [...groups].sort(([a], [b]) => byName(a, b)).map(([group, all]) => ({
      id: "", name: `${group} (${all.length})`, group, color: props.colorOf(group), value: all.reduce((sum, value) => sum + value / all.length, 0), n: all.length,
    }));
  });
  const scale = createMemo(() => makeScale(Math.min(0, ...rows().map((row) => row.value)), Math.max(0, ...rows().map((row) => row.value)), 0, 100, false));
  return (
    <div class="bars" role="list" aria-label={values().name}>
      <For each={rows()}>
        {(row) => (
          <div class="bar-row" role="listitem" classList={{ hot: row.id !== "" && props.hot === row.id }} onPointerEnter={() => props.onHot(row.id || null)} onPointerLeave={() => props.onHot(null)}
            onClick={() => { if (row.id) props.onOpen(row.id); }}>
            <span class="run-name" title={row.name}>{row.name}</span>
            <span class="bar-room">
              <span class="bar" style={{ left: `${Math.min(scale().pixel(0), scale().pixel(row.value))}%`, width: `${Math.abs(scale().pixel(row.value) - scale().pixel(0))}%`, background: row.color }} />
            </span>
            <span class="number" title={exactNumber(row.value)}>{formatNumber(row.value)}</span>
          </div>
        )}
      </For>
    </div>
  );
}

/** A box a group, or one of all runs. */
export function Boxes(props: KindProps): JSX.Element {
  const values = createMemo(() => props.values(props.made.y));
  const boxes = createMemo(() => {
    const groups = new Map<string, number[]>();
    props.runs.forEach((run, i) => { const value = values().at[i]; if (typeof value === "number") groups.set(run.group, [...(groups.get(run.group) ?? []), value]); });
    return [...groups].sort(([a], [b]) => byName(a, b)).map(([group, all]) => ({ group, ...boxOf(group || t("plot.all_runs"), all, quantile) }));
  });
  return (
    <Picture label={boxes().map((box) => t("made.box_label", { name: box.name, n: box.count, low: formatNumber(box.low), middle: formatNumber(box.middle), high: formatNumber(box.high) })).join(" ")}>
      {(size) => {
        const sy = createMemo(() => {
          const all = boxes().flatMap((box) => [box.low, box.high, ...box.outside]);
          const [low, high] = all.length ? withAir(Math.min(...all), Math.max(...all), false) : [0, 1];
          return makeScale(low, high, size().height - BOTTOM + 10, TOP, false);
        });
        const sx = createMemo(() => makeScale(-0.5, Math.max(0.5, boxes().length - 0.5), LEFT, size().width - 12, false));
        const half = (): number => Math.min(34, ((size().width - LEFT) / Math.max(1, boxes().length)) * 0.3);
        return (
          <>
            <Axes x={null} y={values()} sx={sx()} sy={sy()} />
            <For each={boxes()}>
              {(box, i) => {
                const at = (): number => sx().pixel(i());
                const color = (): string => (box.group ? props.colorOf(box.group) : "var(--accent)");
                return (
                  <g style={{ color: color() }} class="box">
                    <title>{t("made.box_label", { name: box.name, n: box.count, low: exactNumber(box.low), middle: exactNumber(box.middle), high: exactNumber(box.high) })}</title>
                    <line x1={at()} x2={at()} y1={sy().pixel(box.low)} y2={sy().pixel(box.high)} />
                    <rect x={at() - half()} width={2 * half()} y={sy().pixel(box.third)} height={Math.max(1, sy().pixel(box.first) - sy().pixel(box.third))} />
                    <line class="middle" x1={at() - half()} x2={at() + half()} y1={sy().pixel(box.middle)} y2={sy().pixel(box.middle)} />
                    <For each={box.outside}>{(value) => <circle cx={at()} cy={sy().pixel(value)} r="2.5" />}</For>
                    <text x={at()} y={size().height - 8} text-anchor="middle">{box.name.slice(0, 16)}</text>
                  </g>
                );
              }}
            </For>
          </>
        );
      }}
    </Picture>
  );
}

export function Histogram(props: KindProps): JSX.Element {
  const values = createMemo(() => props.values(props.made.y));
  const bins = createMemo(() => binsOf(values().at.filter((value) => value !== null)));
  return (
    <Picture label={t("made.histogram_label", { name: values().name, bins: bins().map((bin) => `${formatNumber(bin.from)}–${formatNumber(bin.to)}: ${bin.count}`).join(", ") })}>
      {(size) => {
        const counts = createMemo(() => ({ id: "", name: t("plot.runs"), at: [0, ...bins().map((bin) => bin.count)], shown: [], texts: null }));
        const sy = createMemo(() => makeScale(0, Math.max(1, ...bins().map((bin) => bin.count)) * 1.05, size().height - BOTTOM, TOP, false));
        const sx = createMemo(() => { const [low, high] = [bins()[0]?.from ?? 0, bins().at(-1)?.to ?? 1]; return makeScale(...(low < high ? [low, high] as const : withAir(low, high, false)), LEFT, size().width - 12, false); });
        return (
          <>
            <Axes x={values()} y={counts()} sx={sx()} sy={sy()} />
            <For each={bins()}>
              {(bin) => (
                <rect class="bin" x={sx().pixel(bin.from) + 1} width={Math.max(2, sx().pixel(bin.to) - sx().pixel(bin.from) - 2)} y={sy().pixel(bin.count)} height={sy().from - sy().pixel(bin.count)}>
                  <title>{`${exactNumber(bin.from)} – ${exactNumber(bin.to)}: ${bin.count}`}</title>
                </rect>
              )}
            </For>
          </>
        );
      }}
    </Picture>
  );
}

/** What parameters have to do with a metric. */
export function Importances(props: KindProps): JSX.Element {
  const weights = createMemo(() => weigh(
    causesOf(props.made).map((id) => { const values = props.values(id); return { name: values.name, at: values.at, texts: values.texts !== null }; }),
    props.values(props.made.y).at,
  ));
  return (
    <Show when={weights().length} fallback={<p class="quiet pad">{t("made.too_few", { n: LEAST_RUNS })}</p>}>
      <div class="weights scroll-box" tabIndex={0} role="region" aria-label={t("made.importance")}>
        <table class="pairs">
          <thead><tr><th scope="col">{t("run.params")}</th><th scope="col" title={t("made.importance_how")}>{t("made.importance")}</th><th scope="col" title={t("made.correlation_how")}>{t("made.correlation")}</th></tr></thead>
          <tbody>
            <For each={weights()}>
              {(weight) => (
                <tr>
                  <th scope="row">{weight.name}</th>
                  <td><Share value={weight.importance} /></td>
                  <td><Share value={weight.correlation} signed={!weight.texts} /></td>
                </tr>
              )}
            </For>
          </tbody>
        </table>
        <p class="quiet note">{t("made.importance_how")} {t("made.correlation_how")}</p>
      </div>
    </Show>
  );
}

function Share(props: { value: number; signed?: boolean }): JSX.Element {
  return (
    <span class="share">
      <span class="bar-room"><span class="bar" classList={{ minus: props.value < 0 }} style={{ left: "0", width: `${Math.abs(props.value) * 100}%` }} /></span>
      <span class="number">{formatNumber(Number(props.value.toFixed(3)))}</span>
    </span>
  );
}
