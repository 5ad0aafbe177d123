/** Changes that show at once; where the server refuses, everything is as it was and the reason is told. */

import type { Loaded } from "../../app/load";
import { errorText, tell } from "../../app/notices";
import { t } from "../../app/prefs";
import type { KeyValue } from "../../core/wire";

/** Says whether it was done. */
export async function edit<T>(loaded: Loaded<T>, patch: (data: T) => T, work: () => Promise<unknown>): Promise<boolean> {
  const before = loaded.data();
  if (before === undefined) return false;
  loaded.set(patch(before));
  try {
    await work();
    loaded.reload();
    return true;
  } catch (error) {
    loaded.set(before);
    tell(t("models.not_saved", { why: errorText(error) }));
    return false;
  }
}

export function withTag(tags: KeyValue[] | undefined, key: string, value: string | null): KeyValue[] {
  const rest = (tags ?? []).filter((tag) => tag.key !== key);
  return value === null ? rest : [...rest, { key, value }];
}
