/** Where a run's code comes from, as its tags tell. */

import { tagOf } from "./related";
import type { Run } from "./wire";

export interface Provenance {
  commit: string;
  branch: string;
  repository: string;
  /** The script, notebook or project. */
  name: string;
  kind: string;
  entryPoint: string;
  environment: string;
  backend: string;
  image: string;
  user: string;
  /** The command that does it again, of a project; "" where none is known. */
  command: string;
  /** What was not committed, where it is kept in a tag. */
  diff: string;
}

export function provenanceOf(run: Run): Provenance {
  const tag = (key: string): string => tagOf(run, `mlflow.${key}`) ?? "";
  const found = {
    commit: tag("source.git.commit") || tag("gitCommit"),
    branch: tag("source.git.branch") || tag("gitBranchName"),
    repository: tag("source.git.repoURL") || tag("gitRepoURL"),
    name: tag("source.name"),
    kind: tag("source.type"),
    entryPoint: tag("project.entryPoint"),
    environment: tag("project.env"),
    backend: tag("project.backend"),
    image: tag("docker.image.uri"),
    user: tag("user"),
    diff: tag("source.git.diff"),
  };
  return { ...found, command: commandOf(run, found) };
}

function commandOf(run: Run, found: Omit<Provenance, "command">): string {
  if (found.kind !== "PROJECT" || !found.name) return "";
  const version = found.commit && /^(https?:|git@|ssh:)/.test(found.name) ? ["-v", found.commit] : [];
  const entry = found.entryPoint && found.entryPoint !== "main" ? ["-e", found.entryPoint] : [];
  const params = (run.data.params ?? []).flatMap((param) => ["-P", `${param.key}=${param.value}`]);
  return ["millstream", "run", found.name, ...entry, ...version, ...params].map(shellWord).join(" ");
}

const shellWord = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

/** The page of a commit at the host of its repository; null where the address is none that a browser opens. */
export function commitLink(repository: string, commit: string): string | null {
  const found = /^(?:https?:\/\/(?:[^@/\s]+@)?|(?:ssh:\/\/)?git@)([\w.-]+(?::\d+)?)[/:]([\w./~-]+?)(?:\.git)?\/?$/.exec(repository.trim());
  if (!found) return null;
  const base = `https://${found[1]}/${found[2]}`;
  return commit ? `${base}/commit/${encodeURIComponent(commit)}` : base;
}
