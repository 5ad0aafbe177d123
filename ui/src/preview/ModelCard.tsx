/** A model as a card: what it is made with, what it takes and gives, what it needs, and how to use it. */

import { createMemo, createSignal, For, lazy, Show, Suspense, type JSX } from "solid-js";
import { Link } from "../app/nav";
import { CopyButton } from "../app/notices";
import { t } from "../app/prefs";
import { readWhole, type FileSource } from "../core/files";
import { formatBytes } from "../core/format";
import { modelSnippets, readModel, type ModelColumn, type ModelFacts } from "../core/mlmodel";
import { decodeText } from "../core/preview";
import { runPath } from "../core/router";
import { Loading, loadFile, type ViewProps } from "./view";

const TextView = lazy(() => import("./TextView").then((module) => ({ default: module.TextView })));
const MOST = 2 ** 20;

/** The card of the MLmodel file at `path`. */
export function ModelView(props: ViewProps): JSX.Element {
  const folder = (): string => props.path.slice(0, Math.max(0, props.path.lastIndexOf("/")));
  const loaded = loadFile(props, async (address, signal) => {
    const bytes = await readWhole(address, MOST, signal);
    try {
      if (!bytes) throw new Error(t("card.too_long"));
      return { facts: readModel(decodeText(bytes)), why: "" };
    } catch (error) {
      return { facts: null, why: error instanceof Error ? error.message : String(error) };
    }
  });
  return (
    <Loading path={props.path} loaded={loaded}>
      {(data) => (
        <Show when={data().facts} fallback={<><p class="note">{t("card.unread", { why: data().why })}</p><TextView source={props.source} path={props.path} /></>}>
          {(facts) => <Card facts={facts()} source={props.source} folder={folder()} />}
        </Show>
      )}
    </Loading>
  );
}

function Card(props: { facts: ModelFacts; source: FileSource; folder: string }): JSX.Element {
  const uri = (): string => props.source.uri(props.folder);
  const snippets = createMemo(() => modelSnippets(props.facts, uri(), new URL(".", document.baseURI).href.replace(/\/$/, "")));
  return (
    <div class="model-card">
      <dl class="facts">
        <div><dt>URI</dt><dd class="mono path">{uri()} <CopyButton text={uri()} label={t("action.copy")} /></dd></div>
        <Show when={props.facts.created}>{(created) => <div><dt>{t("card.created")}</dt><dd>{created().replace(/\.\d+$/, "")} UTC</dd></div>}</Show>
        <Show when={props.facts.size !== null}><div><dt>{t("preview.size")}</dt><dd>{formatBytes(props.facts.size)}</dd></div></Show>
        <Show when={props.facts.writtenBy}>{(by) => <div><dt>{t("card.written_by")}</dt><dd>{by()}</dd></div>}</Show>
        <Show when={props.facts.python}>{(version) => <div><dt>Python</dt><dd>{version()}</dd></div>}</Show>
        <Show when={props.facts.runId}>{(run) => <div><dt>{t("card.run")}</dt><dd><Link to={runPath(run())} class="mono">{run()}</Link></dd></div>}</Show>
        <Show when={props.facts.modelId}>{(id) => <div><dt>{t("card.id")}</dt><dd class="mono">{id()}</dd></div>}</Show>
      </dl>
      <section aria-label={t("card.signature")}>
        <h2>{t("card.signature")}</h2>
        <Show when={props.facts.inputs || props.facts.outputs || props.facts.params} fallback={<p class="quiet">{t("card.no_signature")}</p>}>
          <div class="signature">
            <Columns title={t("card.inputs")} columns={props.facts.inputs} />
            <Columns title={t("card.outputs")} columns={props.facts.outputs} />
            <Columns title={t("card.params")} columns={props.facts.params} params />
          </div>
        </Show>
      </section>
      <section aria-label={t("card.use")}>
        <h2>{t("card.use")}</h2>
        <For each={snippets()} fallback={<p class="quiet">{t("card.no_pyfunc")}</p>}>
          {(snippet) => (
            <figure class="model-snippet">
              <figcaption class="quiet">{t(`card.${snippet.title}`)}<Show when={snippet.flavor}> ({snippet.flavor})</Show></figcaption>
              <div class="snippet"><pre>{snippet.text}</pre><CopyButton text={snippet.text} label={t("action.copy")} /></div>
            </figure>
          )}
        </For>
      </section>
      <section aria-label={t("card.flavors")}>
        <h2>{t("card.flavors")}</h2>
        <div class="flavors">
          <For each={props.facts.flavors}>
            {(flavor) => (
              <details open={props.facts.flavors.length === 1}>
                <summary><strong>{flavor.name}</strong></summary>
                <Pairs pairs={flavor.settings} />
              </details>
            )}
          </For>
        </div>
      </section>
      <Show when={props.facts.metadata.length}><section><h2>{t("card.metadata")}</h2><Pairs pairs={props.facts.metadata} /></section></Show>
      <section aria-label={t("card.environment")}>
        <h2>{t("card.environment")}</h2>
        <For each={props.facts.environment}>{(name) => <Environment source={props.source} path={props.folder ? `${props.folder}/${name}` : name} name={name} />}</For>
      </section>
    </div>
  );
}

function Columns(props: { title: string; columns: ModelColumn[] | null; params?: boolean }): JSX.Element {
  return (
    <Show when={props.columns}>
      {(found) => (
        <div>
          <h3>{props.title} <span class="quiet">{found().length}</span></h3>
          <div class="scroll-box" tabindex="0">
            <table class="pairs">
              <thead><tr><th scope="col">{t("card.name")}</th><th scope="col">{t("card.type")}</th><Show when={props.params}><th scope="col">{t("card.default")}</th></Show></tr></thead>
              <tbody>
                <For each={found()}>
                  {(column, i) => (
                    <tr>
                      <th scope="row">{column.name || <span class="quiet">{i()}</span>}</th>
                      <td class="mono">{column.type}<Show when={!column.required}> <span class="quiet">{t("card.optional")}</span></Show></td>
                      <Show when={props.params}><td class="mono">{column.fallback ?? ""}</td></Show>
                    </tr>
                  )}
                </For>
              </tbody>
            </table>
          </div>
        </div>
      )}
    </Show>
  );
}

function Pairs(props: { pairs: [string, string][] }): JSX.Element {
  return (
    <table class="pairs">
      <tbody><For each={props.pairs}>{([key, value]) => <tr><th scope="row">{key}</th><td class="value">{value}</td></tr>}</For></tbody>
    </table>
  );
}

/** A file of packages, read when it is opened. */
export function Environment(props: { source: FileSource; path: string; name: string }): JSX.Element {
  const [open, setOpen] = createSignal(false);
  return (
    <details class="environment" onToggle={(event) => { if (event.currentTarget.open) setOpen(true); }}>
      <summary class="mono">{props.name}</summary>
      <Show when={open()}><Suspense><TextView source={props.source} path={props.path} /></Suspense></Show>
    </details>
  );
}
