/** Filters of one click: status, and how long ago; what is chosen stands in the button. */

import { For, Show, type JSX } from "solid-js";
import { t } from "../../app/prefs";
import { statusWord } from "../../app/status";
import { SINCES, STATUSES, type TableState } from "../../core/url_state";
import { openMenu } from "../../parts/menu";

interface Props {
  state: TableState;
  onChange: (part: Partial<TableState>) => void;
}

export function QuickFilters(props: Props): JSX.Element {
  const statuses = (anchor: HTMLElement): void => openMenu(anchor, [
    ...STATUSES.map((status) => {
      const on = (): boolean => props.state.status.includes(status);
      return {
        label: statusWord(status), get checked() { return on(); }, stays: true,
        run: () => props.onChange({ status: on() ? props.state.status.filter((each) => each !== status) : [...props.state.status, status] }),
      };
    }),
    null,
    { label: t("quick.any_status"), run: () => props.onChange({ status: [] }) },
  ]);
  const times = (anchor: HTMLElement): void => openMenu(anchor, [
    ...SINCES.map((since) => ({ label: t(`quick.${since}`), checked: props.state.since === since, run: () => props.onChange({ since }) })),
    null,
    { label: t("quick.any_time"), run: () => props.onChange({ since: null }) },
  ]);
  return (
    <>
      <button type="button" class="chip" classList={{ on: props.state.status.length > 0 }} aria-haspopup="menu" onClick={(event) => statuses(event.currentTarget)}>
        <Show when={props.state.status.length} fallback={t("column.status")}>
          <For each={props.state.status}>{(status, i) => <>{i() ? ", " : ""}{statusWord(status)}</>}</For>
        </Show>
      </button>
      <button type="button" class="chip" classList={{ on: props.state.since !== null }} aria-haspopup="menu" onClick={(event) => times(event.currentTarget)}>
        {props.state.since ? t(`quick.${props.state.since}`) : t("quick.time")}
      </button>
    </>
  );
}
