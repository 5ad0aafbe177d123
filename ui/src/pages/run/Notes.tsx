/** The notes of a run in Markdown, written in place. A draft is kept until it is saved or thrown away. */

import { createSignal, lazy, Show, Suspense, type JSX } from "solid-js";
import type { Loaded } from "../../app/load";
import { t } from "../../app/prefs";
import { deleteRunTag, setRunTag } from "../../core/api";
import { runFiles } from "../../core/files";
import { tagOf } from "../../core/related";
import type { Run } from "../../core/wire";
import { editRun, withTag } from "./edits";
import { Pencil } from "./RunHeader";

const Prose = lazy(() => import("../../preview/Prose").then((module) => ({ default: module.Prose })));
export const NOTE = "mlflow.note.content";

export function Notes(props: { run: Run; loaded: Loaded<Run> }): JSX.Element {
  const note = (): string => tagOf(props.run, NOTE) ?? "";
  const [draft, setDraft] = createSignal<string | null>(null);
  const [looking, setLooking] = createSignal(false);
  const around = { folder: "", files: runFiles(props.run.info.run_id) };
  const save = async (): Promise<void> => {
    const text = draft() ?? "";
    const id = props.run.info.run_id;
    setDraft(null);
    setLooking(false);
    if (text === note()) return;
    const done = await editRun(props.loaded, withTag(NOTE, text || null), () => (text ? setRunTag(id, NOTE, text) : deleteRunTag(id, NOTE)));
    // What was refused is not lost: it can be mended.
    if (!done && draft() === null) setDraft(text);
  };
  return (
    <section class="card" aria-label={t("run.notes")}>
      <div class="card-head">
        <h2>{t("run.notes")}</h2>
        <Show when={draft() === null}>
          <button type="button" class="icon-button" title={t("run.edit_notes")} aria-label={t("run.edit_notes")} onClick={() => setDraft(note())}><Pencil /></button>
        </Show>
      </div>
      <div class="card-body">
        <Show when={draft() !== null} fallback={
          <Show when={note()} fallback={<p class="quiet">{t("run.no_notes")} <button type="button" class="link" onClick={() => setDraft("")}>{t("run.write_notes")}</button></p>}>
            <Suspense><Prose text={note()} around={around} /></Suspense>
          </Show>
        }>
          <Show when={looking()} fallback={
            <textarea class="notes-field" aria-label={t("run.notes")} value={draft() ?? ""} rows="9" onInput={(event) => setDraft(event.currentTarget.value)}
              ref={(field) => queueMicrotask(() => field.focus())}
              onKeyDown={(event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); void save(); } }} />
          }>
            <Suspense><Prose text={draft() ?? ""} around={around} /></Suspense>
          </Show>
          <div class="notes-foot">
            <button type="button" class="primary" onClick={() => void save()}>{t("run.save")}</button>
            <button type="button" aria-pressed={looking()} onClick={() => setLooking(!looking())}>{t("run.look")}</button>
            <button type="button" onClick={() => { setDraft(null); setLooking(false); }}>{t("bulk.cancel")}</button>
            <span class="quiet">{t("run.markdown")}</span>
          </div>
        </Show>
      </div>
    </section>
  );
}
