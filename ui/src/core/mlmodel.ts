/** What an MLmodel file says of a model, ready to be shown. */

import { parseJson, printJson, type JsonNode } from "./json_tree";
import { pythonText } from "./snippet";
import { parseYaml, type Yaml, type YamlMap } from "./yaml";

export interface ModelColumn {
  name: string;
  type: string;
  required: boolean;
  /** The value that a parameter has when none is given. */
  fallback?: string;
}

export interface ModelFacts {
  flavors: { name: string; settings: [string, string][] }[];
  inputs: ModelColumn[] | null;
  outputs: ModelColumn[] | null;
  params: ModelColumn[] | null;
  runId: string | null;
  modelId: string | null;
  created: string | null;
  writtenBy: string | null;
  size: number | null;
  /** Files beside MLmodel that say what the model needs. */
  environment: string[];
  python: string | null;
  example: string | null;
  metadata: [string, string][];
}

const ENVIRONMENTS = ["requirements.txt", "conda.yaml", "python_env.yaml"];

/** What the text of an MLmodel file says; an error where it is none. */
export function readModel(text: string): ModelFacts {
  const root = parseYaml(text);
  const flavors = root instanceof Map ? root.get("flavors") : undefined;
  if (!(root instanceof Map) || !(flavors instanceof Map)) throw new Error("It names no flavours.");
  const pyfunc = asMap(flavors.get("python_function"));
  const signature = asMap(root.get("signature"));
  const named = asMap(pyfunc.get("env"));
  const own = [...named.values(), typeof pyfunc.get("env") === "string" ? (pyfunc.get("env") as string) : null];
  const files = [...own, ...ENVIRONMENTS].filter((each) => typeof each === "string");
  return {
    flavors: [...flavors].map(([name, settings]) => ({ name, settings: pairs(settings) })),
    inputs: columns(signature.get("inputs")),
    outputs: columns(signature.get("outputs")),
    params: columns(signature.get("params")),
    runId: textOf(root.get("run_id")),
    modelId: textOf(root.get("model_id")),
    created: textOf(root.get("utc_time_created")),
    writtenBy: writer(root),
    size: numberOf(root.get("model_size_bytes")),
    environment: [...new Set(files)],
    python: textOf(pyfunc.get("python_version")),
    example: textOf(asMap(root.get("saved_input_example_info")).get("artifact_path")),
    metadata: pairs(root.get("metadata") ?? null),
  };
}

const asMap = (value: Yaml | undefined): YamlMap => (value instanceof Map ? value : new Map());
const textOf = (value: Yaml | undefined): string | null => (typeof value === "string" ? value : null);
const numberOf = (value: Yaml | undefined): number | null => (typeof value === "string" && /^\d+$/.test(value) ? Number(value) : null);

function writer(root: YamlMap): string | null {
  const ours = textOf(root.get("millstream_version"));
  const theirs = textOf(root.get("mlflow_version"));
  return ours ? `Millstream ${ours}` : theirs && `MLflow ${theirs}`;
}

function pairs(value: Yaml): [string, string][] {
  return value instanceof Map ? [...value].filter(([, each]) => each !== null).map(([key, each]) => [key, printYaml(each)]) : [];
}

/** A value in one line. */
function printYaml(value: Yaml): string {
  if (value === null) return "null";
  if (typeof value === "string") return value;
  if (Array.isArray(value)) return value.map(printYaml).join(", ");
  return [...value].map(([key, each]) => `${key}: ${printYaml(each)}`).join(", ");
}

/** The columns of a schema, which is JSON inside a text; null where there is none. */
export function columns(text: Yaml | undefined): ModelColumn[] | null {
  if (typeof text !== "string") return null;
  const node = parseJson(text);
  return node?.kind === "array" ? node.items.map((item) => column(item)) : null;
}

function column(item: JsonNode): ModelColumn {
  const fallback = part(item, "default");
  return {
    name: word(item, "name"),
    type: typeName(item),
    required: word(item, "required") !== "false",
    ...(fallback ? { fallback: printJson(fallback) } : {}),
  };
}

function part(node: JsonNode | undefined, key: string): JsonNode | undefined {
  return node?.kind === "object" ? node.items[node.keys.indexOf(key)] : undefined;
}

function word(node: JsonNode | undefined, key: string): string {
  const found = part(node, key);
  return found && (found.kind === "string" || found.kind === "plain") ? found.text : "";
}

/** A type in words: `double`, `float32 (-1, 28)`, `array<string>`, `object{a: long, b?: string}`. */
export function typeName(node: JsonNode | undefined): string {
  const kind = word(node, "type");
  if (kind === "tensor") {
    const spec = part(node, "tensor-spec");
    const shape = part(spec, "shape");
    return `${word(spec, "dtype")} (${shape?.kind === "array" ? shape.items.map(printJson).join(", ") : ""})`;
  }
  if (kind === "array") return `array<${typeName(part(node, "items"))}>`;
  if (kind === "map") return `map<string, ${typeName(part(node, "values"))}>`;
  if (kind === "object") {
    const properties = part(node, "properties");
    const inside = properties?.kind === "object"
      ? properties.keys.map((key, i) => `${key}${word(properties.items[i], "required") === "false" ? "?" : ""}: ${typeName(properties.items[i])}`)
      : [];
    return `object{${inside.join(", ")}}`;
  }
  const shape = part(node, "shape");
  return shape?.kind === "array" ? `${kind}[]` : kind || "any";
}

export interface Snippet {
  title: "load" | "predict" | "serve" | "call";
  /** The flavour that it is loaded as, where that is not python_function. */
  flavor?: string;
  text: string;
}

/** How a model is used, for copying: `server` is where this page comes from. */
export function modelSnippets(facts: ModelFacts, uri: string, server: string): Snippet[] {
  const names = facts.flavors.map((flavor) => flavor.name);
  const native = ["sklearn", "pytorch"].find((each) => names.includes(each));
  const start = `import millstream\n\nmillstream.set_tracking_uri(${pythonText(server)})\n`;
  const found: Snippet[] = [];
  if (names.includes("python_function")) {
    found.push(
      { title: "load", text: `${start}model = millstream.pyfunc.load_model(${pythonText(uri)})\nprint(model.predict(data))` },
      { title: "predict", text: `MLFLOW_TRACKING_URI=${server} millstream models predict -m ${shellText(uri)} -i input.json -o output.json` },
      { title: "serve", text: `MLFLOW_TRACKING_URI=${server} millstream models serve -m ${shellText(uri)} -p 5001` },
      { title: "call", text: `curl -H 'Content-Type: application/json' -d ${shellText(exampleRequest(facts))} http://127.0.0.1:5001/invocations` },
    );
  }
  if (native) found.splice(1, 0, { title: "load", flavor: native, text: `${start}model = millstream.${native}.load_model(${pythonText(uri)})` });
  return found;
}

function shellText(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

const SAMPLES: Record<string, string> = { boolean: "true", string: '"text"', datetime: '"2026-01-31T12:00:00"', binary: '"aGk="', integer: "1", long: "1" };

/** A request that fits the signature; the values mean nothing. */
function exampleRequest(facts: ModelFacts): string {
  const inputs = facts.inputs ?? [];
  if (!inputs.length || inputs.some((each) => each.type.includes("("))) return '{"inputs": [[0.0]]}';
  const sample = (each: ModelColumn): string => SAMPLES[each.type] ?? (each.type.startsWith("array") ? "[]" : each.type.startsWith("object") ? "{}" : "0.5");
  if (!inputs[0]?.name) return `{"dataframe_split": {"data": [[${inputs.map(sample).join(", ")}]]}}`;
  return `{"dataframe_records": [{${inputs.map((each) => `${JSON.stringify(each.name)}: ${sample(each)}`).join(", ")}}]}`;
}
