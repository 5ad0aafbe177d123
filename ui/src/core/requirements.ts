/** What pip's requirement files and Python environments say, as package → version. */

/** Packages of a requirements.txt by their normal name; what a line says behind the name is the version. */
export function parseRequirements(text: string): Map<string, string> {
  const found = new Map<string, string>();
  // A backslash at the end joins lines, as in files with hashes.
  for (const line of text.replace(/\\\r?\n/g, " ").split(/\r?\n/)) {
    const plain = line.replace(/(^|\s)#.*$/, "").replace(/\s--hash=\S+/g, "").trim();
    if (!plain || plain.startsWith("-")) continue;
    const named = /^([A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[[^\]]*\])?\s*(.*)$/.exec(plain);
    const isPlace = /^(\.|\/|[a-z+]+:\/\/)/i.test(plain);
    if (isPlace || !named) found.set(plain, "");
    else found.set(normalName(named[1] ?? ""), `${named[2] ?? ""}${shorten(named[3] ?? "")}`.trim());
  }
  return found;
}

/** PEP 503: case, and dashes, dots and underscores, tell no names apart. */
export const normalName = (name: string): string => name.toLowerCase().replace(/[-_.]+/g, "-");

/** An exact version without its signs. */
function shorten(version: string): string {
  const exact = /^==\s*([^\s,;=*]+)$/.exec(version.trim());
  return exact?.[1] ?? version.trim();
}

/** The Python version of a python_env.yaml, or null. */
export function pythonOf(text: string): string | null {
  return /^python:\s*["']?([^"'\s#]+)/m.exec(text)?.[1] ?? null;
}

/** Where the models lie that a run's tag `mlflow.log-model.history` tells of, the newest first. */
export function modelPaths(history: string | null | undefined): string[] {
  try {
    const found = JSON.parse(history ?? "[]") as unknown;
    if (!Array.isArray(found)) return [];
    const paths = found.map((each: { artifact_path?: unknown } | null) => each?.artifact_path).filter((path) => typeof path === "string" && path !== "");
    return [...new Set((paths as string[]).reverse())];
  } catch {
    return [];
  }
}
