/** All keys: those of every page, and those of the page in front. */

import { For, Show, type JSX } from "solid-js";
import { Dialog } from "../parts/Dialog";
import { commands, setOpened } from "./commands";
import { t } from "./prefs";
import "./overlays.css";
import "./shell_texts";

interface Key {
  keys: string;
  label: string;
}

const everywhere = (): Key[] => [
  { keys: "Ctrl K", label: t("palette.title") },
  { keys: "/", label: t("help.filter") },
  { keys: "g e", label: t("palette.go", { page: t("experiments.title") }) },
  { keys: "g m", label: t("palette.go", { page: t("rail.models") }) },
  { keys: "g s", label: t("palette.go", { page: t("settings.title") }) },
  { keys: "Esc", label: t("help.escape") },
  { keys: "?", label: t("help.title") },
];

export function Help(): JSX.Element {
  const here = (): Key[] => commands().flatMap(({ keys, label }) => (keys ? [{ keys, label }] : []));
  return (
    <Dialog title={t("help.title")} onClose={() => setOpened(null)} wide>
      <Show when={here().length}><Keys title={t("help.here")} keys={here()} /></Show>
      <Keys title={t("help.everywhere")} keys={everywhere()} />
    </Dialog>
  );
}

function Keys(props: { title: string; keys: Key[] }): JSX.Element {
  return (
    <section>
      <h3>{props.title}</h3>
      <dl class="keys">
        <For each={props.keys}>
          {(each) => (
            <div>
              <dt><For each={each.keys.split(" ")}>{(key) => <kbd>{key}</kbd>}</For></dt>
              <dd>{each.label}</dd>
            </div>
          )}
        </For>
      </dl>
    </section>
  );
}
