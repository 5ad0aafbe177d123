/** What is done with experiments. It shows at once; where the server refuses it turns back and the reason is told. */

import { createEffect, createSignal, on, type Accessor } from "solid-js";
import { refreshAbout } from "../../app/about";
import { errorText, tell } from "../../app/notices";
import { t } from "../../app/prefs";
import { deleteExperiment, renameExperiment, restoreExperiment } from "../../core/api";
import type { ExperimentColumns } from "../../core/wire";

/** What a dialog asks about. */
export type Asked =
  | { what: "create"; name: string }
  | { what: "rename"; id: string; name: string }
  | { what: "about"; id: string; name: string };

export interface Edits {
  /** The list as it will be when the server has done what it was asked. */
  shown: (table: ExperimentColumns | undefined) => ExperimentColumns | undefined;
  remove: (id: string, name: string) => Promise<void>;
  restore: (id: string, name: string) => Promise<void>;
  rename: (id: string, name: string) => Promise<void>;
  /** Something else was changed. */
  changed: () => void;
}

export function createEdits(list: Accessor<ExperimentColumns | undefined>, reload: () => void): Edits {
  /** Experiments that leave the list, and names that they get; null for those that leave. */
  const [coming, setComing] = createSignal<ReadonlyMap<string, string | null>>(new Map());
  /** What the server has done; the next list says so itself. */
  const done = new Set<string>();
  createEffect(on(list, () => {
    for (const id of done) without(id);
    done.clear();
  }, { defer: true }));
  const without = (id: string): void => { setComing((all) => new Map([...all].filter(([each]) => each !== id))); };
  const changed = (): void => {
    reload();
    void refreshAbout().catch(() => undefined);
  };
  const act = async (id: string, shows: string | null, call: () => Promise<unknown>, told: string, undo?: () => void): Promise<void> => {
    setComing((all) => new Map(all).set(id, shows));
    try {
      await call();
      tell(told, undo && { label: t("action.undo"), run: undo });
    } catch (error) {
      tell(t("experiments.not_changed", { why: errorText(error) }));
      without(id);
      return;
    }
    done.add(id);
    changed();
  };
  const edits: Edits = {
    shown: (table) => {
      const ahead = coming();
      if (!table || ahead.size === 0) return table;
      const stays = table.experiment_id.map((id) => ahead.get(id) !== null);
      const kept = <T>(column: readonly T[]): T[] => column.filter((_, at) => stays[at]);
      const all = Object.fromEntries(Object.entries(table).map(([name, column]) => [name, kept(column as unknown[])])) as unknown as ExperimentColumns;
      return { ...all, name: all.name.map((name, at) => ahead.get(all.experiment_id[at] ?? "") ?? name) };
    },
    remove: (id, name) => act(id, null, () => deleteExperiment(id), t("experiments.was_deleted", { name }), () => { without(id); void edits.restore(id, name); }),
    restore: (id, name) => act(id, name, () => restoreExperiment(id), t("experiments.was_restored", { name })),
    rename: (id, name) => act(id, name, () => renameExperiment(id, name), t("experiments.was_renamed", { name })),
    changed,
  };
  return edits;
}
