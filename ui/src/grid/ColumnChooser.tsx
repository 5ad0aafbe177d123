/** Which columns the table shows: search, tick, back to what the data suggests. */

import { createMemo, createSignal, For, onCleanup, Show, type JSX } from "solid-js";
import { t } from "../app/prefs";
import { ATTRIBUTES, columnId, type KeyFacts } from "../core/columns";
import { byName } from "../core/order";

const MOST_SHOWN = 200;

interface Props {
  facts: KeyFacts;
  /** Rows that `facts` counted. */
  loaded: number;
  shown: string[];
  chosen: boolean;
  onChange: (columns: string[] | null) => void;
}

interface Choice {
  id: string;
  label: string;
  runs: number | null;
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
    const byKey = (kind: "metric" | "param" | "tag", keys: [string, number][]): Choice[] =>
      keys.map(([key, runs]) => ({ id: columnId(kind, key), label: key, runs })).sort((a, b) => byName(a.label, b.label));
    return [
      { title: t("columns.attributes"), all: ATTRIBUTES.map((id): Choice => ({ id, label: t(`column.${id}`), runs: null })) },
      { title: t("run.metrics"), all: byKey("metric", [...props.facts.metrics]) },
      { title: t("run.params"), all: byKey("param", [...props.facts.params].map(([key, fact]) => [key, fact.runs])) },
      { title: t("run.tags"), all: byKey("tag", [...props.facts.tags]) },
    ].map((group) => ({ ...group, all: group.all.filter(fits) })).filter((group) => group.all.length > 0);
  });
  const shown = createMemo(() => new Set(props.shown));
  const set = (ids: string[], on: boolean): void => {
    const kept = props.shown.filter((id) => on || !ids.includes(id));
    for (const id of ids) if (on && !kept.includes(id)) kept.splice(placeFor(kept, id), 0, id);
    props.onChange(kept);
  };
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
                    <input type="checkbox" checked={shown().has(choice.id)} onChange={(event) => set([choice.id], event.currentTarget.checked)} />
                    <span class="choice-name">{choice.label}</span>
                    <Show when={choice.runs !== null && choice.runs < props.loaded}>
                      <span class="quiet">{t("columns.in_runs", { n: choice.runs ?? 0, all: props.loaded })}</span>
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
      <button type="button" disabled={!props.chosen} onClick={() => props.onChange(null)}>{t("columns.reset")}</button>
    </div>
  );
}

/** After the last shown column of the same kind, else at the end. */
function placeFor(shown: readonly string[], id: string): number {
  const kind = (each: string): string => (each[1] === ":" ? each.slice(0, 2) : "");
  const last = shown.findLastIndex((each) => kind(each) === kind(id));
  return last < 0 ? shown.length : last + 1;
}
