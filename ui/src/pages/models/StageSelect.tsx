/** The stage of a version, for clients that go by stages; what was in it before is archived when the reader says so. */

import { createSignal, For, Show, type JSX } from "solid-js";
import { t } from "../../app/prefs";
import { STAGES, type ModelVersion } from "../../core/registry";
import { Dialog } from "../../parts/Dialog";

export function StageSelect(props: { version: ModelVersion; onMove: (stage: string, archive: boolean) => void }): JSX.Element {
  const [wanted, setWanted] = createSignal<string | null>(null);
  const now = (): string => props.version.current_stage ?? "None";
  const [archive, setArchive] = createSignal(true);
  const choose = (stage: string): void => {
    if (stage === "Staging" || stage === "Production") setWanted(stage);
    else props.onMove(stage, false);
  };
  return (
    <>
      <select class={`plain stage-select ${now().toLowerCase()}`} aria-label={t("models.stage_of", { n: props.version.version })} value={now()}
        onChange={(event) => { const stage = event.currentTarget.value; event.currentTarget.value = now(); choose(stage); }}>
        <For each={STAGES}>{(stage) => <option value={stage} selected={now() === stage}>{stage === "None" ? t("models.no_stage") : stage}</option>}</For>
      </select>
      <Show when={wanted()}>
        {(stage) => (
          <Dialog title={t("models.move_title", { n: props.version.version, stage: stage() })} onClose={() => setWanted(null)}>
            <form class="dialog-form" onSubmit={(event) => { event.preventDefault(); const to = stage(); setWanted(null); props.onMove(to, archive()); }}>
              <label class="check"><input type="checkbox" checked={archive()} onChange={(event) => setArchive(event.currentTarget.checked)} /> <span>{t("models.archive_others", { stage: stage() })}</span></label>
              <div class="dialog-actions">
                <button type="button" onClick={() => setWanted(null)}>{t("bulk.cancel")}</button>
                <button type="submit" class="primary">{t("models.move")}</button>
              </div>
            </form>
          </Dialog>
        )}
      </Show>
    </>
  );
}
