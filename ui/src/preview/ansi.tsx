/** Console output in the colours of its escapes. */

import type { JSX } from "solid-js";
import { readAnsi, type Span, type Style } from "../core/console";

/** Lines in spans of one look each; a look goes on over the ends of lines. */
export function spansOf(lines: readonly string[]): Span[][] {
  let style: Style = {};
  return lines.map((line) => {
    const read = readAnsi(line, style);
    style = read.style;
    return read.spans;
  });
}

export function AnsiPiece(props: { span: Span }): JSX.Element {
  const { span } = props;
  const color = (value: number | string | undefined): string | undefined => (typeof value === "number" ? `var(--ansi-${value})` : value);
  const plain = Object.values(span).filter((value) => value !== undefined && value !== false).length === 1;
  return plain ? <>{span.text}</> : (
    <span classList={{ bold: span.bold, dim: span.dim, italic: span.italic, under: span.underline }} style={{ color: color(span.color), "background-color": color(span.back) }}>{span.text}</span>
  );
}
