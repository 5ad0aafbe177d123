/** Which page an app path names. */

export type RunTab = "overview" | "metrics" | "system" | "artifacts";

export type Route =
  | { page: "experiments" }
  | { page: "runs"; experiment: string }
  | { page: "run"; run: string; tab: RunTab }
  | { page: "missing"; path: string };

const TABS: readonly string[] = ["overview", "metrics", "system", "artifacts"];

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
  return { page: "missing", path };
}

export function experimentPath(id: string): string {
  return `/e/${encodeURIComponent(id)}`;
}

/** The path of a run's page; `artifact` opens one file of it. */
export function runPath(id: string, tab: RunTab = "overview", artifact?: string): string {
  const path = `/r/${encodeURIComponent(id)}${tab === "overview" ? "" : `/${tab}`}`;
  return artifact ? `${path}?path=${encodeURIComponent(artifact)}` : path;
}
