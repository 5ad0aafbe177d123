/** The saved views of an experiment: kept at the server in its tags, so that everybody who may read it has them. */

import { createMemo, type Accessor } from "solid-js";
import { errorText, tell } from "../../app/notices";
import { t } from "../../app/prefs";
import { deleteExperimentTag, setExperimentTag } from "../../core/api";
import { FIRST_TAG, formatView, LONGEST, NO_VIEWS, parseViews, VIEW_TAG, viewId, type View, type Views } from "../../core/views";
import type { Experiment } from "../../core/wire";

export interface SavedViews {
  list: Accessor<Views>;
  /** Keeps a view under its id; says whether that could be done. */
  save: (view: View) => Promise<boolean>;
  /** A new view. */
  add: (name: string, search: string) => Promise<View | null>;
  remove: (view: View) => Promise<boolean>;
  /** Makes it the one that shows first; null for none. */
  setFirst: (view: View | null) => Promise<boolean>;
}

export function createViews(experiment: Accessor<Experiment | undefined>, reload: () => void): SavedViews {
  const list = createMemo(() => { const found = experiment(); return found ? parseViews(found.tags ?? []) : NO_VIEWS; });
  const id = (): string => experiment()?.experiment_id ?? "";
  const tried = async (call: () => Promise<unknown>): Promise<boolean> => {
    try {
      await call();
    } catch (error) {
      tell(t("views.not_saved", { why: errorText(error) }));
      return false;
    }
    reload();
    return true;
  };
  const save = (view: View): Promise<boolean> => {
    const value = formatView(view);
    if (value.length <= LONGEST) return tried(() => setExperimentTag(id(), VIEW_TAG + view.id, value));
    tell(t("views.too_long"));
    return Promise.resolve(false);
  };
  return {
    list, save,
    add: async (name, search) => {
      const view = { id: viewId(name, search), name, search };
      return (await save(view)) ? view : null;
    },
    remove: async (view) => {
      const wasFirst = list().first === view.id;
      return tried(async () => {
        await deleteExperimentTag(id(), VIEW_TAG + view.id);
        if (wasFirst) await deleteExperimentTag(id(), FIRST_TAG);
      });
    },
    setFirst: (view) => tried(() => (view ? setExperimentTag(id(), FIRST_TAG, view.id) : deleteExperimentTag(id(), FIRST_TAG))),
  };
}
