/** The filter: Enter applies it; what the server says against it stands below, and the text stays. */

import { createEffect, createSignal, on, Show, type JSX } from "solid-js";
import { errorText } from "../../app/notices";
import { t } from "../../app/prefs";

interface Props {
  ref: (field: HTMLInputElement) => void;
  filter: string;
  error: unknown;
  onApply: (filter: string) => void;
  /** Given when the sort may be what the server refused. */
  onDropSort?: (() => void) | undefined;
}

export function FilterBar(props: Props): JSX.Element {
  const [text, setText] = createSignal("");
  createEffect(on(() => props.filter, setText));
  const apply = (event: Event): void => {
    event.preventDefault();
    props.onApply(text().trim());
  };
  return (
    <form class="filter" role="search" onSubmit={apply}>
      <div class="filter-line">
        <input ref={props.ref} class="mono" type="text" spellcheck={false} autocomplete="off" autocapitalize="off" enterkeyhint="search"
          aria-label={t("filter.label")} aria-invalid={props.error ? "true" : undefined} aria-describedby={props.error ? "filter-error" : undefined}
          placeholder={t("filter.example")} value={text()} onInput={(event) => setText(event.currentTarget.value)} />
        <Show when={text() !== props.filter}>
          <button type="submit" class="primary">{t("filter.apply")}</button>
        </Show>
        <Show when={props.filter && text() === props.filter}>
          <button type="button" class="icon-button" aria-label={t("filter.clear")} title={t("filter.clear")} onClick={() => props.onApply("")}>✕</button>
        </Show>
      </div>
      <Show when={props.error}>
        <p id="filter-error" class="field-error" role="alert">
          {errorText(props.error)}{" "}
          <Show when={props.onDropSort}><button type="button" class="link" onClick={() => props.onDropSort?.()}>{t("filter.drop_sort")}</button></Show>
        </p>
      </Show>
    </form>
  );
}
