/** A chart's points as a table: x down, runs across. */

import { createMemo, For, Show, type JSX } from "solid-js";
import { t } from "../app/prefs";
import { exactNumber } from "../core/format";
import type { ChartModel } from "./model";
import { xText } from "./LineChart";

const MOST_RUNS = 20;
const MOST_ROWS = 1000;

export function PointsTable(props: { model: ChartModel }): JSX.Element {
  const lines = createMemo(() => props.model.lines.filter((line) => line.look !== "raw").slice(0, MOST_RUNS));
  const bands = (): ChartModel["bands"] => (lines().length ? [] : props.model.bands);
  const table = createMemo(() => {
    const rows = new Map<number, (string | null)[]>();
    const put = (x: number, at: number, value: number): void => {
      const row = rows.get(x) ?? Array.from({ length: lines().length + bands().length }, () => null);
      // A step that a run logged more than once has all its values.
      row[at] = row[at] ? `${row[at]}, ${exactNumber(value)}` : exactNumber(value);
      rows.set(x, row);
    };
    lines().forEach((line, at) => { for (let i = 0; i < line.n; i++) put(line.x[i] as number, at, line.y[i] as number); });
    bands().forEach((band, at) => band.x.forEach((x, i) => put(x, at, band.mid[i] as number)));
    return [...rows].sort(([a], [b]) => a - b);
  });
  const left = (): string[] => {
    const said: string[] = [];
    if (table().length > MOST_ROWS) said.push(t("plot.table_rows", { n: MOST_ROWS, all: table().length }));
    if (props.model.lines.length > MOST_RUNS) said.push(t("plot.table_runs", { n: MOST_RUNS }));
    if (lines().some((line) => !line.whole)) said.push(t("plot.table_thinned"));
    return said;
  };
  return (
    <div class="points scroll-box" tabIndex={0} role="region" aria-label={props.model.title}>
      <table class="pairs">
        <thead>
          <tr>
            <th scope="col">{props.model.axisName}</th>
            <For each={[...lines(), ...bands()]}>{(each) => <th scope="col" class="number"><i class="dot" style={{ background: each.color }} />{each.label}</th>}</For>
          </tr>
        </thead>
        <tbody>
          <For each={table().slice(0, MOST_ROWS)}>
            {([x, cells]) => (
              <tr>
                <th scope="row" title={String(x)}>{props.model.axis === "step" ? exactNumber(x) : xText(props.model.axis, x)}</th>
                <For each={cells}>{(value) => <td class="number">{value ?? ""}</td>}</For>
              </tr>
            )}
          </For>
        </tbody>
      </table>
      <Show when={left().length}><p class="note">{left().join(" ")}</p></Show>
    </div>
  );
}
