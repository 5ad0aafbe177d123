/** A picture, as large as there is room or as it is. SVG is a picture too: as one, it runs and asks for nothing. */

import { createSignal, Show, type JSX } from "solid-js";
import { t } from "../app/prefs";
import { addressOf, createSwitch, Toggle, Unshown, type ViewProps } from "./view";

export function ImageView(props: ViewProps): JSX.Element {
  const [failed, setFailed] = createSignal(false);
  const [fit, setFit] = createSwitch("preview.fit", true);
  const [size, setSize] = createSignal("");
  const learn = (image: HTMLImageElement): void => {
    setSize(image.naturalWidth ? `${image.naturalWidth} × ${image.naturalHeight}` : "");
  };
  return (
    <Show when={!failed()} fallback={<Unshown source={props.source} path={props.path} retry={() => setFailed(false)} />}>
      <div class="view-bar">
        <span class="buttons" role="group" aria-label={t("preview.size")}>
          <Toggle on={fit()} label={t("preview.fit")} onChange={() => setFit(true)} />
          <Toggle on={!fit()} label="100 %" onChange={() => setFit(false)} />
        </span>
        <span class="quiet">{size()}</span>
      </div>
      <div class="picture" classList={{ whole: !fit() }} tabindex="0">
        <img src={addressOf(props)} alt={props.path} onError={() => setFailed(true)} onLoad={(event) => learn(event.currentTarget)} />
      </div>
    </Show>
  );
}
