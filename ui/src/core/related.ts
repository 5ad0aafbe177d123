/** What belongs to a run: its models, their versions, its child runs, the runs above it. */

import { getRun, getRuns } from "./api";
import { runFiles } from "./files";
import { quoteValue } from "./query";
import { getLoggedModel, searchLoggedModels, searchVersions, type LoggedModel, type ModelVersion } from "./registry";
import type { DatasetUse, Run, RunTable } from "./wire";

export const PARENT = "mlflow.parentRunId";
export const HISTORY = "mlflow.log-model.history";
/** So many child runs are listed; the table shows all. */
export const MOST_CHILDREN = 100;
const MOST_ABOVE = 8;

export const tagOf = (run: Run, key: string): string | undefined => run.data.tags?.find((tag) => tag.key === key)?.value;

/** The models of MLflow 3 that a run made, or logged as its own. */
export async function loggedModels(run: Run, signal?: AbortSignal): Promise<LoggedModel[]> {
  const made = await searchLoggedModels([run.info.experiment_id], `source_run_id = '${run.info.run_id}'`, signal);
  const known = new Set(made.map((model) => model.info.model_id));
  const named = (run.outputs?.model_outputs ?? []).map((each) => each.model_id).filter((id) => !known.has(id));
  const others = await Promise.all(named.map((id) => oneModel(id, signal)));
  return [...made, ...others.filter((model) => model !== null)];
}

/** A logged model; null where it is deleted or hidden. */
async function oneModel(id: string, signal?: AbortSignal): Promise<LoggedModel | null> {
  try {
    return await getLoggedModel(id, signal);
  } catch {
    if (signal?.aborted) throw new DOMException("", "AbortError");
    return null;
  }
}

/** The versions of registered models that come from a run. */
export const versionsOf = async (run: string, signal?: AbortSignal): Promise<ModelVersion[]> =>
  (await searchVersions({ filter: `run_id = '${run}'`, order: "", most: 100 }, signal)).items;

/** The runs directly below a run, the newest first. */
export function childrenOf(run: Run, signal?: AbortSignal): Promise<RunTable> {
  return getRuns({
    experiment_ids: [run.info.experiment_id], filter: `tags.\`${PARENT}\` = ${quoteValue(run.info.run_id)}`, order_by: ["attributes.start_time DESC"],
    view: "ACTIVE_ONLY", offset: 0, limit: MOST_CHILDREN, columns: [],
  }, signal);
}

/** Runs above one another, the outermost first. */
export type Above = { id: string; name: string }[];

/** The runs above a run, the outermost first; as far as they may be read. */
export async function runsAbove(parent: string | undefined, signal?: AbortSignal): Promise<Above> {
  const above: Above = [];
  let id = parent;
  while (id !== undefined && above.length < MOST_ABOVE && !above.some((each) => each.id === id)) {
    let run: Run | null = null;
    try {
      run = await getRun(id, signal);
    } catch (error) {
      if (signal?.aborted) throw error;
    }
    above.unshift({ id, name: run?.info.run_name || id });
    id = run ? tagOf(run, PARENT) : undefined;
  }
  return above;
}

export interface FolderModel {
  path: string;
  flavors: string[];
}

/** The models among a run's files, as its tag tells. */
export function modelsInFiles(run: Run): FolderModel[] {
  const found = new Map<string, FolderModel>();
  let history: unknown;
  try {
    history = JSON.parse(tagOf(run, HISTORY) ?? "[]");
  } catch {
    return [];
  }
  for (const each of Array.isArray(history) ? (history as { artifact_path?: unknown; flavors?: unknown }[]) : []) {
    if (typeof each?.artifact_path !== "string") continue;
    found.set(each.artifact_path, { path: each.artifact_path, flavors: Object.keys((each.flavors as object | undefined) ?? {}) });
  }
  return [...found.values()];
}

export interface DatasetFacts {
  name: string;
  digest: string;
  context: string;
  kind: string;
  /** Where it comes from: an address or a path. */
  source: string;
  columns: { name: string; type: string }[];
  profile: [string, string][];
}

/** A dataset that a run used, with the JSON texts in it read. */
export function datasetFacts(use: DatasetUse): DatasetFacts {
  const { dataset } = use;
  const source = fromJson(dataset.source);
  const place = ["uri", "url", "path", "query"].map((key) => source[key]).find((each) => typeof each === "string");
  return {
    name: dataset.name,
    digest: dataset.digest,
    context: use.tags?.find((tag) => tag.key === "mlflow.data.context")?.value ?? "",
    kind: dataset.source_type,
    source: typeof place === "string" ? place : dataset.source,
    columns: schemaColumns(fromJson(dataset.schema ?? "")),
    profile: Object.entries(fromJson(dataset.profile ?? "")).map(([key, value]) => [key, typeof value === "string" ? value : JSON.stringify(value)]),
  };
}

function fromJson(text: string): Record<string, unknown> {
  try {
    const found: unknown = JSON.parse(text);
    return typeof found === "object" && found !== null && !Array.isArray(found) ? (found as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function schemaColumns(schema: Record<string, unknown>): { name: string; type: string }[] {
  const columns = schema["mlflow_colspec"];
  if (Array.isArray(columns)) return (columns as Record<string, unknown>[]).map((each) => ({ name: String(each?.["name"] ?? ""), type: String(each?.["type"] ?? "") }));
  const tensors = schema["mlflow_tensorspec"];
  if (typeof tensors !== "object" || tensors === null) return [];
  return Object.entries(tensors as Record<string, unknown>).flatMap(([name, text]) => {
    const specs: unknown = typeof text === "string" ? safeParse(text) : text;
    return (Array.isArray(specs) ? specs : []).map((spec: Record<string, unknown>) => {
      const inside = spec?.["tensor-spec"] as { dtype?: unknown; shape?: unknown } | undefined;
      return { name: String(spec?.["name"] ?? name), type: `${String(inside?.dtype ?? "")} (${Array.isArray(inside?.shape) ? inside.shape.join(", ") : ""})` };
    });
  });
}

function safeParse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Folders and files that may say which packages a run had: in its root, and in each model's folder. */
export async function packageFiles(run: Run, signal?: AbortSignal): Promise<string[]> {
  const files = runFiles(run.info.run_id);
  const top = await files.list("", signal);
  const named = new Set(modelsInFiles(run).map((model) => model.path));
  const folders = await Promise.all([...named].slice(0, 20).map((path) => files.list(path, signal)));
  return [...top, ...folders.flat()].filter((file) => !file.is_dir && /(^|\/)(requirements[\w.-]*\.txt|conda\.ya?ml|python_env\.ya?ml|environment\.ya?ml|pyproject\.toml|uv\.lock|poetry\.lock|Pipfile)$/.test(file.path)).map((file) => file.path);
}

/** Files that hold what was changed in the code and not committed. */
export async function diffFiles(run: string, signal?: AbortSignal): Promise<string[]> {
  const top = await runFiles(run).list("", signal);
  return top.filter((file) => !file.is_dir && /\.(diff|patch)$/i.test(file.path)).map((file) => file.path);
}
