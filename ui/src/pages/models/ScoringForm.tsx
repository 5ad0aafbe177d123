/** A request to a running server of the model, made by hand: what it answers, and how long that took. */

import { createEffect, createMemo, createSignal, For, on, Show, type JSX } from "solid-js";
import { load } from "../../app/load";
import { errorText } from "../../app/notices";
import { recall, remember, t } from "../../app/prefs";
import { readPart } from "../../core/files";
import { formatDuration } from "../../core/format";
import type { ModelFacts } from "../../core/mlmodel";
import { decodeText, prettyJson } from "../../core/preview";
import { getScoringServers, listVersionFiles, score, versionFile, type Score } from "../../core/registry";
import { requestFor, whyNoJson } from "../../core/scoring";

const EXAMPLE = "serving_input_example.json";
const MOST_OF_EXAMPLE = 256 * 1024;

interface Props {
  name: string;
  version: string;
  facts: ModelFacts | null;
}

/** The request that was kept with the model, else one that fits its signature. */
async function firstRequest(props: Props, signal: AbortSignal): Promise<string> {
  if (props.facts?.example) {
    try {
      const files = await listVersionFiles(props.name, props.version, "", signal);
      if (files.some((file) => file.path === EXAMPLE)) {
        const { bytes, total } = await readPart(versionFile(props.name, props.version, EXAMPLE), 0, MOST_OF_EXAMPLE, signal);
        if (total !== null && total <= bytes.length) return prettyJson(decodeText(bytes)) ?? decodeText(bytes);
      }
    } catch {
      signal.throwIfAborted();
    }
  }
  return requestFor(props.facts);
}

export function ScoringForm(props: Props): JSX.Element {
  const servers = load(() => props.name, (_, signal) => getScoringServers(signal));
  const first = load(() => [props.name, props.version, props.facts] as const, (_, signal) => firstRequest(props, signal));
  const [url, setUrl] = createSignal(recall("scoring") ?? "");
  const [text, setText] = createSignal("");
  const [answer, setAnswer] = createSignal<Score>();
  const [error, setError] = createSignal<unknown>();
  const [busy, setBusy] = createSignal(false);
  createEffect(on(first.data, (found) => { if (found !== undefined && !text()) setText(found); }));
  createEffect(on(servers.data, (found) => {
    if (!found?.length) return;
    const known = found.find((each) => each.url === url());
    const ours = found.find((each) => each.model === `models:/${props.name}/${props.version}`);
    if (!known || (ours && !known.model)) setUrl((ours ?? found[0])?.url ?? "");
  }));
  const wrong = createMemo(() => (text().trim() ? whyNoJson(text()) : null));
  const send = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (busy() || wrong()) return;
    setBusy(true);
    setError(undefined);
    setAnswer(undefined);
    remember("scoring", url());
    try {
      setAnswer(await score(url().trim(), text()));
    } catch (cause) {
      setError(() => cause);
    }
    setBusy(false);
  };
  return (
    <section class="card" aria-label={t("models.try")}>
      <div class="card-head"><h2>{t("models.try")}</h2></div>
      <form class="card-inside scoring" onSubmit={(event) => void send(event)}>
        <label>
          <span class="quiet">{t("models.server")}</span>
          <input type="text" class="mono" inputmode="url" list="scoring-servers" required placeholder="http://127.0.0.1:5001" value={url()} onInput={(event) => setUrl(event.currentTarget.value)} />
        </label>
        <datalist id="scoring-servers"><For each={servers.data()}>{(each) => <option value={each.url}>{each.model}</option>}</For></datalist>
        <p class="quiet">{servers.data()?.length ? t("models.servers", { n: servers.data()?.length ?? 0 }) : servers.data() ? t("models.no_servers") : ""}</p>
        <div class="scoring-texts">
          <label>
            <span class="quiet">{t("models.request")}</span>
            <textarea class="mono" rows="12" spellcheck={false} aria-invalid={wrong() !== null} value={text()} onInput={(event) => setText(event.currentTarget.value)}
              onKeyDown={(event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) void send(event); }} />
          </label>
          <div class="scoring-answer" aria-live="polite">
            <span class="quiet">{t("models.answer")}</span>
            <Show when={answer()} fallback={<Show when={error()} fallback={<p class="quiet pad">{busy() ? t("models.waiting") : ""}</p>}><p class="failure" role="alert">{errorText(error())}</p></Show>}>
              {(found) => (
                <>
                  <p classList={{ "scoring-bad": found().status >= 400 }}><strong>{found().status}</strong> <span class="quiet">{formatDuration(found().milliseconds)}</span></p>
                  <pre class="code" tabindex="0"><code>{prettyJson(found().body) ?? found().body}</code></pre>
                  <Show when={found().cut}><p class="note">{t("models.answer_cut")}</p></Show>
                </>
              )}
            </Show>
          </div>
        </div>
        <Show when={wrong()}>{(why) => <p class="field-error" role="alert">{t("models.no_json", { why: why() })}</p>}</Show>
        <div class="dialog-actions">
          <button type="button" onClick={() => setText(first.data() ?? requestFor(props.facts))}>{t("models.reset_request")}</button>
          <button type="submit" class="primary" disabled={busy() || !url().trim() || wrong() !== null || !text().trim()}>{t("models.send")}</button>
        </div>
      </form>
    </section>
  );
}
