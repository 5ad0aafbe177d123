/** Questions about models: how a new one is called, and whether one is really to go. Loaded when they are first asked. */

import { createSignal, Show, type JSX } from "solid-js";
import { errorText } from "../../app/notices";
import { t } from "../../app/prefs";
import { Dialog } from "../../parts/Dialog";

interface NameProps {
  title: string;
  name: string;
  action: string;
  /** Whether a description is asked for too. */
  described?: boolean;
  /** An error keeps the dialog open and is shown in it. */
  onDone: (name: string, description: string) => Promise<void>;
  onClose: () => void;
}

export function NameDialog(props: NameProps): JSX.Element {
  const [name, setName] = createSignal(props.name);
  const [text, setText] = createSignal("");
  const [error, setError] = createSignal<unknown>();
  const [busy, setBusy] = createSignal(false);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    try {
      await props.onDone(name(), text());
    } catch (cause) {
      setError(() => cause);
      setBusy(false);
    }
  };
  return (
    <Dialog title={props.title} onClose={props.onClose}>
      <form class="dialog-form" onSubmit={(event) => void submit(event)}>
        <label><span>{t("column.name")}</span><input type="text" required autofocus value={name()} onInput={(event) => setName(event.currentTarget.value)} /></label>
        <Show when={props.described}>
          <label><span>{t("models.description")}</span><textarea rows="3" value={text()} onInput={(event) => setText(event.currentTarget.value)} /></label>
        </Show>
        <Show when={error()}><p class="field-error" role="alert">{errorText(error())}</p></Show>
        <div class="dialog-actions">
          <button type="button" onClick={() => props.onClose()}>{t("bulk.cancel")}</button>
          <button type="submit" class="primary" disabled={busy() || !name() || name() === props.name}>{props.action}</button>
        </div>
      </form>
    </Dialog>
  );
}

interface RemoveProps {
  title: string;
  /** What goes with it, and what stays. */
  told: string;
  /** To be typed first; what cannot be undone is not one click away. */
  word: string;
  onDone: () => Promise<void>;
  onClose: () => void;
}

export function RemoveDialog(props: RemoveProps): JSX.Element {
  const [typed, setTyped] = createSignal("");
  const [error, setError] = createSignal<unknown>();
  const [busy, setBusy] = createSignal(false);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (typed() !== props.word) return;
    setBusy(true);
    try {
      await props.onDone();
    } catch (cause) {
      setError(() => cause);
      setBusy(false);
    }
  };
  return (
    <Dialog title={props.title} onClose={props.onClose}>
      <form class="dialog-form" onSubmit={(event) => void submit(event)}>
        <p>{props.told}</p>
        <label><span>{t("models.type_to_delete", { word: props.word })}</span><input type="text" autofocus value={typed()} onInput={(event) => setTyped(event.currentTarget.value)} /></label>
        <Show when={error()}><p class="field-error" role="alert">{errorText(error())}</p></Show>
        <div class="dialog-actions">
          <button type="button" onClick={() => props.onClose()}>{t("bulk.cancel")}</button>
          <button type="submit" class="danger" disabled={busy() || typed() !== props.word}>{t("action.delete")}</button>
        </div>
      </form>
    </Dialog>
  );
}
