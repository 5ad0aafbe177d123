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
}

export interface Series {
  run_id: string;
  key: string;
  step: number[];
  time: number[];
  value: WireNumber[];
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

export interface Run {
  info: RunInfo;
  data: { metrics?: LatestMetric[]; params?: KeyValue[]; tags?: KeyValue[] };
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
