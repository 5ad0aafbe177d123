/** Registers a model of a run: as a version of a model that is there, or of a new one. */

import "./texts";
import { createSignal, For, Show, type JSX } from "solid-js";
import { load } from "../../app/load";
import { go } from "../../app/nav";
import { errorText, Failure } from "../../app/notices";
import { t } from "../../app/prefs";
import { ApiError } from "../../core/api";
import { createModel, createVersion, nameFilter, searchModels } from "../../core/registry";
import { versionPath } from "../../core/router";
import { Dialog } from "../../parts/Dialog";
import { sourcesOf, type Source } from "./sources";
import type { Run } from "../../core/wire";

const MOST = 50;

export function RegisterDialog(props: { run: Run; onClose: () => void }): JSX.Element {
  const sources = load(() => props.run.info.run_id, (_, signal) => sourcesOf(props.run, signal));
  const [chosen, setChosen] = createSignal(0);
  const [name, setName] = createSignal("");
  const [text, setText] = createSignal("");
  const [error, setError] = createSignal<unknown>();
  const [busy, setBusy] = createSignal(false);
  const known = load(name, (words, signal) => searchModels({ filter: nameFilter(words), order: "name ASC", most: MOST }, signal), { keep: true });
  const isNew = (): boolean => name() !== "" && !known.loading() && !known.data()?.items.some((each) => each.name === name());
  const source = (): Source | undefined => sources.data()?.[chosen()];
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const from = source();
    if (!from || busy()) return;
    setBusy(true);
    setError(undefined);
    try {
      try {
        await createModel(name(), "");
      } catch (cause) {
        if (!(cause instanceof ApiError && cause.code === "RESOURCE_ALREADY_EXISTS")) throw cause;
      }
      const made = await createVersion({ name: name(), source: from.source, run_id: props.run.info.run_id, ...(from.model ? { model_id: from.model } : {}), ...(text() ? { description: text() } : {}) });
      props.onClose();
      go(versionPath(made.name, made.version));
    } catch (cause) {
      setError(() => cause);
      setBusy(false);
    }
  };
  return (
    <Dialog title={t("models.register_title")} onClose={props.onClose}>
      <form class="dialog-form" onSubmit={(event) => void submit(event)}>
        <Show when={sources.error()}><Failure what={t("error.artifacts")} error={sources.error()} retry={sources.reload} /></Show>
        <Show when={sources.data()} fallback={<p class="quiet">{sources.error() ? "" : t("state.loading")}</p>}>
          {(found) => (
            <Show when={found().length} fallback={<p>{t("models.nothing_to_register")}</p>}>
              <label>
                <span>{t("models.which")}</span>
                <select value={chosen()} onChange={(event) => setChosen(Number(event.currentTarget.value))}><For each={found()}>{(each, at) => <option value={at()}>{each.label}</option>}</For></select>
              </label>
              <label>
                <span>{t("models.as")}</span>
                <input type="text" required autofocus list="known-models" value={name()} onInput={(event) => setName(event.currentTarget.value)} />
              </label>
              <datalist id="known-models"><For each={known.data()?.items}>{(each) => <option value={each.name} />}</For></datalist>
              <p class="quiet">{isNew() ? t("models.will_be_new") : ""}</p>
              <label><span>{t("models.description")}</span><textarea rows="3" value={text()} onInput={(event) => setText(event.currentTarget.value)} /></label>
            </Show>
          )}
        </Show>
        <Show when={error()}><p class="field-error" role="alert">{errorText(error())}</p></Show>
        <div class="dialog-actions">
          <button type="button" onClick={() => props.onClose()}>{t("bulk.cancel")}</button>
          <button type="submit" class="primary" disabled={busy() || !name() || !source()}>{t("models.register")}</button>
        </div>
      </form>
    </Dialog>
  );
}
