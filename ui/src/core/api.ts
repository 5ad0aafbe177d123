/** Calls to the server. Every failure becomes an `ApiError` that says what was asked and what came back. */

import { basePath, loginAddress, withQuery } from "./base";
import { CURVES_TYPE, readCurves, readJsonCurves, type Curve } from "./curves";
import type { CurvesQuestion } from "./curve_store";
import type {
  About, ArtifactFile, Experiment, ExperimentColumns, Facet, Opening, OpeningRequest, OutlineRequest, Run, RunKeys, RunOutline, RunsRequest, RunTable, ViewType,
} from "./wire";

export const REST = "ajax-api/2.0/mlflow/";

/** A call that failed: `status` is 0 when no answer came at all. */
export class ApiError extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly call: string,
    readonly code: string = "",
    /** The id of the request in the server's log. */
    readonly request: string = "",
  ) {
    super(message);
    this.name = "ApiError";
  }
}

/** Whether the server says that there is no such thing. */
export const isMissing = (error: unknown): boolean => error instanceof ApiError && (error.status === 404 || error.code === "RESOURCE_DOES_NOT_EXIST");

type Listener = (online: boolean) => void;
const listeners = new Set<Listener>();

/** Tells `listener` after every call whether the server answered; returns the way to stop. */
export function onReach(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export async function send(path: string, init: RequestInit): Promise<Response> {
  const call = `${init.method ?? "GET"} ${path}`;
  let response: Response;
  try {
    response = await fetch(new URL(path, document.baseURI), init);
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
    for (const listener of listeners) listener(false);
    throw new ApiError("", 0, call);
  }
  for (const listener of listeners) listener(true);
  if (response.ok) return response;
  const error = await failure(response, call);
  // Ours, not a proxy's: only our server has a page to log in on.
  if (error.status === 401 && error.code === "UNAUTHENTICATED") {
    location.assign(loginAddress(basePath(document.baseURI), location.pathname + location.search));
  }
  throw error;
}

async function failure(response: Response, call: string): Promise<ApiError> {
  const text = await response.text().catch(() => "");
  const request = response.headers.get("x-request-id") ?? "";
  try {
    const body = JSON.parse(text) as { message?: unknown; error_code?: unknown };
    return new ApiError(String(body.message ?? response.statusText), response.status, call, String(body.error_code ?? ""), request);
  } catch {
    return new ApiError(response.statusText, response.status, call, "", request);
  }
}

async function read<T>(response: Response, call: string): Promise<T> {
  try {
    return (await response.json()) as T;
  } catch {
    throw new ApiError("The answer is not JSON.", response.status, call);
  }
}

/** One call with a body of JSON, or none. */
export async function call<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const headers: Record<string, string> = { accept: "application/json", ...(body === undefined ? {} : { "content-type": "application/json" }) };
  const response = await send(path, { method, signal, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  return read<T>(response, `${method} ${path}`);
}

/** Ends the login in this browser; then the page to log in on is the only one. */
export async function logOut(): Promise<void> {
  await send("logout", { method: "POST" });
  location.assign(loginAddress(basePath(document.baseURI), basePath(document.baseURI)));
}

export async function get<T>(path: string, query: Record<string, string | undefined> = {}, signal?: AbortSignal): Promise<T> {
  const address = withQuery(path, query);
  return read<T>(await send(address, { signal, headers: { accept: "application/json" } }), `GET ${address}`);
}

/** Sends JSON; the answer is JSON. */
export async function post<T>(path: string, body: unknown, signal?: AbortSignal, method = "POST"): Promise<T> {
  const init = { method, signal, headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  return read<T>(await send(path, init), `${method} ${path}`);
}

export const getAbout = (signal?: AbortSignal): Promise<About> => get("api/ui/about", {}, signal);

export const getRuns = (request: RunsRequest, signal?: AbortSignal): Promise<RunTable> =>
  post("api/ui/runs", request, signal);

export const getOutline = (request: OutlineRequest, signal?: AbortSignal): Promise<RunOutline> =>
  post("api/ui/outline", request, signal);

export const openExperiment = (request: OpeningRequest, signal?: AbortSignal): Promise<Opening> =>
  post("api/ui/opening", request, signal);

export interface WhichRuns {
  experiment_ids: string[];
  filter: string;
  view: ViewType;
}

export const getKeys = (which: WhichRuns, signal?: AbortSignal): Promise<RunKeys> => post("api/ui/keys", which, signal);

export const getFacets = async (request: WhichRuns & { keys: string[]; limit: number }, signal?: AbortSignal): Promise<Facet[]> =>
  (await post<{ facets: Facet[] }>("api/ui/facets", request, signal)).facets;

/** How many runs match. */
export const countRuns = async (which: WhichRuns, signal?: AbortSignal): Promise<number> =>
  (await getRuns({ ...which, order_by: [], offset: 0, limit: 0, columns: [] }, signal)).total;

/** The curves of a question, in binary; a page that was sent as a file has them in JSON. */
export async function getCurves(question: CurvesQuestion, signal?: AbortSignal): Promise<Curve[]> {
  const path = "api/ui/curves";
  const headers = { "content-type": "application/json", accept: `${CURVES_TYPE}, application/json;q=0.5` };
  const response = await send(path, { method: "POST", signal, headers, body: JSON.stringify(question) });
  if (response.headers.get("content-type") !== CURVES_TYPE) return readJsonCurves(await read(response, `POST ${path}`));
  return readCurves(await response.arrayBuffer(), question.run_ids, question.keys);
}

export async function searchExperiments(
  request: { view_type: ViewType; page_token?: string },
  signal?: AbortSignal,
): Promise<{ experiments: Experiment[]; next: string | undefined }> {
  const body = { max_results: 1000, ...request };
  const answer = await post<{ experiments?: Experiment[]; next_page_token?: string }>(
    `${REST}experiments/search`, body, signal,
  );
  return { experiments: answer.experiments ?? [], next: answer.next_page_token || undefined };
}

export const getExperiment = async (id: string, signal?: AbortSignal): Promise<Experiment> =>
  (await get<{ experiment: Experiment }>(`${REST}experiments/get`, { experiment_id: id }, signal)).experiment;

export const listExperiments = (view: ViewType, signal?: AbortSignal): Promise<ExperimentColumns> => post("api/ui/experiments", { view }, signal);

/** Active runs of all experiments, the newest first: with these words in their name or id, or of a status. */
export const findRuns = (which: { text?: string; status?: string; limit: number }, signal?: AbortSignal): Promise<RunTable> =>
  post("api/ui/find-runs", which, signal);

/** Makes an experiment and tells its id. */
export const createExperiment = async (name: string): Promise<string> =>
  (await post<{ experiment_id: string }>(`${REST}experiments/create`, { name })).experiment_id;

export const renameExperiment = (id: string, name: string): Promise<unknown> => post(`${REST}experiments/update`, { experiment_id: id, new_name: name });

export const deleteExperiment = (id: string): Promise<unknown> => post(`${REST}experiments/delete`, { experiment_id: id });

export const restoreExperiment = (id: string): Promise<unknown> => post(`${REST}experiments/restore`, { experiment_id: id });

export const setExperimentTag = (id: string, key: string, value: string): Promise<unknown> =>
  post(`${REST}experiments/set-experiment-tag`, { experiment_id: id, key, value });

export const deleteExperimentTag = (id: string, key: string): Promise<unknown> =>
  post(`${REST}experiments/delete-experiment-tag`, { experiment_id: id, key });

export const getRun = async (id: string, signal?: AbortSignal): Promise<Run> =>
  (await get<{ run: Run }>(`${REST}runs/get`, { run_id: id }, signal)).run;

export const deleteRun = (id: string): Promise<unknown> => post(`${REST}runs/delete`, { run_id: id });

export const restoreRun = (id: string): Promise<unknown> => post(`${REST}runs/restore`, { run_id: id });

/** Gives a run another name. */
export const renameRun = (id: string, name: string): Promise<unknown> => post(`${REST}runs/update`, { run_id: id, run_name: name });

export const setRunTag = (id: string, key: string, value: string): Promise<unknown> =>
  post(`${REST}runs/set-tag`, { run_id: id, key, value });

export const deleteRunTag = (id: string, key: string): Promise<unknown> => post(`${REST}runs/delete-tag`, { run_id: id, key });

/** Gives runs, at most 1,000, to another experiment. */
export const moveRuns = (ids: string[], experiment: string): Promise<unknown> =>
  post("api/ui/move", { run_ids: ids, experiment_id: experiment });

/** The address of all matching runs as a file. */
export function exportAddress(which: WhichRuns & { order_by: string[] }, format: "csv" | "json", columns: readonly string[]): string {
  const query = new URLSearchParams({ filter: which.filter, view: which.view, format });
  for (const id of which.experiment_ids) query.append("experiment_id", id);
  for (const key of which.order_by) query.append("order_by", key);
  for (const column of columns) query.append("columns", column);
  if (format === "csv") query.set("bom", "true");
  return `api/ui/export?${query}`;
}

export const listArtifacts = async (runId: string, path: string, signal?: AbortSignal): Promise<ArtifactFile[]> =>
  (await get<{ files?: ArtifactFile[] }>(`${REST}artifacts/list`, { run_id: runId, path: path || undefined }, signal))
    .files ?? [];

/** The address of an artifact, relative to the page's base. */
export const artifactAddress = (runId: string, path: string): string => withQuery("get-artifact", { run_id: runId, path });

/** At most `limit` bytes of an answer; the rest is not waited for. */
export async function readUpTo(response: Response, limit: number): Promise<Uint8Array> {
  const reader = response.body?.getReader();
  if (!reader) return new Uint8Array();
  const parts: Uint8Array[] = [];
  let size = 0;
  while (size < limit) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    size += value.length;
  }
  void reader.cancel().catch(() => undefined);
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes.subarray(0, limit);
}
