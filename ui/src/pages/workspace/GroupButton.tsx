/** How the rows are laid out: grouped by what, child runs below their parents or not, all open or closed. */

import { Show, type JSX } from "solid-js";
import { t } from "../../app/prefs";
import { columnId, columnOf, type KeyFacts } from "../../core/columns";
import { byName } from "../../core/order";
import type { TableState } from "../../core/url_state";
import { columnLabel } from "../../grid/Grid";
import { openMenu, type MenuItem } from "../../parts/menu";

const MOST = 30;

interface Props {
  state: TableState;
  facts: KeyFacts;
  /** Whether some runs are children of others. */
  nests: boolean;
  onChange: (part: Partial<TableState>) => void;
}

const labelOf = (id: string): string => {
  const column = columnOf(id);
  return column ? columnLabel(column) : id;
};

export function GroupButton(props: Props): JSX.Element {
  const grouped = (): string[] => props.state.group;
  const item = (id: string): MenuItem => {
    const on = grouped().includes(id);
    return { label: labelOf(id), checked: on, run: () => props.onChange({ group: on ? grouped().filter((each) => each !== id) : [...grouped(), id], open: [] }) };
  };
  const menu = (anchor: HTMLElement): void => {
    const params = [...props.facts.params].filter(([, fact]) => fact.differs).map(([key]) => key).sort(byName).slice(0, MOST);
    const tags = [...props.facts.tags.keys()].filter((key) => !key.startsWith("mlflow.") && !props.facts.same.has(columnId("tag", key))).sort(byName).slice(0, MOST);
    const rows = grouped().length > 0 || (props.nests && !props.state.flat);
    openMenu(anchor, [
      ...(props.nests ? [{ label: t("group.nested"), checked: !props.state.flat, run: () => props.onChange({ flat: !props.state.flat, open: [] }) }, null] : []),
      ...(params.length ? [{ label: t("run.params"), items: params.map((key) => item(columnId("param", key))) }] : []),
      ...(tags.length ? [{ label: t("run.tags"), items: tags.map((key) => item(columnId("tag", key))) }] : []),
      item("status"), item("user_id"),
      ...(rows ? [null, { label: t("group.open_all"), run: () => props.onChange({ open: ["*"] }) }, { label: t("group.close_all"), run: () => props.onChange({ open: [] }) }] : []),
      ...(grouped().length ? [{ label: t("group.off"), run: () => props.onChange({ group: [], open: [] }) }] : []),
    ]);
  };
  return (
    <button type="button" class="chip" classList={{ on: grouped().length > 0 }} aria-haspopup="menu" onClick={(event) => menu(event.currentTarget)}>
      <Show when={grouped().length} fallback={t("group.button")}>{t("group.by", { keys: grouped().map(labelOf).join(", ") })}</Show>
    </button>
  );
}
