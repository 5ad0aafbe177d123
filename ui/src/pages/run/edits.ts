/** Changes of a run that show at once; where the server refuses, the run is as it was and the reason is told. */

import type { Loaded } from "../../app/load";
import { errorText, tell } from "../../app/notices";
import { t } from "../../app/prefs";
import type { Run } from "../../core/wire";

/** Says whether it was done. */
export async function editRun(run: Loaded<Run>, patch: (run: Run) => Run, work: () => Promise<unknown>): Promise<boolean> {
  const before = run.data();
  if (!before) return false;
  run.set(patch(before));
  try {
    await work();
    run.reload();
    return true;
  } catch (error) {
    run.set(before);
    tell(t("run.not_saved", { why: errorText(error) }));
    return false;
  }
}

export const withName = (name: string) => (run: Run): Run => ({ ...run, info: { ...run.info, run_name: name } });

export const withStage = (stage: string) => (run: Run): Run => ({ ...run, info: { ...run.info, lifecycle_stage: stage } });

export const withTag = (key: string, value: string | null) => (run: Run): Run => {
  const rest = (run.data.tags ?? []).filter((tag) => tag.key !== key);
  return { ...run, data: { ...run.data, tags: value === null ? rest : [...rest, { key, value }] } };
};
