/** What can be done with the ticked runs. Deleting only marks runs, so it is done at once and can be undone. */

import { createSignal, Show, type JSX } from "solid-js";
import { errorText, tell } from "../../app/notices";
import { t } from "../../app/prefs";
import { deleteRun, restoreRun } from "../../core/api";
import type { ViewType } from "../../core/wire";

const AT_ONCE = 6;

interface Props {
  ids: ReadonlySet<string>;
  total: number;
  view: ViewType;
  onClear: () => void;
  onChanged: () => void;
}

/** Calls `work` for all ids, a few at a time; returns how many went well and the first failure. */
async function forAll(ids: readonly string[], work: (id: string) => Promise<unknown>): Promise<{ done: string[]; failure: unknown }> {
  const todo = [...ids];
  const done: string[] = [];
  let failure: unknown;
  const worker = async (): Promise<void> => {
    for (let id = todo.pop(); id !== undefined; id = todo.pop()) {
      try {
        await work(id);
        done.push(id);
      } catch (error) {
        failure ??= error;
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return { done, failure };
}

export function SelectionBar(props: Props): JSX.Element {
  const [busy, setBusy] = createSignal(false);
  const run = async (ids: readonly string[], work: typeof deleteRun, said: string, undo?: typeof deleteRun): Promise<void> => {
    setBusy(true);
    const changed = props.onChanged;
    const { done, failure } = await forAll(ids, work);
    setBusy(false);
    const back = undo && done.length ? { label: t("action.undo"), run: () => void run(done, undo, undo === restoreRun ? "runs.restored" : "runs.deleted") } : undefined;
    if (failure !== undefined) tell(t("runs.some_failed", { n: ids.length - done.length, why: errorText(failure) }), back);
    else tell(t(said, { n: done.length }), back);
    if (done.length) props.onClear();
    changed();
  };
  return (
    <div class="selection-bar" role="region" aria-label={t("selection.label")}>
      <strong>{t("selection.count", { n: props.ids.size })}</strong>
      <span class="quiet">{t("selection.of", { n: props.total })}</span>
      <Show when={props.view !== "DELETED_ONLY"}>
        <button type="button" class="danger" disabled={busy()} onClick={() => void run([...props.ids], deleteRun, "runs.deleted", restoreRun)}>{t("action.delete")}</button>
      </Show>
      <Show when={props.view !== "ACTIVE_ONLY"}>
        <button type="button" disabled={busy()} onClick={() => void run([...props.ids], restoreRun, "runs.restored", deleteRun)}>{t("action.restore")}</button>
      </Show>
      <button type="button" disabled={busy()} onClick={() => props.onClear()}>{t("selection.clear")}</button>
    </div>
  );
}
