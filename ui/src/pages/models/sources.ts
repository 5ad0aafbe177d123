/** The models of a run that can be registered. */

import { listArtifacts } from "../../core/api";
import { searchLoggedModels } from "../../core/registry";
import { modelPaths } from "../../core/requirements";
import type { Run } from "../../core/wire";

export interface Source {
  label: string;
  source: string;
  /** The logged model that it is. */
  model?: string;
}

const HISTORY = "mlflow.log-model.history";

/** Logged models of the run, then folders with models among its files, the newest first. */
export async function sourcesOf(run: Run, signal: AbortSignal): Promise<Source[]> {
  const { run_id: id, experiment_id: experiment } = run.info;
  const logged = (await searchLoggedModels([experiment], `source_run_id = '${id}'`, signal))
    .map(({ info }) => ({ label: `${info.name ?? info.model_id} (${info.model_id})`, source: `models:/${info.model_id}`, model: info.model_id }));
  const named = modelPaths(run.data.tags?.find((tag) => tag.key === HISTORY)?.value);
  const folders = named.length ? named : await modelFolders(id, signal);
  return [...logged, ...folders.map((path) => ({ label: path, source: `runs:/${id}/${path}` }))];
}

/** Folders at the top of a run's artifacts with a file MLmodel in them. */
async function modelFolders(run: string, signal: AbortSignal): Promise<string[]> {
  const folders = (await listArtifacts(run, "", signal)).filter((file) => file.is_dir).slice(0, 20);
  const found = await Promise.all(folders.map(async (folder) => ((await listArtifacts(run, folder.path, signal)).some((file) => file.path === `${folder.path}/MLmodel`) ? folder.path : "")));
  return found.filter(Boolean);
}
