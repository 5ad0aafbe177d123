/** Questions about an experiment: its name, its description, its tags. Loaded when they are first asked. */

import { createMemo, createSignal, For, Show, type JSX } from "solid-js";
import { load } from "../../app/load";
import { go } from "../../app/nav";
import { CopyButton, errorText, Failure, tell } from "../../app/notices";
import { language, t } from "../../app/prefs";
import { createExperiment, deleteExperimentTag, getExperiment, setExperimentTag } from "../../core/api";
import { exactMoment } from "../../core/format";
import { byName } from "../../core/order";
import { experimentPath } from "../../core/router";
import { toInteger, type Experiment, type KeyValue } from "../../core/wire";
import { Dialog } from "../../parts/Dialog";
import type { Asked, Edits } from "./edits";
import "../../app/shell_texts";

const NOTE = "mlflow.note.content";
const MOST_NOTE = 20_000;

interface Props {
  asked: Asked;
  edits: Pick<Edits, "rename" | "changed">;
  onClose: () => void;
}

export function Dialogs(props: Props): JSX.Element {
  const asked = props.asked;
  if (asked.what === "about") return <AboutDialog id={asked.id} name={asked.name} onChanged={() => props.edits.changed()} onClose={() => props.onClose()} />;
  if (asked.what === "create") return <NameDialog title={t("experiments.new")} name={asked.name} button={t("experiments.create")} onClose={() => props.onClose()}
    onName={async (name) => { const id = await createExperiment(name); props.edits.changed(); go(experimentPath(id)); }} />;
  return <NameDialog title={t("experiments.rename")} name={asked.name} button={t("experiments.rename")} onClose={() => props.onClose()}
    onName={(name) => { void props.edits.rename(asked.id, name); return Promise.resolve(); }} />;
}

interface NameProps {
  title: string;
  name: string;
  button: string;
  onName: (name: string) => Promise<void>;
  onClose: () => void;
}

/** Asks for a name; stays open with the reason where the server refuses it. */
function NameDialog(props: NameProps): JSX.Element {
  const [name, setName] = createSignal(props.name);
  const [busy, setBusy] = createSignal(false);
  const [error, setError] = createSignal<unknown>();
  const done = (): boolean => name().trim() !== "" && name() !== props.name;
  const send = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (!done() || busy()) return;
    setBusy(true);
    try {
      await props.onName(name().trim());
      props.onClose();
    } catch (cause) {
      setError(() => cause);
      setBusy(false);
    }
  };
  return (
    <Dialog title={props.title} onClose={props.onClose}>
      <form class="dialog-form" onSubmit={(event) => void send(event)}>
        <label>
          <span>{t("column.name")}</span>
          <input type="text" required autofocus maxlength="500" value={name()} aria-invalid={error() !== undefined} aria-describedby="name-help"
            onInput={(event) => setName(event.currentTarget.value)} />
        </label>
        <p id="name-help" class="quiet">{t("experiments.name_help")}</p>
        <Show when={error()}><p class="field-error" role="alert">{errorText(error())}</p></Show>
        <div class="dialog-actions">
          <button type="button" onClick={() => props.onClose()}>{t("bulk.cancel")}</button>
          <button type="submit" class="primary" disabled={!done() || busy()}>{props.button}</button>
        </div>
      </form>
    </Dialog>
  );
}

interface AboutProps {
  id: string;
  name: string;
  onChanged: () => void;
  onClose: () => void;
}

export function AboutDialog(props: AboutProps): JSX.Element {
  const experiment = load(() => props.id, getExperiment, { keep: true });
  const tagged = (): KeyValue[] => experiment.data()?.tags ?? [];
  const change = async (call: () => Promise<unknown>): Promise<boolean> => {
    try {
      await call();
    } catch (error) {
      tell(t("experiments.not_changed", { why: errorText(error) }));
      return false;
    }
    experiment.reload();
    props.onChanged();
    return true;
  };
  return (
    <Dialog title={props.name} onClose={props.onClose} wide>
      <Show when={experiment.error()}><Failure what={t("error.experiment", { id: props.id })} error={experiment.error()} retry={experiment.reload} /></Show>
      <Show when={experiment.data()} fallback={<p class="quiet">{experiment.error() ? "" : t("state.loading")}</p>}>
        {(found) => (
          <>
            <Facts experiment={found()} />
            <Note text={tagged().find((tag) => tag.key === NOTE)?.value ?? ""}
              onSave={(text) => change(() => (text ? setExperimentTag(props.id, NOTE, text) : deleteExperimentTag(props.id, NOTE)))} />
            <Tags tags={tagged()} onSet={(key, value) => change(() => setExperimentTag(props.id, key, value))} onRemove={(key) => change(() => deleteExperimentTag(props.id, key))} />
          </>
        )}
      </Show>
    </Dialog>
  );
}

function Facts(props: { experiment: Experiment }): JSX.Element {
  return (
    <dl class="facts">
      <div><dt>{t("experiments.id")}</dt><dd class="mono">{props.experiment.experiment_id} <CopyButton text={props.experiment.experiment_id} label={t("experiments.copy_id")} /></dd></div>
      <div><dt>{t("experiments.made")}</dt><dd>{exactMoment(toInteger(props.experiment.creation_time), language())}</dd></div>
      <Show when={props.experiment.artifact_location}>
        {(place) => <div><dt>{t("experiments.files")}</dt><dd class="mono path">{place()} <CopyButton text={place()} label={t("action.copy")} /></dd></div>}
      </Show>
    </dl>
  );
}

function Note(props: { text: string; onSave: (text: string) => Promise<boolean> }): JSX.Element {
  const [draft, setDraft] = createSignal<string | null>(null);
  const save = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (await props.onSave(draft() ?? "")) setDraft(null);
  };
  return (
    <section class="about-part">
      <div class="about-head">
        <h3>{t("experiments.note")}</h3>
        <Show when={draft() === null}>
          <button type="button" onClick={() => setDraft(props.text)}>{t(props.text ? "experiments.edit" : "experiments.write")}</button>
        </Show>
      </div>
      <Show when={draft() !== null} fallback={<Show when={props.text} fallback={<p class="quiet">{t("experiments.no_note")}</p>}><p class="notes"><bdi>{props.text}</bdi></p></Show>}>
        <form class="dialog-form" onSubmit={(event) => void save(event)}>
          <textarea rows="6" maxlength={MOST_NOTE} aria-label={t("experiments.note")} ref={(field) => queueMicrotask(() => field.focus())}
            value={draft() ?? ""} onInput={(event) => setDraft(event.currentTarget.value)} />
          <div class="dialog-actions">
            <button type="button" onClick={() => setDraft(null)}>{t("bulk.cancel")}</button>
            <button type="submit" class="primary">{t("experiments.save")}</button>
          </div>
        </form>
      </Show>
    </section>
  );
}

function Tags(props: { tags: KeyValue[]; onSet: (key: string, value: string) => Promise<boolean>; onRemove: (key: string) => Promise<boolean> }): JSX.Element {
  const [key, setKey] = createSignal("");
  const [value, setValue] = createSignal("");
  // The note has its own place, and views have their menu.
  const own = createMemo(() => props.tags.filter((tag) => tag.key !== NOTE && !tag.key.startsWith("millstream.view")).sort((a, b) => byName(a.key, b.key)));
  const set = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (key().trim() && (await props.onSet(key().trim(), value()))) { setKey(""); setValue(""); }
  };
  return (
    <section class="about-part">
      <h3>{t("run.tags")}</h3>
      <Show when={own().length} fallback={<p class="quiet">{t("experiments.no_tags")}</p>}>
        <ul class="tag-list">
          <For each={own()}>
            {(tag) => (
              <li>
                <bdi class="tag-key">{tag.key}</bdi>
                <bdi class="tag-value">{tag.value}</bdi>
                <button type="button" class="icon-button" aria-label={t("experiments.remove_tag", { key: tag.key })} onClick={() => void props.onRemove(tag.key)}>✕</button>
              </li>
            )}
          </For>
        </ul>
      </Show>
      <form class="tag-form" onSubmit={(event) => void set(event)}>
        <input type="text" required placeholder={t("bulk.key")} aria-label={t("bulk.key")} value={key()} onInput={(event) => setKey(event.currentTarget.value)} />
        <input type="text" placeholder={t("bulk.value")} aria-label={t("bulk.value")} value={value()} onInput={(event) => setValue(event.currentTarget.value)} />
        <button type="submit" disabled={!key().trim()}>{t("bulk.set")}</button>
      </form>
    </section>
  );
}
