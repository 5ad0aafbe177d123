/** A dialog with a title and a button that closes it. Load it lazily. */

import { createUniqueId, type JSX } from "solid-js";
import { t } from "../app/prefs";
import { Modal } from "./Modal";

interface Props {
  title: string;
  onClose: () => void;
  /** Wider than a question needs. */
  wide?: boolean;
  children: JSX.Element;
}

export function Dialog(props: Props): JSX.Element {
  const title = createUniqueId();
  return (
    <Modal class={props.wide ? "wide" : ""} labelledBy={title} onClose={props.onClose}>
      <header class="dialog-head">
        <h2 id={title}>{props.title}</h2>
        <button type="button" class="icon-button" aria-label={t("parts.close")} onClick={() => props.onClose()}>✕</button>
      </header>
      {props.children}
    </Modal>
  );
}
