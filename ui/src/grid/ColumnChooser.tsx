/** Which columns the table shows: search, tick, back to what the data suggests. */

import { createMemo, createSignal, For, onCleanup, Show, type JSX } from "solid-js";
import { t } from "../app/prefs";
import { ATTRIBUTES, columnId, PARTS, withColumn, type KeyFacts } from "../core/columns";
import { byName } from "../core/order";

const MOST_SHOWN = 200;

interface Props {
  facts: KeyFacts;
  shown: string[];
  chosen: boolean;
  onChange: (columns: string[] | null) => void;
}

interface Choice {
  id: string;
  label: string;
  runs: number | null;
  /** What all runs have there; undefined where they differ. */
  same: string | null | undefined;
}

export function ColumnChooser(props: Props): JSX.Element {
  const [open, setOpen] = createSignal(false);
  let root!: HTMLDivElement;
  let button!: HTMLButtonElement;
  const away = (event: Event): void => { if (!root.contains(event.target as Node)) setOpen(false); };
  document.addEventListener("pointerdown", away);
  onCleanup(() => document.removeEventListener("pointerdown", away));
  return (
    <div class="popover-place" ref={root}
      onKeyDown={(event) => {
        if (event.key !== "Escape" || !open()) return;
        event.preventDefault();
        setOpen(false);
        button.focus();
      }}>
      <button type="button" ref={button} aria-expanded={open()} aria-haspopup="dialog" onClick={() => setOpen(!open())}>
        {t("columns.button")} <span class="quiet">{props.shown.length}</span>
      </button>
      <Show when={open()}><Choices {...props} /></Show>
    </div>
  );
}

function Choices(props: Props): JSX.Element {
  const [search, setSearch] = createSignal("");
  const groups = createMemo(() => {
    const wanted = search().trim().toLowerCase();
    const fits = (choice: Choice): boolean => !wanted || choice.label.toLowerCase().includes(wanted);
    const byKey = (kind: "metric" | "param" | "tag", keys: [string, number][]): Choice[] => keys.map(([key, runs]) => {
      const id = columnId(kind, key);
      return { id, label: key, runs, same: props.facts.same.get(id) };
    }).sort((a, b) => Number(a.same !== undefined) - Number(b.same !== undefined) || byName(a.label, b.label));
    return [
      { title: t("columns.attributes"), all: ATTRIBUTES.map((id): Choice => ({ id, label: t(`column.${id}`), runs: null, same: undefined })) },
      { title: t("run.metrics"), all: byKey("metric", [...props.facts.metrics]) },
      { title: t("run.params"), all: byKey("param", [...props.facts.params].map(([key, fact]) => [key, fact.runs])) },
      { title: t("run.tags"), all: byKey("tag", [...props.facts.tags]) },
    ].map((group) => ({ ...group, all: group.all.filter(fits) })).filter((group) => group.all.length > 0);
  });
  const shown = createMemo(() => new Set(props.shown));
  const parts = (id: string): string[] => (id.startsWith("m:") ? PARTS.map((part) => columnId("metric", id.slice(2), part)) : [id]);
  const set = (ids: string[], on: boolean): void => {
    const gone = new Set(ids.flatMap(parts));
    props.onChange(on ? ids.reduce((list, id) => withColumn(list, id), props.shown) : props.shown.filter((id) => !gone.has(id)));
  };
  const constants = (): string[] => [...props.facts.same.keys()].filter((id) => id.startsWith("p:") && !shown().has(id));
  return (
    <div class="popover" role="dialog" aria-label={t("columns.title")}>
      <input type="search" autofocus ref={(field) => queueMicrotask(() => field.focus())} placeholder={t("columns.search")}
        aria-label={t("columns.search")} value={search()} onInput={(event) => setSearch(event.currentTarget.value)} />
      <div class="choices">
        <For each={groups()} fallback={<p class="quiet">{t("columns.none")}</p>}>
          {(group) => (
            <fieldset>
              <legend>
                <span>{group.title}</span>
                <button type="button" class="link" onClick={() => set(group.all.map((choice) => choice.id), true)}>{t("columns.all")}</button>
                <button type="button" class="link" onClick={() => set(group.all.map((choice) => choice.id), false)}>{t("columns.no")}</button>
              </legend>
              <For each={group.all.slice(0, MOST_SHOWN)}>
                {(choice) => (
                  <label>
                    <input type="checkbox" checked={parts(choice.id).some((id) => shown().has(id))} onChange={(event) => set([choice.id], event.currentTarget.checked)} />
                    <span class="choice-name">{choice.label}</span>
                    <Show when={choice.same !== undefined}>
                      <span class="quiet same" title={t("columns.same")}>{choice.same === null || choice.same === undefined ? t("columns.same_short") : `= ${choice.same}`}</span>
                    </Show>
                    <Show when={choice.runs !== null && choice.runs < props.facts.total}>
                      <span class="quiet">{t("columns.in_runs", { n: choice.runs ?? 0, all: props.facts.total })}</span>
                    </Show>
                  </label>
                )}
              </For>
              <Show when={group.all.length > MOST_SHOWN}>
                <p class="quiet">{t("columns.more", { n: group.all.length - MOST_SHOWN })}</p>
              </Show>
            </fieldset>
          )}
        </For>
      </div>
      <Show when={constants().length}>
        <button type="button" onClick={() => set(constants(), true)}>{t("columns.show_same", { n: constants().length })}</button>
      </Show>
      <button type="button" disabled={!props.chosen} onClick={() => props.onChange(null)}>{t("columns.reset")}</button>
    </div>
  );
}
