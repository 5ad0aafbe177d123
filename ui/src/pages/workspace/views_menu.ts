/** The menu of views: those that were saved, saving this one, sending it. Loaded when it is first opened. */

import { hrefOf } from "../../app/nav";
import { copy, tell } from "../../app/notices";
import { t } from "../../app/prefs";
import { LONG, sameQuery, viewId, withView, type View } from "../../core/views";
import type { MenuItem, MenuItems } from "../../parts/menu";
import type { Naming, ViewsButtonProps } from "./ViewsButton";
import "../../app/shell_texts";

const MOST_NAMED = 20;

export interface Opened extends ViewsButtonProps {
  /** Those with a name, and which of them shows. */
  named: readonly View[];
  view: View | undefined;
  changed: boolean;
  ask: (naming: Naming) => void;
}

export function viewsMenu(given: Opened): MenuItems {
  const { named, view, views } = given;
  const { first } = views.list();
  const item = (each: View): MenuItem => ({ label: each.name, checked: each.id === view?.id, keys: each.id === first ? "★" : "", run: () => given.onShow(each.id) });
  return [
    ...named.slice(0, MOST_NAMED).map(item),
    ...(named.length > MOST_NAMED ? [{ label: t("views.more"), items: named.slice(MOST_NAMED).map(item) }] : []),
    ...(named.length ? [{ label: t("views.none"), run: () => given.onShow("") }, null] : []),
    ...(view ? [{ label: t("views.save", { name: view.name }), disabled: !given.changed, run: () => void save(given, view) }] : []),
    { label: t("views.save_as"), run: () => given.ask(saving(given)) },
    ...(view ? [
      { label: t("views.rename"), run: () => given.ask(renaming(given, view)) },
      { label: t(first === view.id ? "views.not_first" : "views.first"), run: () => void views.setFirst(first === view.id ? null : view) },
      { label: t("views.delete"), danger: true, run: () => void remove(given, view) },
    ] : []),
    null,
    { label: t("row.copy_link"), run: () => void copyLink(given) },
    { label: t("page.send"), run: () => given.onSend() },
    null,
    { label: t("experiments.about"), run: () => given.onAbout() },
  ];
}

/** Refuses a name that another view has. */
function checkName({ named }: Opened, name: string, but?: View): void {
  if (named.some((view) => view.name === name && view.id !== but?.id)) throw new Error(t("views.taken", { name }));
}

const saving = (given: Opened): Naming => ({
  title: t("views.save_as"), name: "",
  done: async (name) => {
    checkName(given, name);
    const view = await given.views.add(name, given.search);
    if (!view) return;
    tell(t("views.saved", { name }));
    given.onShow(view.id);
  },
});

const renaming = (given: Opened, view: View): Naming => ({
  title: t("views.rename"), name: view.name,
  done: async (name) => {
    checkName(given, name, view);
    if (await given.views.save({ ...view, name })) tell(t("views.saved", { name }));
  },
});

async function save(given: Opened, view: View): Promise<void> {
  if (!(await given.views.save({ ...view, search: given.search }))) return;
  tell(t("views.saved", { name: view.name }));
  given.onShow(view.id);
}

async function remove(given: Opened, view: View): Promise<void> {
  if (!(await given.views.remove(view))) return;
  tell(t("views.deleted", { name: view.name }), { label: t("action.undo"), run: () => void given.views.save(view) });
}

/** Copies the address of what is looked at; of a long one a short one that the server knows. */
async function copyLink({ path, search, views }: Opened): Promise<void> {
  const absolute = (query: string): string => new URL(hrefOf(path + query), document.baseURI).href;
  const whole = absolute(search);
  if (whole.length <= LONG) return copy(whole);
  const same = views.list().all.find((view) => sameQuery(view.search, search));
  const known = same?.id ?? viewId("", search);
  const kept = same !== undefined || (await views.save({ id: known, name: "", search }));
  await copy(kept ? absolute(withView("", known)) : whole);
}
