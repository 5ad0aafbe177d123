/** The registry: all models, by name or by when they changed; more are fetched as the list is scrolled, and those in sight are drawn. */

import "./texts";
import { createEffect, createMemo, createSignal, For, on, onCleanup, onMount, Show, type JSX } from "solid-js";
import { showCrumbs } from "../../app/crumbs";
import { bindKeys } from "../../app/keys";
import { later, Overlay } from "../../app/later";
import { clock } from "../../app/load";
import { go, Link, place } from "../../app/nav";
import { CopyButton, Failure } from "../../app/notices";
import { language, t } from "../../app/prefs";
import { exactMoment, formatMoment } from "../../core/format";
import { rowSpan, type Span } from "../../core/grid_layout";
import { createModel, nameFilter, searchModels, type ModelVersion, type RegisteredModel } from "../../core/registry";
import { modelPath, versionPath } from "../../core/router";
import { toInteger } from "../../core/wire";

const NameDialog = later(() => import("./Dialogs").then((module) => module.NameDialog));
/** Models that are fetched first, and with each further question. */
const [FIRST, MORE] = [100, 500];
const ROW = 45;
const SPARE_ROWS = 10;
/** Aliases that are named in a row, of which a phone has no room for two. */
const mostAliases = (): number => (innerWidth < 700 ? 1 : 2);
const ORDERS = ["name ASC", "name DESC", "last_updated_timestamp DESC", "last_updated_timestamp ASC"] as const;
const SNIPPET = 'import millstream\nmillstream.register_model("runs:/RUN_ID/model", "digits")';

export function ModelsPage(): JSX.Element {
  const mine = createMemo((last: string) => (place().path === "/models" ? place().search : last), place().search);
  const query = createMemo(() => new URLSearchParams(mine()));
  const search = createMemo(() => query().get("q") ?? "");
  const order = createMemo(() => ORDERS.find((each) => each === query().get("sort")) ?? ORDERS[0]);
  const set = (name: string, value: string, replace = false): void => {
    const next = new URLSearchParams(mine());
    if (value) next.set(name, value);
    else next.delete(name);
    go(`/models${next.size ? `?${next}` : ""}`, replace);
  };
  const list = createList(search, order);
  const [making, setMaking] = createSignal(false);
  const now = clock(() => true);
  let field: HTMLInputElement | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  showCrumbs(() => [{ label: t("models.title") }]);
  bindKeys({ "/": (event) => { event.preventDefault(); field?.focus(); }, Escape: () => field?.blur() });
  const head = (name: string, first: (typeof ORDERS)[number], second: (typeof ORDERS)[number], wide = false): JSX.Element => (
    <th scope="col" classList={{ wide }} aria-sort={order() === first || order() === second ? (order().endsWith("ASC") ? "ascending" : "descending") : undefined}>
      <button type="button" class="sort" onClick={() => set("sort", order() === first ? second : first)}>
        {name}<span class="sort-sign" aria-hidden="true">{order() === first || order() === second ? (order().endsWith("ASC") ? "↑" : "↓") : ""}</span>
      </button>
    </th>
  );
  return (
    <section class="page">
      <div class="head models-head">
        <h1>{t("models.title")}</h1>
        <button type="button" onClick={() => setMaking(true)}>{t("models.new")}</button>
      </div>
      <Show when={list.error()}><Failure what={t("models.list_failed")} error={list.error()} retry={list.reload} /></Show>
      <Show when={list.models().length > 0 || search()} fallback={<Show when={list.whole() && !list.error()}><NoModels /></Show>}>
        <label class="search">
          <span class="hidden">{t("models.search")}</span>
          <input ref={field} type="search" placeholder={t("models.search")} value={search()} onInput={(event) => {
            const text = event.currentTarget.value;
            clearTimeout(timer);
            timer = setTimeout(() => set("q", text, true), 150);
          }} />
        </label>
        <Show when={list.models().length > 0} fallback={<p class="quiet">{t(list.whole() ? "models.none_match" : "state.loading", { text: search() })}</p>}>
          <table class="list models-list" aria-rowcount={list.whole() ? list.models().length + 1 : -1}>
            <thead>
              <tr>
                {head(t("column.name"), "name ASC", "name DESC")}
                <th scope="col">{t("models.latest")}</th>
                <th scope="col">{t("models.aliases")}</th>
                <th scope="col" class="wide">{t("run.tags")}</th>
                <th scope="col" class="wide">{t("models.owner")}</th>
                {head(t("models.changed"), "last_updated_timestamp DESC", "last_updated_timestamp ASC", true)}
              </tr>
            </thead>
            <Rows models={list.models()} now={now()} />
          </table>
          <p class="quiet list-end" ref={list.watch}>{list.whole() ? t("models.count", { n: list.models().length }) : t("state.loading")}</p>
        </Show>
      </Show>
      <Show when={making()}>
        <Overlay onFail={() => setMaking(false)}>
          <NameDialog title={t("models.new_title")} name="" action={t("models.create")} described onClose={() => setMaking(false)}
            onDone={async (name, text) => { await createModel(name, text); go(modelPath(name)); }} />
        </Overlay>
      </Show>
    </section>
  );
}

interface List {
  models: () => RegisteredModel[];
  error: () => unknown;
  whole: () => boolean;
  reload: () => void;
  /** More are fetched when this element comes near. */
  watch: (end: HTMLElement) => void;
}

function createList(search: () => string, order: () => string): List {
  const [models, setModels] = createSignal<RegisteredModel[]>([]);
  const [error, setError] = createSignal<unknown>();
  const [whole, setWhole] = createSignal(false);
  let own = new AbortController();
  let next: string | undefined;
  let busy = false;
  let near = false;
  const fetchMore = async (fresh: boolean): Promise<void> => {
    if (fresh) {
      own.abort();
      own = new AbortController();
      next = undefined;
    } else if (busy || whole() || error()) return;
    const mine = own;
    busy = true;
    try {
      const page = await searchModels({ filter: nameFilter(search()), order: order(), most: next === undefined ? FIRST : MORE, token: next }, mine.signal);
      if (mine.signal.aborted) return;
      next = page.next;
      setModels((before) => (fresh ? page.items : [...before, ...page.items]));
      setWhole(next === undefined);
      setError(undefined);
    } catch (cause) {
      if (mine.signal.aborted) return;
      setError(() => cause);
    }
    busy = false;
    // A short page leaves the end in sight, and no crossing tells of it.
    if (near) setTimeout(() => { if (near) void fetchMore(false); });
  };
  createEffect(on([search, order], () => void fetchMore(true)));
  onCleanup(() => own.abort());
  return {
    models, error, whole, reload: () => { setError(undefined); void fetchMore(true); },
    watch: (end) => {
      const watcher = new IntersectionObserver((entries) => {
        near = entries.at(-1)?.isIntersecting ?? false;
        if (near) void fetchMore(false);
      }, { rootMargin: "600px" });
      queueMicrotask(() => watcher.observe(end));
      onCleanup(() => { near = false; watcher.disconnect(); });
    },
  };
}

/** Only rows in sight exist; space stands for the others. */
function Rows(props: { models: RegisteredModel[]; now: number }): JSX.Element {
  const [span, setSpan] = createSignal<Span>({ first: 0, last: 0 }, { equals: (a, b) => a.first === b.first && a.last === b.last });
  let body!: HTMLTableSectionElement;
  const measure = (): void => void setSpan(rowSpan(Math.max(0, -body.getBoundingClientRect().top), innerHeight, ROW, props.models.length, SPARE_ROWS));
  const events = ["scroll", "resize"];
  onMount(() => {
    for (const event of events) addEventListener(event, measure, { passive: true });
    onCleanup(() => { for (const event of events) removeEventListener(event, measure); });
  });
  createEffect(() => { void props.models.length; measure(); });
  const shown = createMemo(() => props.models.slice(span().first, span().last));
  const space = (rows: number): JSX.Element => <Show when={rows > 0}><tr class="space" aria-hidden="true"><td style={{ height: `${rows * ROW}px` }} /></tr></Show>;
  return (
    <tbody ref={body}>
      {space(Math.min(span().first, props.models.length))}
      <For each={shown()}>{(model, at) => <ModelRow model={model} now={props.now} index={span().first + at() + 2} />}</For>
      {space(Math.max(0, props.models.length - span().last))}
    </tbody>
  );
}

/** The newest of the versions that a model tells of. */
export function newest(model: RegisteredModel): ModelVersion | undefined {
  return (model.latest_versions ?? []).reduce<ModelVersion | undefined>((best, each) => (!best || Number(each.version) > Number(best.version) ? each : best), undefined);
}

function ModelRow(props: { model: RegisteredModel; now: number; index: number }): JSX.Element {
  const last = (): ModelVersion | undefined => newest(props.model);
  const aliases = (): NonNullable<RegisteredModel["aliases"]> => props.model.aliases ?? [];
  const changed = (): number | null => toInteger(props.model.last_updated_timestamp);
  const stages = (): ModelVersion[] => (props.model.latest_versions ?? []).filter((each) => each.current_stage && each.current_stage !== "None");
  return (
    <tr aria-rowindex={props.index}>
      <td class="name">
        <Link to={modelPath(props.model.name)} title={props.model.name}>{props.model.name}</Link>
        <Show when={props.model.description}>{(text) => <p class="quiet model-about" title={text()}>{text()}</p>}</Show>
      </td>
      <td>
        <Show when={last()} fallback={<span class="quiet">{t("models.no_versions")}</span>}>{(version) => <Link to={versionPath(props.model.name, version().version)}>{t("models.version_n", { n: version().version })}</Link>}</Show>
        <For each={stages()}>{(version) => <span class={`stage ${version.current_stage?.toLowerCase()}`} title={t("models.version_n", { n: version.version })}>{version.current_stage}</span>}</For>
      </td>
      <td><span class="aliases"><For each={aliases().slice(0, mostAliases())}>{(each) => <Link class="alias" to={versionPath(props.model.name, each.version)} title={`@${each.alias}: ${t("models.version_n", { n: each.version })}`}>@{each.alias}</Link>}</For>
        <Show when={aliases().length > mostAliases()}><Link class="alias more" to={modelPath(props.model.name)} title={aliases().map((each) => `@${each.alias}`).join(" ")}>+{aliases().length - mostAliases()}</Link></Show></span></td>
      <td class="wide"><span class="aliases"><For each={(props.model.tags ?? []).slice(0, 4)}>{(tag) => <span class="tag" title={`${tag.key}: ${tag.value}`}><span class="quiet">{tag.key}</span> <span class="tag-value">{tag.value}</span></span>}</For></span></td>
      <td class="wide">{last()?.user_id}</td>
      <td class="wide quiet" title={exactMoment(changed(), language())}>{formatMoment(changed(), language(), props.now)}</td>
    </tr>
  );
}

function NoModels(): JSX.Element {
  return (
    <div class="empty">
      <h2>{t("models.none")}</h2>
      <p>{t("models.how")}</p>
      <div class="snippet"><pre><code>{SNIPPET}</code></pre><CopyButton text={SNIPPET} label={t("action.copy")} /></div>
      <p class="quiet">{t("models.or_page")}</p>
    </div>
  );
}
