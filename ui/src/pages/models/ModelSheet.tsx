/** What an MLmodel file says: signature, flavours, environment; and how the model is loaded and served. */

import { createMemo, For, Show, type JSX } from "solid-js";
import { CopyButton } from "../../app/notices";
import { t } from "../../app/prefs";
import { formatBytes } from "../../core/format";
import { modelSnippets, type ModelColumn, type ModelFacts } from "../../core/mlmodel";
import type { Described } from "./VersionPage";

export function ModelSheet(props: { described: Described }): JSX.Element {
  return (
    <section class="card" aria-label={t("models.signature")}>
      <div class="card-head"><h2>{t("models.signature")}</h2></div>
      <div class="card-inside">
        <Show when={props.described.facts} fallback={<p class="quiet">{t("models.no_mlmodel", { why: props.described.why })}</p>}>
          {(facts) => (
            <>
              <Show when={facts().inputs || facts().outputs || facts().params} fallback={<p class="quiet">{t("models.no_signature")}</p>}>
                <div class="columns signature-columns">
                  <Columns title={t("models.inputs")} columns={facts().inputs} />
                  <Columns title={t("models.outputs")} columns={facts().outputs} />
                  <Columns title={t("models.parameters")} columns={facts().params} />
                </div>
              </Show>
              <Flavours facts={facts()} />
            </>
          )}
        </Show>
      </div>
    </section>
  );
}

function Columns(props: { title: string; columns: ModelColumn[] | null }): JSX.Element {
  return (
    <Show when={props.columns}>
      {(found) => (
        <div>
          <h3>{props.title} <span class="quiet">{found().length}</span></h3>
          <div class="scroll-box" tabindex="0" role="region" aria-label={props.title}>
            <table class="pairs">
              <tbody>
                <For each={found()}>
                  {(column, i) => (
                    <tr>
                      <th scope="row">{column.name || <span class="quiet">{i()}</span>}</th>
                      <td class="mono">{column.type}<Show when={!column.required}> <span class="quiet">{t("models.optional")}</span></Show>
                        <Show when={column.fallback !== undefined}> <span class="quiet">= {column.fallback}</span></Show></td>
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

function Flavours(props: { facts: ModelFacts }): JSX.Element {
  return (
    <>
      <dl class="facts sheet-facts">
        <Show when={props.facts.writtenBy}>{(by) => <div><dt>{t("models.written_by")}</dt><dd>{by()}</dd></div>}</Show>
        <Show when={props.facts.python}>{(version) => <div><dt>Python</dt><dd>{version()}</dd></div>}</Show>
        <Show when={props.facts.size !== null}><div><dt>{t("models.size")}</dt><dd>{formatBytes(props.facts.size)}</dd></div></Show>
      </dl>
      <For each={props.facts.flavors}>
        {(flavor) => (
          <details class="flavour">
            <summary><strong>{flavor.name}</strong></summary>
            <table class="pairs"><tbody><For each={flavor.settings}>{([key, value]) => <tr><th scope="row">{key}</th><td class="value">{value}</td></tr>}</For></tbody></table>
          </details>
        )}
      </For>
    </>
  );
}

/** How to load, predict with, serve and call the model. */
export function Usage(props: { facts: ModelFacts; uri: string }): JSX.Element {
  const snippets = createMemo(() => modelSnippets(props.facts, props.uri, new URL(".", document.baseURI).href.replace(/\/$/, "")));
  return (
    <Show when={snippets().length}>
      <section class="card" aria-label={t("models.use")}>
        <div class="card-head"><h2>{t("models.use")}</h2></div>
        <div class="card-inside usage">
          <For each={snippets()}>
            {(snippet) => (
              <figure>
                <figcaption class="quiet">{t(`models.use_${snippet.title}`)}</figcaption>
                <div class="snippet"><pre><code>{snippet.text}</code></pre><CopyButton text={snippet.text} label={t("action.copy")} /></div>
              </figure>
            )}
          </For>
        </div>
      </section>
    </Show>
  );
}
