/** All matching runs as a file, written by the server. */

import type { JSX } from "solid-js";
import { t } from "../../app/prefs";
import { exportAddress, type WhichRuns } from "../../core/api";
import { openMenu } from "../../parts/menu";

interface Props {
  which: WhichRuns & { order_by: string[] };
  /** What the server is asked for where only shown columns are wanted. */
  columns: string[];
  total: number;
}

export function ExportButton(props: Props): JSX.Element {
  const fetchFile = (format: "csv" | "json", columns: string[]): void => {
    const link = document.createElement("a");
    link.href = new URL(exportAddress(props.which, format, columns), document.baseURI).href;
    link.download = "";
    link.click();
  };
  const menu = (anchor: HTMLElement): void => openMenu(anchor, [
    { label: t("export.title", { n: props.total }), disabled: true },
    { label: t("export.csv_shown"), disabled: props.columns.length === 0, run: () => fetchFile("csv", props.columns) },
    { label: t("export.csv_all"), run: () => fetchFile("csv", []) },
    { label: t("export.json_all"), run: () => fetchFile("json", []) },
  ]);
  return <button type="button" aria-haspopup="menu" disabled={props.total === 0} onClick={(event) => menu(event.currentTarget)}>{t("export.button")}</button>;
}
