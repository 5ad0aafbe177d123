/** What stands in place of an experiment, a run, a model or a version that is not here: why that may be, and where to go. */

import { Show, type JSX } from "solid-js";
import { isMissing } from "../core/api";
import { about } from "./about";
import { Link } from "./nav";
import { errorText, Failure } from "./notices";
import { t } from "./prefs";
import "./shell_texts";

interface Props {
  kind: "experiment" | "run" | "model" | "version";
  id: string;
  error: unknown;
  /** What failed where the thing may be there. */
  failed?: string;
  /** The list in which such things are; that of experiments where none is named. */
  list?: { to: string; label: string };
  retry: () => void;
}

export function Gone(props: Props): JSX.Element {
  return (
    <Show when={isMissing(props.error)} fallback={<Failure what={props.failed ?? t(`error.${props.kind}`, { id: props.id })} error={props.error} retry={props.retry} />}>
      <div class="empty gone" role="alert">
        <h2>{t(`gone.${props.kind}`)}</h2>
        <p class="mono path"><bdi>{props.id}</bdi></p>
        <p>{errorText(props.error)}</p>
        <p class="quiet">
          {t("gone.why")}{" "}
          <Show when={about()?.store.location}>{(place) => <>{t("empty.reads")} <code class="path">{place()}</code></>}</Show>
        </p>
        <p>
          <Link to={props.list?.to ?? "/"} class="button">{props.list?.label ?? t("missing.home")}</Link>{" "}
          <Show when={props.kind === "experiment"}><Link to="/?show=deleted" class="button">{t("gone.deleted")}</Link>{" "}</Show>
          <button type="button" onClick={() => props.retry()}>{t("action.retry")}</button>
        </p>
      </div>
    </Show>
  );
}
