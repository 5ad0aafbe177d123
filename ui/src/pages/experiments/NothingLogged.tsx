/** What the reader sees before the first run: where the server looks, and how to log there. */

import { Show, type JSX } from "solid-js";
import { CopyButton } from "../../app/notices";
import { t } from "../../app/prefs";
import { loggingSnippet } from "../../core/snippet";
import type { About } from "../../core/wire";

export function NothingLogged(props: { about: About; experiment?: string }): JSX.Element {
  const snippet = (): string => loggingSnippet(props.about.store, props.experiment);
  return (
    <div class="empty">
      <h2>{props.experiment ? t("empty.experiment", { name: props.experiment }) : t("empty.title")}</h2>
      <p>
        {t("empty.reads")} <code class="path">{props.about.store.location}</code>
        <Show when={props.about.store.exists} fallback={t("empty.not_there")}>
          {" "}
          {t("empty.there", { n: props.about.store.experiments })}
        </Show>
      </p>
      <p>{t("empty.how")}</p>
      <div class="snippet">
        <pre><code>{snippet()}</code></pre>
        <CopyButton text={snippet()} label={t("action.copy")} />
      </div>
      <p class="quiet">{t("empty.live")}</p>
    </div>
  );
}
