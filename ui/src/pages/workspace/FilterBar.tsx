/** The filter: completes keys, operators and values; Enter applies it; what is wrong stands below, at its character. */

import { createEffect, createMemo, createSignal, For, on, onCleanup, Show, type Accessor, type JSX } from "solid-js";
import { load } from "../../app/load";
import { errorText } from "../../app/notices";
import { t } from "../../app/prefs";
import { getFacets, type WhichRuns } from "../../core/api";
import type { KeyFacts } from "../../core/columns";
import { exactNumber } from "../../core/format";
import { complete, completionAt, errorPlace, kindOf, quoteValue, suggestionsFor, wordsFilter, type Completion, type Suggestion } from "../../core/query";
import { toNumber } from "../../core/wire";

const MOST_VALUES = 100;
const MOST_SHOWN = 40;
/** Milliseconds. */
const VALUES_PAUSE = 150;

interface Props {
  ref: (field: HTMLInputElement) => void;
  filter: string;
  /** Of which runs values are suggested. */
  which: WhichRuns;
  facts: KeyFacts;
  error: unknown;
  /** Characters that were put before the reader's text in what the server read. */
  shifted: number;
  onApply: (filter: string) => void;
  /** Given when the sort may be what the server refused. */
  onDropSort?: (() => void) | undefined;
}

export function FilterBar(props: Props): JSX.Element {
  const [text, setText] = createSignal("");
  const [cursor, setCursor] = createSignal(0);
  const [open, setOpen] = createSignal(false);
  const [active, setActive] = createSignal(-1);
  let field!: HTMLInputElement;
  createEffect(on(() => props.filter, setText));
  const at = createMemo(() => completionAt(text(), cursor()));
  const valueKey = createMemo(() => {
    const now = at();
    return open() && now.expects === "value" && now.key && (kindOf(now.key) !== "attribute" || /status|user_id|run_name/.test(now.key)) ? now.key : null;
  });
  // Counting the values of many runs takes the server's time, which is not spent for who types on and sends the filter.
  const values = load(resting(valueKey, VALUES_PAUSE), async (key, signal) => (key === null ? [] : valuesOf(key, props.which, signal)));
  const suggestions = createMemo((): Suggestion[] => {
    if (!open()) return [];
    if (at().expects !== "value") return suggestionsFor(at(), props.facts, MOST_SHOWN);
    const typed = at().typed.replace(/^['"]/, "").toLowerCase();
    return (values.data() ?? []).filter((each) => each.label.toLowerCase().includes(typed)).slice(0, MOST_SHOWN);
  });
  const look = (): void => {
    setCursor(field.selectionStart ?? text().length);
    setActive(-1);
  };
  const take = (suggestion: Suggestion): void => {
    const next = complete(text(), at(), suggestion.text);
    setText(next.text);
    field.value = next.text;
    field.focus();
    field.setSelectionRange(next.cursor, next.cursor);
    look();
    setOpen(true);
  };
  const apply = (event: Event): void => {
    event.preventDefault();
    setOpen(false);
    const said = text().trim();
    props.onApply(wordsFilter(said) ?? said);
  };
  const keys = (event: KeyboardEvent): void => {
    if (event.isComposing) return;
    const list = suggestions();
    if ((event.key === "ArrowDown" || event.key === "ArrowUp") && (list.length || !open())) {
      event.preventDefault();
      if (!open()) return void setOpen(true);
      const by = event.key === "ArrowDown" ? 1 : -1;
      setActive((now) => (now + by + list.length + (now < 0 && by < 0 ? 1 : 0)) % list.length);
      document.getElementById(`filter-option-${active()}`)?.scrollIntoView({ block: "nearest" });
    } else if ((event.key === "Enter" || event.key === "Tab") && open() && active() >= 0) {
      const chosen = list[active()];
      if (!chosen) return;
      event.preventDefault();
      take(chosen);
    } else if (event.key === "Escape" && open() && list.length) {
      event.preventDefault();
      setOpen(false);
    }
  };
  const place = (): number | null => {
    const found = errorPlace(errorText(props.error));
    return found === null ? null : Math.max(0, Math.min(found - props.shifted, props.filter.length));
  };
  // The cursor goes to where the error is, unless the reader is elsewhere by now.
  createEffect(on(() => props.error, (error) => {
    const found = error ? place() : null;
    if (found !== null && document.activeElement === field) field.setSelectionRange(found, found);
  }));
  return (
    <form class="filter" role="search" onSubmit={apply}>
      <div class="filter-line">
        <input ref={(input) => { field = input; props.ref(input); }} class="mono" type="text" spellcheck={false} autocomplete="off" autocapitalize="off"
          enterkeyhint="search" role="combobox" aria-label={t("filter.label")} aria-autocomplete="list" aria-controls="filter-options"
          aria-expanded={suggestions().length > 0} aria-activedescendant={active() >= 0 ? `filter-option-${active()}` : undefined}
          aria-invalid={props.error ? "true" : undefined} aria-describedby={props.error ? "filter-error" : undefined}
          placeholder={t("filter.example")} value={text()}
          onInput={(event) => { setText(event.currentTarget.value); setOpen(true); look(); }}
          onKeyDown={keys} onKeyUp={(event) => { if (/^(Arrow(Left|Right)|Home|End)$/.test(event.key)) look(); }}
          onClick={() => { look(); setOpen(true); }} onBlur={() => setOpen(false)} />
        <Show when={text() !== props.filter}>
          <button type="submit" class="primary">{t("filter.apply")}</button>
        </Show>
        <Show when={props.filter && text() === props.filter}>
          <button type="button" class="icon-button" aria-label={t("filter.clear")} title={t("filter.clear")} onClick={() => props.onApply("")}>✕</button>
        </Show>
        <Options at={at()} suggestions={suggestions()} active={active()} onTake={take} />
      </div>
      <Show when={props.error}>
        <div id="filter-error" class="field-error" role="alert">
          <Show when={place() !== null && text().trim() === props.filter}>
            <pre class="filter-place"><code>{props.filter.slice(0, place() ?? 0)}<mark>{props.filter.slice(place() ?? 0, (place() ?? 0) + 1) || " "}</mark>{props.filter.slice((place() ?? 0) + 1)}</code></pre>
          </Show>
          {errorText(props.error)}{" "}
          <Show when={place() === null && props.onDropSort}><button type="button" class="link" onClick={() => props.onDropSort?.()}>{t("filter.drop_sort")}</button></Show>
        </div>
      </Show>
    </form>
  );
}

/** `source` once it has been the same for `pause` ms; null at once. */
function resting<T>(source: Accessor<T | null>, pause: number): Accessor<T | null> {
  const [value, setValue] = createSignal<T | null>(null);
  createEffect(on(source, (now) => {
    if (now === null) return void setValue(null);
    const timer = setTimeout(() => setValue(() => now), pause);
    onCleanup(() => clearTimeout(timer));
  }));
  return value;
}

function Options(props: { at: Completion; suggestions: Suggestion[]; active: number; onTake: (suggestion: Suggestion) => void }): JSX.Element {
  return (
    <ul id="filter-options" class="filter-options" role="listbox" aria-label={t("filter.suggestions")} hidden={props.suggestions.length === 0}>
      <For each={props.suggestions}>
        {(each, i) => (
          <li id={`filter-option-${i()}`} role="option" aria-selected={props.active === i()} classList={{ active: props.active === i() }}
            onPointerDown={(event) => { event.preventDefault(); props.onTake(each); }}>
            <span class="mono option-text">{each.label}</span>
            <span class="quiet">
              {each.runs === undefined ? (/operator|value|word/.test(each.kind) ? "" : t(`kind.${each.kind}`)) : t("filter.in_runs", { n: each.runs })}
            </span>
          </li>
        )}
      </For>
    </ul>
  );
}

/** Values that the runs have under a key: the most frequent texts, or the bounds of a metric. */
async function valuesOf(key: string, which: WhichRuns, signal: AbortSignal): Promise<Suggestion[]> {
  const facet = (await getFacets({ ...which, keys: [key], limit: MOST_VALUES }, signal).catch(() => []))[0];
  if (!facet) return [];
  if (kindOf(key) === "metric") {
    const bounds = [["min", facet.minimum], ["max", facet.maximum]] as const;
    return bounds.flatMap(([name, bound]) => {
      const number = toNumber(bound);
      return number === null || !Number.isFinite(number) ? [] : [{ text: exactNumber(number), label: `${exactNumber(number)}  (${t(`part.${name}`)})`, kind: "value" as const }];
    });
  }
  return facet.values.flatMap(([value, runs]) => {
    const quoted = quoteValue(value);
    return quoted === null ? [] : [{ text: quoted, label: value === "" ? quoted : value, kind: "value" as const, runs }];
  });
}
