/** A page as one file: a table and charts that open anywhere, without a script and without asking anybody. */

import { PALETTE } from "./color";

export interface SheetColumn {
  label: string;
  number: boolean;
}

export interface SheetCell {
  text: string;
  /** The exact value, where the text is shorter. */
  title: string;
}

export interface SheetRow {
  /** The first cell: the name, how deep it stands, and the colour of its lines; "" for none. */
  name: string;
  depth: number;
  color: string;
  cells: readonly SheetCell[];
}

export interface Sheet {
  language: string;
  title: string;
  /** What this is: name and value. */
  facts: readonly (readonly [string, string])[];
  nameLabel: string;
  columns: readonly SheetColumn[];
  rows: readonly SheetRow[];
  /** Says what is left out; "" where nothing is. */
  rowsNote: string;
  chartsTitle: string;
  /** Headings with drawings: markup of our own making, in which values are escaped already. */
  charts: readonly { title: string; svg: string; note: string }[];
  chartsNote: string;
}

const SIGNS: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/** A text as it may stand in markup and in quotes; signs that end a document or that no document may hold are shown. */
export function escapeHtml(text: string): string {
  return text
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/g, "\ufffd")
    .replace(/[&<>"']/g, (sign) => SIGNS[sign] ?? sign);
}

/** A colour that follows the theme of whoever opens the file, for those of the palette. */
export function sheetColor(color: string): string {
  const places = [PALETTE.light, PALETTE.dark].map((palette) => (palette as readonly string[]).indexOf(color));
  const place = places.find((at) => at >= 0);
  if (place !== undefined) return `var(--p${place})`;
  return /^#[0-9a-f]{3,8}$/i.test(color) ? color : "var(--quiet)";
}

const palette = (theme: keyof typeof PALETTE): string => PALETTE[theme].map((color, at) => `--p${at}:${color}`).join(";");

// Nothing but what is in the file may be used by it, whatever a browser takes its contents for.
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

const STYLE = `:root{color-scheme:light dark;--page:#f7f8fa;--surface:#fff;--ink:#1a1d23;--quiet:#5a6270;--grid:#e0e3e9;--bad:#c42f42;${palette("light")}}
@media (prefers-color-scheme:dark){:root{--page:#14161a;--surface:#1b1e24;--ink:#e8eaee;--quiet:#a0a7b4;--grid:#2e333d;--bad:#ff8492;${palette("dark")}}}
*{box-sizing:border-box}
body{margin:0 auto;padding:20px;max-width:1600px;background:var(--page);color:var(--ink);font:13px/1.5 "Pretendard","Apple SD Gothic Neo","Malgun Gothic","Noto Sans KR",system-ui,sans-serif;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
h1{font-size:18px;margin:0 0 8px}h2{font-size:14px;margin:24px 0 8px}h3{font-size:13px;margin:0 0 6px}
dl{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:2px 16px;margin:0}dt,.quiet{color:var(--quiet)}dd{margin:0}
.scroll{overflow-x:auto;border:1px solid var(--grid);border-radius:6px;background:var(--surface)}
table{border-collapse:collapse;width:100%;font-size:12px}
th,td{overflow-wrap:break-word;word-break:keep-all;padding:4px 10px;border-bottom:1px solid var(--grid);text-align:left;vertical-align:top;max-width:420px}
thead th{background:var(--page);color:var(--quiet);font-weight:500;white-space:nowrap}
tbody th{font-weight:500;min-width:140px}.n{text-align:right;white-space:nowrap}
i{display:inline-block;width:9px;height:9px;border-radius:3px;margin-right:7px}
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(420px,100%),1fr));gap:14px}
figure{margin:0;padding:10px 12px;border:1px solid var(--grid);border-radius:6px;background:var(--surface)}
svg{display:block;width:100%;height:auto}
@media print{body{max-width:none;padding:0}figure,tr{break-inside:avoid}}`;

/** The file's text. Every value is escaped; there is no script in it, and its policy would run none. */
export function writeSheet(sheet: Sheet): string {
  const e = escapeHtml;
  const facts = sheet.facts.map(([name, value]) => `<dt>${e(name)}</dt><dd><bdi>${e(value)}</bdi></dd>`).join("");
  const note = (text: string): string => (text ? `<p class="quiet">${e(text)}</p>` : "");
  const charts = sheet.charts.map((chart) => `<figure><h3><bdi>${e(chart.title)}</bdi></h3>${chart.svg}${note(chart.note)}</figure>`).join("\n");
  return `<!doctype html>
<html lang="${e(sheet.language)}"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${e(POLICY)}">
<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="referrer" content="no-referrer"><meta name="generator" content="Millstream">
<title>${e(sheet.title)}</title><style>${STYLE}</style></head><body>
<h1><bdi>${e(sheet.title)}</bdi></h1><dl>${facts}</dl>
${sheet.charts.length ? `<h2>${e(sheet.chartsTitle)}</h2>${note(sheet.chartsNote)}<div class="charts">${charts}</div>` : ""}
${sheet.rows.length ? `${tableOf(sheet)}${note(sheet.rowsNote)}` : note(sheet.rowsNote)}
</body></html>
`;
}

function tableOf(sheet: Sheet): string {
  const e = escapeHtml;
  const heads = sheet.columns.map((column) => `<th scope="col"${column.number ? ' class="n"' : ""}><bdi>${e(column.label)}</bdi></th>`).join("");
  const rows = sheet.rows.map((row) => {
    const dot = row.color ? `<i style="background:${sheetColor(row.color)}"></i>` : "";
    const indent = row.depth ? ` style="padding-left:${10 + Math.min(row.depth, 40) * 16}px"` : "";
    const cells = row.cells.map((cell, at) => {
      const title = cell.title && cell.title !== cell.text ? ` title="${e(cell.title)}"` : "";
      return `<td${sheet.columns[at]?.number ? ' class="n"' : ""}${title}><bdi>${e(cell.text)}</bdi></td>`;
    }).join("");
    return `<tr><th scope="row"${indent}>${dot}<bdi>${e(row.name)}</bdi></th>${cells}</tr>`;
  });
  return `<h2>${e(sheet.nameLabel)}</h2><div class="scroll"><table><thead><tr><th scope="col">${e(sheet.nameLabel)}</th>${heads}</tr></thead><tbody>
${rows.join("\n")}
</tbody></table></div>`;
}
