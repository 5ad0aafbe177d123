/** Which page an app path names. */

export type RunTab = "overview" | "metrics" | "system" | "logs" | "artifacts" | "source";

export type Route =
  | { page: "experiments" }
  | { page: "runs"; experiment: string }
  | { page: "run"; run: string; tab: RunTab }
  | { page: "compare" }
  | { page: "models" }
  | { page: "model"; model: string }
  | { page: "version"; model: string; version: string }
  | { page: "settings" }
  | { page: "missing"; path: string };

const TABS: readonly string[] = ["overview", "metrics", "system", "logs", "artifacts", "source"];

/** The page of a path; unknown paths are `missing`, never an error. */
export function matchRoute(path: string): Route {
  let parts: string[];
  try {
    parts = path.split("/").filter(Boolean).map(decodeURIComponent);
  } catch {
    return { page: "missing", path };
  }
  const [head, id, tab, rest] = parts;
  if (head === undefined) return { page: "experiments" };
  if (head === "e" && id !== undefined && (tab === undefined || tab === "runs") && rest === undefined) {
    return { page: "runs", experiment: id };
  }
  if (head === "r" && id !== undefined && rest === undefined && (tab === undefined || TABS.includes(tab))) {
    return { page: "run", run: id, tab: (tab ?? "overview") as RunTab };
  }
  if (head === "compare" && id === undefined) return { page: "compare" };
  if (head === "models" && id === undefined) return { page: "models" };
  if (head === "models" && id !== undefined && tab === undefined) return { page: "model", model: id };
  if (head === "models" && id !== undefined && tab === "v" && /^[1-9]\d*$/.test(rest ?? "") && parts.length === 4) {
    return { page: "version", model: id, version: rest ?? "" };
  }
  if (head === "settings" && id === undefined) return { page: "settings" };
  return { page: "missing", path };
}

export const modelPath = (name: string): string => `/models/${encodeURIComponent(name)}`;

export const versionPath = (name: string, version: string): string => `${modelPath(name)}/v/${version}`;

export function experimentPath(id: string): string {
  return `/e/${encodeURIComponent(id)}`;
}

/** The path of a run's page; `artifact` opens one file of it. */
export function runPath(id: string, tab: RunTab = "overview", artifact?: string): string {
  const path = `/r/${encodeURIComponent(id)}${tab === "overview" ? "" : `/${tab}`}`;
  return artifact ? `${path}?path=${encodeURIComponent(artifact)}` : path;
}

/** The path of a logged model's files, on the page of its run. */
export function loggedModelPath(run: string, model: string, artifact = ""): string {
  const path = runPath(run, "artifacts");
  return `${path}?${new URLSearchParams({ model, ...(artifact ? { path: artifact } : {}) })}`;
}
