/** Which view shows, and the way to the others. */

import { createMemo, createSignal, Show, type JSX } from "solid-js";
import { later, Overlay } from "../../app/later";
import { tell } from "../../app/notices";
import { t } from "../../app/prefs";
import { sameQuery } from "../../core/views";
import { openMenu } from "../../parts/menu";
import type { SavedViews } from "./views";

const ViewDialog = later(() => import("./ViewDialog").then((module) => module.ViewDialog));

export interface ViewsButtonProps {
  /** The page's address without its query. */
  path: string;
  /** What is looked at. */
  search: string;
  /** The view it came from; "" for none. */
  current: string;
  views: SavedViews;
  /** Shows a view; "" for the page as it is at first. */
  onShow: (id: string) => void;
  onAbout: () => void;
  onSend: () => void;
}

/** A question for the name of a view. */
export interface Naming {
  title: string;
  name: string;
  done: (name: string) => Promise<void>;
}

export function ViewsButton(props: ViewsButtonProps): JSX.Element {
  const [asked, setAsked] = createSignal<Naming | null>(null);
  const named = createMemo(() => props.views.list().all.filter((view) => view.name));
  const current = createMemo(() => named().find((view) => view.id === props.current));
  const changed = (): boolean => { const view = current(); return view !== undefined && !sameQuery(view.search, props.search); };
  const open = (anchor: HTMLElement): void => void import("./views_menu").then(
    ({ viewsMenu }) => openMenu(anchor, viewsMenu({ ...props, named: named(), view: current(), changed: changed(), ask: setAsked })),
    () => tell(t("error.part")),
  );
  return (
    <>
      <button type="button" class="chip" classList={{ on: current() !== undefined }} aria-haspopup="menu" onClick={(event) => open(event.currentTarget)}>
        <Show when={current()} fallback={t("views.button")}>{(view) => <><bdi>{view().name}</bdi>{changed() ? " •" : ""}<Show when={changed()}><span class="hidden">{t("views.changed")}</span></Show></>}</Show>
      </button>
      <Show when={asked()} keyed>
        {(question) => <Overlay onFail={() => setAsked(null)}><ViewDialog {...question} onClose={() => setAsked(null)} /></Overlay>}
      </Show>
    </>
  );
}
