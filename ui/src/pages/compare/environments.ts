/** What runs needed to run: the requirements of the models that they logged, or of a file among their artifacts. */

import { artifactAddress, listArtifacts } from "../../core/api";
import { readPart } from "../../core/files";
import { decodeText, PREVIEW_BYTES } from "../../core/preview";
import { loggedModelFile, modelsOfRuns } from "../../core/registry";
import { modelPaths, parseRequirements, pythonOf } from "../../core/requirements";
import { throttle } from "../../core/throttle";
import type { RunTable } from "../../core/wire";

const AT_ONCE = 6;
const REQUIREMENTS = "requirements.txt";
const PYTHON = "python_env.yaml";
const HISTORY = "mlflow.log-model.history";

export type Environment = ReadonlyMap<string, string>;
type Read = (name: string) => Promise<string>;

export interface Environments {
  found: ReadonlyMap<string, Environment>;
  /** Runs whose files could not be read. */
  failed: number;
}

/** The environments of the runs of a table that have one. */
export async function environmentsOf(table: RunTable, signal: AbortSignal): Promise<Environments> {
  const models = await modelsOfRuns([...new Set(table.experiment_id)], table.run_id, signal).catch(() => new Map<string, string>());
  const queue = throttle<void>(AT_ONCE);
  const found = new Map<string, Environment>();
  let failed = 0;
  await Promise.all(table.run_id.map((run, at) => queue(async () => {
    const place = await whereOf(run, models.get(run), table.tags[HISTORY]?.[at], signal);
    const environment = place && (await read(place, signal));
    if (environment?.size) found.set(run, environment);
  }).catch(() => { failed += 1; })));
  signal.throwIfAborted();
  return { found, failed };
}

interface Place {
  read: Read;
  files: ReadonlySet<string>;
}

/** Where a run's requirements lie: beside its newest model, in its logged model, or at the top of its artifacts. */
async function whereOf(run: string, model: string | undefined, history: string | null | undefined, signal: AbortSignal): Promise<Place | null> {
  const among = async (folder: string): Promise<Place> => {
    const files = await listArtifacts(run, folder, signal);
    return { files: new Set(files.map((file) => baseOf(file.path))), read: (name) => textAt(artifactAddress(run, folder ? `${folder}/${name}` : name), signal) };
  };
  const [newest] = modelPaths(history);
  for (const folder of newest === undefined ? [] : [newest]) {
    const place = await among(folder);
    if (place.files.has(REQUIREMENTS)) return place;
  }
  if (model !== undefined) return { files: new Set([REQUIREMENTS, PYTHON]), read: (name) => textAt(loggedModelFile(model, name), signal) };
  return among("");
}

const baseOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

const textAt = async (address: string, signal: AbortSignal): Promise<string> => decodeText((await readPart(address, 0, PREVIEW_BYTES, signal)).bytes);

async function read(place: Place, signal: AbortSignal): Promise<Environment> {
  const found = new Map<string, string>();
  if (place.files.has(PYTHON)) {
    const python = pythonOf(await place.read(PYTHON).catch(() => ""));
    if (python && !signal.aborted) found.set("python", python);
  }
  if (place.files.has(REQUIREMENTS)) for (const [name, version] of parseRequirements(await place.read(REQUIREMENTS))) found.set(name, version);
  return found;
}
