/** Requests to scoring servers: one that fits a model's signature, and whether a text is one. */

import type { ModelColumn, ModelFacts } from "./mlmodel";

const SAMPLES: Record<string, unknown> = { boolean: true, integer: 1, long: 1, float: 0.5, double: 0.5, string: "text", datetime: "2026-01-31T12:00:00", binary: "aGk=" };

/** A request that fits the signature, to be changed by the reader; the values mean nothing. */
export function requestFor(facts: Pick<ModelFacts, "inputs" | "params"> | null): string {
  const inputs = facts?.inputs ?? [];
  const body: Record<string, unknown> = {};
  const shape = inputs.length ? shapeOf(inputs[0] as ModelColumn) : null;
  if (!inputs.length) body.inputs = [[0]];
  else if (inputs.some((each) => shapeOf(each))) {
    const named = inputs.every((each) => each.name);
    body.inputs = named ? Object.fromEntries(inputs.map((each) => [each.name, filled(shapeOf(each) ?? [1])])) : filled(shape ?? [1]);
  } else if (inputs.every((each) => each.name)) body.dataframe_split = { columns: inputs.map((each) => each.name), data: [inputs.map(sample)] };
  else body.dataframe_split = { data: [inputs.map(sample)] };
  const params = (facts?.params ?? []).map((each) => [each.name, parsed(each.fallback ?? "null")] as const);
  if (params.length) body.params = Object.fromEntries(params);
  return JSON.stringify(body, null, 2);
}

function sample(column: ModelColumn): unknown {
  if (column.type in SAMPLES) return SAMPLES[column.type];
  return column.type.startsWith("array") ? [] : {};
}

/** The shape of a tensor's type in words, `float32 (-1, 28)`; null for what is none. */
function shapeOf(column: ModelColumn): number[] | null {
  const found = /\(([-\d, ]*)\)$/.exec(column.type);
  if (!found) return null;
  return (found[1] ?? "").split(",").map((each) => Number(each)).map((size) => (size > 0 ? size : 1));
}

/** Zeros in a shape, of at most a thousand numbers. */
function filled(shape: readonly number[]): unknown {
  const [size = 1, ...rest] = shape;
  if (shape.length === 0) return 0;
  const many = rest.reduce((product, each) => product * each, 1);
  return Array.from({ length: Math.max(1, Math.min(size, Math.floor(1000 / Math.max(1, many)))) }, () => (rest.length ? filled(rest) : 0));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Why a text cannot be sent, as the browser's parser says it; null where it can. */
export function whyNoJson(text: string): string | null {
  try {
    JSON.parse(text);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
