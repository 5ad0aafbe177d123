/** What the server sends. Numbers that JSON cannot hold come as the strings "NaN", "Infinity", "-Infinity". */

export type WireNumber = number | "NaN" | "Infinity" | "-Infinity";

export type ViewType = "ACTIVE_ONLY" | "DELETED_ONLY" | "ALL";

export interface StoreFacts {
  kind: string;
  location: string;
  exists: boolean;
  experiments: number;
  runs: number;
  problems: string[];
}

export interface About {
  version: string;
  started: number;
  /** Whether users log in. */
  login: boolean;
  store: StoreFacts;
}

export interface RunTable {
  total: number;
  run_id: string[];
  experiment_id: string[];
  run_name: string[];
  status: string[];
  lifecycle_stage: string[];
  user_id: string[];
  start_time: (number | null)[];
  end_time: (number | null)[];
  artifact_uri: string[];
  metrics: Record<string, (WireNumber | null)[]>;
  params: Record<string, (string | null)[]>;
  tags: Record<string, (string | null)[]>;
}

export interface RunsRequest {
  experiment_ids: string[];
  filter: string;
  order_by: string[];
  view: ViewType;
  offset: number;
  limit: number;
  /** The metrics, params and tags that are wanted; all when not given. */
  columns?: string[];
}

/** Runs in groups, or child runs below their parents, as one list of rows. */
export interface OutlineRequest extends RunsRequest {
  group_by: string[];
  nested: boolean;
  /** Rows that are open: ids of runs and groups. */
  open: string[];
}

export interface MetricStats {
  count: number[];
  mean: (WireNumber | null)[];
  std: (WireNumber | null)[];
  min: (WireNumber | null)[];
  max: (WireNumber | null)[];
}

export interface RunGroups {
  id: string[];
  runs: number[];
  /** By key of `group_by` what the group's runs have there. */
  values: Record<string, (string | null)[]>;
  metrics: Record<string, MetricStats>;
}

/** A window of rows: row i is run `run[i]` of the table, or the next group where that is null. */
export interface RunOutline {
  /** Rows, with what is below open ones. */
  total: number;
  /** Matching runs. */
  runs: number;
  run: (number | null)[];
  depth: number[];
  /** Rows directly below, also of rows that are not open. */
  below: number[];
  table: RunTable;
  groups: RunGroups;
}

export interface KeyColumns {
  key: string[];
  runs: number[];
  varies: boolean[];
  numeric: boolean[];
  value: (string | null)[];
}

export interface RunKeys {
  total: number;
  metrics: KeyColumns;
  params: KeyColumns;
  tags: KeyColumns;
}

/** The first question of a page of runs: the keys of all runs, and a first window with the likeliest columns, or with `columns`. */
export interface OpeningRequest {
  experiment_id: string;
  filter: string;
  order_by: string[];
  view: ViewType;
  columns?: string[];
  /** At most so many of each, where no columns are named. */
  metrics: number;
  params: number;
  group_by: string[];
  /** Child runs below their parents, where there are some. */
  nested: boolean;
  open: string[];
  limit: number;
}

export interface Opening {
  /** Changes that may not be in it come after this place in the stream of changes. */
  position: string;
  experiment: Experiment;
  keys: RunKeys;
  /** One of the two. */
  table: RunTable | null;
  outline: RunOutline | null;
}

export interface Facet {
  key: string;
  present: number;
  distinct: number;
  values: [string, number][];
  minimum: WireNumber | null;
  maximum: WireNumber | null;
  undefined: number;
}

export interface KeyValue {
  key: string;
  value: string;
}

export interface Experiment {
  experiment_id: string;
  name: string;
  artifact_location?: string;
  lifecycle_stage: string;
  creation_time?: number | string;
  last_update_time?: number | string;
  tags?: KeyValue[];
}

/** All experiments in columns, the newest first. */
export interface ExperimentColumns {
  experiment_id: string[];
  name: string[];
  lifecycle_stage: string[];
  creation_time: (number | null)[];
  /** The beginning of each note. */
  note: string[];
  /** Active runs, and those of them that run now. */
  runs: number[];
  running: number[];
  /** The run that started last. */
  last_run: (string | null)[];
  last_name: (string | null)[];
  last_status: (string | null)[];
  last_start: (number | null)[];
}

export interface RunInfo {
  run_id: string;
  experiment_id: string;
  run_name?: string;
  user_id?: string;
  status: string;
  start_time?: number | string;
  end_time?: number | string;
  artifact_uri?: string;
  lifecycle_stage: string;
}

export interface LatestMetric {
  key: string;
  value: WireNumber;
  timestamp?: number | string;
  step?: number | string;
}

export interface Dataset {
  name: string;
  digest: string;
  source_type: string;
  source: string;
  schema?: string;
  profile?: string;
}

export interface DatasetUse {
  dataset: Dataset;
  tags?: KeyValue[];
}

export interface Run {
  info: RunInfo;
  data: { metrics?: LatestMetric[]; params?: KeyValue[]; tags?: KeyValue[] };
  inputs?: { dataset_inputs?: DatasetUse[]; model_inputs?: { model_id: string }[] };
  outputs?: { model_outputs?: { model_id: string; step: number }[] };
}

export interface ArtifactFile {
  path: string;
  is_dir: boolean;
  file_size?: number | string;
}

/** A wire number as a number; null stays null. */
export function toNumber(value: WireNumber | null | undefined): number | null {
  if (value === null || value === undefined) return null;
  if (typeof value === "number") return value;
  if (value === "Infinity") return Infinity;
  return value === "-Infinity" ? -Infinity : NaN;
}

/** A 64-bit integer of the REST interface, which may come as text; absent is null. */
export function toInteger(value: number | string | null | undefined): number | null {
  if (value === null || value === undefined || value === "") return null;
  const number = Number(value);
  return Number.isFinite(number) ? number : null;
}
