/** Sound and films, of which the browser asks for the parts that it plays. */

import { createSignal, Show, type JSX } from "solid-js";
import { kindOfName } from "../core/preview";
import { addressOf, Unshown, type ViewProps } from "./view";

export function MediaView(props: ViewProps): JSX.Element {
  const [failed, setFailed] = createSignal(false);
  return (
    <Show when={!failed()} fallback={<Unshown source={props.source} path={props.path} retry={() => setFailed(false)} />}>
      <div class="medium">
        <Show when={kindOfName(props.path) === "video"} fallback={<audio src={addressOf(props)} controls preload="metadata" aria-label={props.path} onError={() => setFailed(true)} />}>
          <video src={addressOf(props)} controls preload="metadata" aria-label={props.path} onError={() => setFailed(true)} />
        </Show>
      </div>
    </Show>
  );
}
