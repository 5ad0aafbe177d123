/** The switches that line charts share: what runs along x, and a logarithmic y. */

import type { JSX } from "solid-js";
import { t } from "../app/prefs";
import type { Axis } from "../core/chart_lines";

interface Props {
  axis: Axis;
  log: boolean;
  onAxis: (axis: Axis) => void;
  onLog: (log: boolean) => void;
}

export function ChartControls(props: Props): JSX.Element {
  return (
    <>
      <label class="field">
        <span class="quiet">{t("chart.x")}</span>
        <select value={props.axis} onChange={(event) => props.onAxis(event.currentTarget.value as Axis)}>
          <option value="step">{t("chart.step")}</option>
          <option value="elapsed">{t("chart.elapsed")}</option>
          <option value="wall">{t("chart.wall")}</option>
        </select>
      </label>
      <label class="field">
        <input type="checkbox" checked={props.log} onChange={(event) => props.onLog(event.currentTarget.checked)} />
        <span>{t("chart.log")}</span>
      </label>
    </>
  );
}
