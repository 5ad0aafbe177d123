/** A run's status as icon and colour and word, so that none of them has to carry it alone. */

import type { JSX } from "solid-js";
import { t } from "./prefs";

const SHAPES: Record<string, string> = {
  RUNNING: "M8 2.5a5.5 5.5 0 1 1-5.5 5.5",
  FINISHED: "M3 8.5l3.3 3.3L13 4.8",
  FAILED: "M4 4l8 8M12 4l-8 8",
  KILLED: "M4 8h8",
  SCHEDULED: "M8 4v4l2.7 2M8 2.2a5.8 5.8 0 1 0 .01 0",
};

export function StatusIcon(props: { status: string }): JSX.Element {
  return (
    <svg class={`status-icon ${props.status.toLowerCase()}`} viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
      <path d={SHAPES[props.status] ?? "M8 8h.01"} fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round" />
    </svg>
  );
}

export const statusWord = (status: string): string => t(`status.${status}`);

export function Status(props: { status: string }): JSX.Element {
  return (
    <span class={`status ${props.status.toLowerCase()}`}>
      <StatusIcon status={props.status} />
      <span>{statusWord(props.status)}</span>
    </span>
  );
}
