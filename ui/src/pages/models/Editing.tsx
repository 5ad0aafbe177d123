/** What is edited in place: a description, tags, the aliases of a version. */

import { createSignal, For, Show, Suspense, type JSX } from "solid-js";
import { later } from "../../app/later";
import { t } from "../../app/prefs";
import type { FileSource } from "../../core/files";
import { byName } from "../../core/order";
import type { KeyValue } from "../../core/wire";

const Prose = later(() => import("../../preview/Prose").then((module) => module.Prose));

/** In Markdown; what it shows beside itself is looked for among `files`. */
export function Description(props: { text: string; files: FileSource; onSave: (text: string) => Promise<boolean> }): JSX.Element {
  const [draft, setDraft] = createSignal<string | null>(null);
  const save = async (): Promise<void> => {
    const text = draft() ?? "";
    setDraft(null);
    // What was refused is not lost: it can be mended.
    if (text !== props.text && !(await props.onSave(text)) && draft() === null) setDraft(text);
  };
  return (
    <section class="card" aria-label={t("models.description")}>
      <div class="card-head">
        <h2>{t("models.description")}</h2>
        <Show when={draft() === null}><button type="button" class="link" onClick={() => setDraft(props.text)}>{t("models.edit")}</button></Show>
      </div>
      <div class="card-inside">
        <Show when={draft() !== null} fallback={<Show when={props.text} fallback={<p class="quiet">{t("models.no_description")}</p>}><Suspense><Prose text={props.text} around={{ folder: "", files: props.files }} /></Suspense></Show>}>
          <textarea class="description-field" rows="6" aria-label={t("models.description")} value={draft() ?? ""} onInput={(event) => setDraft(event.currentTarget.value)}
            ref={(field) => queueMicrotask(() => field.focus())}
            onKeyDown={(event) => {
              if (event.key === "Escape") { event.preventDefault(); setDraft(null); }
              if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); void save(); }
            }} />
          <div class="dialog-actions">
            <button type="button" onClick={() => setDraft(null)}>{t("bulk.cancel")}</button>
            <button type="button" class="primary" onClick={() => void save()}>{t("models.save")}</button>
          </div>
        </Show>
      </div>
    </section>
  );
}

interface TagProps {
  tags: KeyValue[] | undefined;
  onSet: (key: string, value: string) => void;
  onRemove: (key: string) => void;
}

export function Tags(props: TagProps): JSX.Element {
  const [key, setKey] = createSignal("");
  const [value, setValue] = createSignal("");
  const add = (event: Event): void => {
    event.preventDefault();
    if (!key().trim()) return;
    props.onSet(key().trim(), value());
    setKey("");
    setValue("");
  };
  const sorted = (): KeyValue[] => [...(props.tags ?? [])].sort((a, b) => byName(a.key, b.key));
  return (
    <section class="card" aria-label={t("run.tags")}>
      <div class="card-head"><h2>{t("run.tags")} <span class="quiet">{props.tags?.length ?? 0}</span></h2></div>
      <div class="card-inside">
        <ul class="model-tags">
          <For each={sorted()} fallback={<li class="quiet">{t("models.no_tags")}</li>}>
            {(tag) => (
              <li class="tag">
                <button type="button" class="tag-text" title={t("models.change_tag")} onClick={() => { setKey(tag.key); setValue(tag.value); }}>
                  <span class="quiet">{tag.key}</span> <span class="tag-value">{tag.value}</span>
                </button>
                <button type="button" class="chip-remove" aria-label={t("models.remove_tag", { key: tag.key })} onClick={() => props.onRemove(tag.key)}>✕</button>
              </li>
            )}
          </For>
        </ul>
        <form class="tag-form" onSubmit={add}>
          <input type="text" placeholder={t("bulk.key")} aria-label={t("models.tag_key")} value={key()} onInput={(event) => setKey(event.currentTarget.value)} />
          <input type="text" placeholder={t("bulk.value")} aria-label={t("models.tag_value")} value={value()} onInput={(event) => setValue(event.currentTarget.value)} />
          <button type="submit" disabled={!key().trim()}>{t("bulk.set")}</button>
        </form>
      </div>
    </section>
  );
}

interface AliasProps {
  version: string;
  aliases: readonly string[];
  onAdd: (alias: string) => void;
  onRemove: (alias: string) => void;
}

/** Chips of a version's aliases. An alias that another version has goes over to this one. */
export function Aliases(props: AliasProps): JSX.Element {
  const [adding, setAdding] = createSignal(false);
  let button: HTMLButtonElement | undefined;
  const done = (text: string): void => {
    setAdding(false);
    if (text.trim()) props.onAdd(text.trim());
    queueMicrotask(() => button?.focus());
  };
  return (
    <span class="aliases" role="group" aria-label={t("models.aliases_of", { version: props.version })}>
      <For each={[...props.aliases].sort(byName)}>
        {(alias) => (
          <span class="alias">
            @{alias}
            <button type="button" class="chip-remove" aria-label={t("models.remove_alias", { alias })} onClick={() => props.onRemove(alias)}>✕</button>
          </span>
        )}
      </For>
      <Show when={adding()} fallback={
        <button type="button" ref={button} class="alias-add" aria-label={t("models.add_alias_to", { version: props.version })} onClick={() => setAdding(true)}>+ {t("models.add_alias")}</button>
      }>
        <input type="text" class="small alias-field" aria-label={t("models.new_alias")} placeholder={t("models.new_alias")} ref={(field) => queueMicrotask(() => field.focus())}
          onKeyDown={(event) => {
            if (event.isComposing) return;
            if (event.key === "Enter") { event.preventDefault(); done(event.currentTarget.value); }
            if (event.key === "Escape") { event.preventDefault(); event.stopPropagation(); done(""); }
          }}
          onBlur={() => setAdding(false)} />
      </Show>
    </span>
  );
}
