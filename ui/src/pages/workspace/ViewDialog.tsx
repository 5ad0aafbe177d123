/** Asks what a view is called. Loaded when it is first asked. */

import { createSignal, Show, type JSX } from "solid-js";
import { errorText } from "../../app/notices";
import { t } from "../../app/prefs";
import { Dialog } from "../../parts/Dialog";
import "../../app/shell_texts";

interface Props {
  title: string;
  name: string;
  done: (name: string) => Promise<void>;
  onClose: () => void;
}

export function ViewDialog(props: Props): JSX.Element {
  const [name, setName] = createSignal(props.name);
  const [error, setError] = createSignal<unknown>();
  const send = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (!name().trim()) return;
    try {
      await props.done(name().trim());
      props.onClose();
    } catch (cause) {
      setError(() => cause);
    }
  };
  return (
    <Dialog title={props.title} onClose={props.onClose}>
      <form class="dialog-form" onSubmit={(event) => void send(event)}>
        <label>
          <span>{t("column.name")}</span>
          <input type="text" required autofocus maxlength="120" value={name()} aria-invalid={error() !== undefined} onInput={(event) => setName(event.currentTarget.value)} />
        </label>
        <p class="quiet">{t("views.help")}</p>
        <Show when={error()}><p class="field-error" role="alert">{errorText(error())}</p></Show>
        <div class="dialog-actions">
          <button type="button" onClick={() => props.onClose()}>{t("bulk.cancel")}</button>
          <button type="submit" class="primary" disabled={!name().trim()}>{t("experiments.save")}</button>
        </div>
      </form>
    </Dialog>
  );
}
