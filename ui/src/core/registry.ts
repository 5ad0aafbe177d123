/** Calls about registered models, their versions, and logged models. */

import { get, post, REST } from "./api";
import { withQuery } from "./base";
import type { FileSource } from "./files";
import { versionPath } from "./router";
import type { ArtifactFile, KeyValue } from "./wire";

export interface ModelVersion {
  name: string;
  version: string;
  creation_timestamp?: number | string;
  last_updated_timestamp?: number | string;
  user_id?: string;
  current_stage?: string;
  description?: string;
  source?: string;
  run_id?: string;
  run_link?: string;
  status?: string;
  status_message?: string;
  model_id?: string;
  tags?: KeyValue[];
  aliases?: string[];
}

export interface RegisteredModel {
  name: string;
  creation_timestamp?: number | string;
  last_updated_timestamp?: number | string;
  description?: string;
  latest_versions?: ModelVersion[];
  tags?: KeyValue[];
  aliases?: { alias: string; version: string }[];
}

export interface LoggedModel {
  info: {
    model_id: string;
    experiment_id: string;
    name?: string;
    model_type?: string;
    source_run_id?: string;
    artifact_uri?: string;
    status?: string;
    creation_timestamp_ms?: number | string;
  };
}

export const STAGES = ["None", "Staging", "Production", "Archived"] as const;

const MODELS = `${REST}registered-models/`;
const VERSIONS = `${REST}model-versions/`;

export interface Page<T> {
  items: T[];
  next: string | undefined;
}

export interface ModelSearch {
  filter: string;
  order: string;
  most: number;
  token?: string | undefined;
}

export async function searchModels(asked: ModelSearch, signal?: AbortSignal): Promise<Page<RegisteredModel>> {
  const query = { filter: asked.filter || undefined, order_by: asked.order || undefined, max_results: String(asked.most), page_token: asked.token };
  const answer = await get<{ registered_models?: RegisteredModel[]; next_page_token?: string }>(`${MODELS}search`, query, signal);
  return { items: answer.registered_models ?? [], next: answer.next_page_token || undefined };
}

export const getModel = async (name: string, signal?: AbortSignal): Promise<RegisteredModel> =>
  (await get<{ registered_model: RegisteredModel }>(`${MODELS}get`, { name }, signal)).registered_model;

export const createModel = (name: string, description: string): Promise<unknown> =>
  post(`${MODELS}create`, { name, ...(description ? { description } : {}) });

export const renameModel = (name: string, to: string): Promise<unknown> => post(`${MODELS}rename`, { name, new_name: to });

export const describeModel = (name: string, description: string): Promise<unknown> => post(`${MODELS}update`, { name, description }, undefined, "PATCH");

export const deleteModel = (name: string): Promise<unknown> => post(`${MODELS}delete`, { name }, undefined, "DELETE");

export const setModelTag = (name: string, key: string, value: string): Promise<unknown> => post(`${MODELS}set-tag`, { name, key, value });

export const deleteModelTag = (name: string, key: string): Promise<unknown> => post(`${MODELS}delete-tag`, { name, key }, undefined, "DELETE");

export const setAlias = (name: string, alias: string, version: string): Promise<unknown> => post(`${MODELS}alias`, { name, alias, version });

export const deleteAlias = (name: string, alias: string): Promise<unknown> => post(`${MODELS}alias`, { name, alias }, undefined, "DELETE");

export async function searchVersions(asked: ModelSearch, signal?: AbortSignal): Promise<Page<ModelVersion>> {
  const query = { filter: asked.filter || undefined, order_by: asked.order || undefined, max_results: String(asked.most), page_token: asked.token };
  const answer = await get<{ model_versions?: ModelVersion[]; next_page_token?: string }>(`${VERSIONS}search`, query, signal);
  return { items: answer.model_versions ?? [], next: answer.next_page_token || undefined };
}

export const getVersion = async (name: string, version: string, signal?: AbortSignal): Promise<ModelVersion> =>
  (await get<{ model_version: ModelVersion }>(`${VERSIONS}get`, { name, version }, signal)).model_version;

export interface NewVersion {
  name: string;
  source: string;
  run_id?: string;
  model_id?: string;
  description?: string;
}

export const createVersion = async (asked: NewVersion): Promise<ModelVersion> =>
  (await post<{ model_version: ModelVersion }>(`${VERSIONS}create`, asked)).model_version;

export const describeVersion = (name: string, version: string, description: string): Promise<unknown> =>
  post(`${VERSIONS}update`, { name, version, description }, undefined, "PATCH");

export const deleteVersion = (name: string, version: string): Promise<unknown> => post(`${VERSIONS}delete`, { name, version }, undefined, "DELETE");

/** `archive`: what is in the stage already leaves it for Archived. */
export const moveVersion = (name: string, version: string, stage: string, archive: boolean): Promise<unknown> =>
  post(`${VERSIONS}transition-stage`, { name, version, stage, archive_existing_versions: archive });

export const setVersionTag = (name: string, version: string, key: string, value: string): Promise<unknown> =>
  post(`${VERSIONS}set-tag`, { name, version, key, value });

export const deleteVersionTag = (name: string, version: string, key: string): Promise<unknown> =>
  post(`${VERSIONS}delete-tag`, { name, version, key }, undefined, "DELETE");

/** The address of a file of a version, relative to the page's base. */
export const versionFile = (name: string, version: string, path: string): string =>
  withQuery("model-versions/get-artifact", { name, version, path });

/** The address of a file of a logged model. */
export const loggedModelFile = (model: string, path: string): string =>
  withQuery(`${REST}logged-models/${encodeURIComponent(model)}/artifacts/files`, { artifact_file_path: path });

export const getLoggedModel = async (id: string, signal?: AbortSignal): Promise<LoggedModel> =>
  (await get<{ model: LoggedModel }>(`${REST}logged-models/${encodeURIComponent(id)}`, {}, signal)).model;

const FOUND_AT_ONCE = 1000;

/** Logged models that runs made, the newest first; `filter` in the grammar of the store. */
export async function searchLoggedModels(experiments: readonly string[], filter: string, signal?: AbortSignal): Promise<LoggedModel[]> {
  const order_by = [{ field_name: "creation_timestamp", ascending: false }];
  const body = { experiment_ids: experiments, filter, max_results: FOUND_AT_ONCE, order_by };
  return (await post<{ models?: LoggedModel[] }>(`${REST}logged-models/search`, body, signal)).models ?? [];
}

/** Of each of these runs that made a logged model, the newest one. */
export async function modelsOfRuns(experiments: readonly string[], runs: readonly string[], signal?: AbortSignal): Promise<Map<string, string>> {
  if (runs.length === 0) return new Map();
  const filter = `source_run_id IN (${runs.map((run) => `'${run}'`).join(", ")})`;
  const found = new Map<string, string>();
  for (const { info } of await searchLoggedModels(experiments, filter, signal)) {
    if (info.source_run_id && !found.has(info.source_run_id)) found.set(info.source_run_id, info.model_id);
  }
  return found;
}

/** The filter that finds a text in names, whatever the case. Quotes, of which the grammar takes one kind a text, match any sign. */
export function nameFilter(text: string): string {
  const words = text.trim().replaceAll(/["']/g, "_");
  return words ? `name ILIKE '%${words}%'` : "";
}

/** The files and folders in a folder of a version's model; "" is the root. */
export const listVersionFiles = async (name: string, version: string, path: string, signal?: AbortSignal): Promise<ArtifactFile[]> =>
  (await get<{ files?: ArtifactFile[] }>("api/ui/version-files", { name, version, path: path || undefined }, signal)).files ?? [];

export interface ScoringServer {
  url: string;
  /** What it serves, where that is known. */
  model: string;
}

/** The scoring servers that this server may call. */
export const getScoringServers = async (signal?: AbortSignal): Promise<ScoringServer[]> =>
  (await get<{ servers?: ScoringServer[] }>("api/ui/scoring-servers", {}, signal)).servers ?? [];

export interface Score {
  status: number;
  milliseconds: number;
  type: string;
  body: string;
  /** Whether the answer is longer than what is here. */
  cut: boolean;
}

/** What a scoring server says to a request, a text in JSON. */
export const score = (url: string, request: string, signal?: AbortSignal): Promise<Score> => post("api/ui/score", { url, request }, signal);

/** Of a version; a file of it is shown on its own page. */
export const versionFiles = (name: string, version: string): FileSource => ({
  key: `version ${version} ${name}`,
  list: (path, signal) => listVersionFiles(name, version, path, signal),
  address: (path) => versionFile(name, version, path),
  uri: (path) => `models:/${name}/${version}${path && `/${path}`}`,
  page: (path) => `${versionPath(name, version)}${path ? `?file=${encodeURIComponent(path)}` : ""}`,
});
