/** Where files of runs, logged models and versions are asked for, whole or in parts. */

import { ApiError, artifactAddress, get, listArtifacts, readUpTo, REST, send } from "./api";
import { loggedModelFile } from "./registry";
import { loggedModelPath, runPath } from "./router";
import type { ArtifactFile } from "./wire";

const MOST_UNRANGED = 64 * 2 ** 20;

/** The files of one run, logged model or version. */
export interface FileSource {
  /** Tells sources apart. */
  key: string;
  /** The files and folders directly in a folder; "" is the root. */
  list: (path: string, signal?: AbortSignal) => Promise<ArtifactFile[]>;
  /** The address of a file, relative to the page's base. */
  address: (path: string) => string;
  /** The URI with which Python loads what lies at a path. */
  uri: (path: string) => string;
  /** The page's own path that shows what lies there. */
  page: (path: string) => string;
}

export const runFiles = (run: string): FileSource => ({
  key: `run ${run}`,
  list: (path, signal) => listArtifacts(run, path, signal),
  address: (path) => artifactAddress(run, path),
  uri: (path) => `runs:/${run}/${path}`,
  page: (path) => runPath(run, "artifacts", path),
});

/** Of a logged model; its files are shown on the page of the run that made it. */
export const modelFiles = (model: string, run: string): FileSource => {
  const at = `${REST}logged-models/${encodeURIComponent(model)}/artifacts/`;
  return {
    key: `model ${model}`,
    list: async (path, signal) =>
      (await get<{ files?: ArtifactFile[] }>(`${at}directories`, { artifact_directory_path: path || undefined }, signal)).files ?? [],
    address: (path) => loggedModelFile(model, path),
    uri: (path) => `models:/${model}${path && `/${path}`}`,
    page: (path) => loggedModelPath(run, model, path),
  };
};

export interface Part {
  bytes: Uint8Array;
  /** Size of the whole file when the server told, else null. */
  total: number | null;
}

/**
 * At most `length` bytes of a file from `start` on; from its end when `start` is negative. Beyond the end there are none.
 * More is never read, even when the server ignores the range.
 */
export async function readPart(address: string, start: number, length: number, signal?: AbortSignal): Promise<Part> {
  let response: Response;
  try {
    const range = start < 0 ? `bytes=${start}` : `bytes=${start}-${start + length - 1}`;
    response = await send(address, { signal, headers: { range }, cache: "no-cache" });
  } catch (error) {
    // An empty file has no satisfiable range, nor has one that has not grown.
    if (error instanceof ApiError && error.status === 416) return { bytes: new Uint8Array(), total: start <= 0 ? 0 : null };
    throw error;
  }
  const range = /\/(\d+)$/.exec(response.headers.get("content-range") ?? "");
  const told = response.status === 206 ? range?.[1] : response.headers.get("content-length");
  const total = told === undefined || told === null ? null : Number(told);
  if (response.status === 206) return { bytes: await readUpTo(response, length), total };
  // A server or proxy that knows no ranges sends all of it.
  const whole = await readUpTo(response, start < 0 ? MOST_UNRANGED : start + length);
  const bytes = start < 0 ? whole.subarray(Math.max(0, whole.length + start)) : whole.subarray(start);
  return { bytes, total: total ?? (bytes.length < length ? whole.length : null) };
}

/** At most `length` bytes from the beginning of a file that may be empty: of such a one no range can be asked for. */
export async function readHead(address: string, length: number, signal?: AbortSignal): Promise<Part> {
  const response = await send(address, { signal, cache: "no-cache" });
  const told = response.headers.get("content-length");
  return { bytes: await readUpTo(response, length), total: told === null ? null : Number(told) };
}

/** The whole file when it has at most `limit` bytes, else null. */
export async function readWhole(address: string, limit: number, signal?: AbortSignal): Promise<Uint8Array | null> {
  const { bytes, total } = await readPart(address, 0, limit, signal);
  return total !== null && total <= bytes.length ? bytes : null;
}

export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
