/** A panel as a file: picture, drawing or numbers. */

import { getCurves } from "../core/api";
import type { CurvesQuestion } from "../core/curve_store";
import { fileName, toCsv } from "../core/csv";
import type { ChartModel, ChartStyle, ChartSurface } from "./model";
import { svgOf } from "./svg";

/** As much as a request may ask for. */
const WIDEST = 10_000;

/** Gives the reader a file. */
export function save(name: string, content: Blob): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

export function savePng(model: ChartModel, surface: ChartSurface): void {
  surface.picture().toBlob((blob) => { if (blob) save(fileName(model.title, "png"), blob); });
}

export function saveSvg(model: ChartModel, style: ChartStyle, width: number, height: number): void {
  save(fileName(model.title, "svg"), new Blob([svgOf(model, width, height, style)], { type: "image/svg+xml" }));
}

/** Every point in sight, exactly: asked for anew, as a chart need not have them all. */
export async function saveCsv(
  model: ChartModel, question: Pick<CurvesQuestion, "run_ids" | "x" | "low" | "high">, names: ReadonlyMap<string, string>,
): Promise<void> {
  const rows: (string | number)[][] = [["run_id", "run_name", "metric", question.x, "value"]];
  const asked = { ...question, keys: [model.title], width: WIDEST, since: [], exact: true };
  for (const curve of await getCurves(asked)) {
    for (let i = 0; i < curve.n; i++) rows.push([curve.run, names.get(curve.run) ?? "", curve.key, curve.x[i] as number, curve.y[i] as number]);
  }
  save(fileName(model.title, "csv"), new Blob([toCsv(rows)], { type: "text/csv" }));
}
