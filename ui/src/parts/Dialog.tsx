/** A dialog drawn by Kobalte: focus stays inside, Escape closes, focus goes back. Load it lazily. */

import { Dialog as Base } from "@kobalte/core/dialog";
import type { JSX } from "solid-js";
import { t } from "../app/prefs";
import "./parts.css";

interface Props {
  title: string;
  onClose: () => void;
  /** Wider than a question needs. */
  wide?: boolean;
  children: JSX.Element;
}

export function Dialog(props: Props): JSX.Element {
  return (
    <Base open onOpenChange={(open) => { if (!open) props.onClose(); }}>
      <Base.Portal>
        <Base.Overlay class="dialog-back" />
        <div class="dialog-place">
          <Base.Content class="dialog" classList={{ wide: props.wide }}>
            <header class="dialog-head">
              <Base.Title>{props.title}</Base.Title>
              <Base.CloseButton class="icon-button" aria-label={t("parts.close")}>✕</Base.CloseButton>
            </header>
            {props.children}
          </Base.Content>
        </div>
      </Base.Portal>
    </Base>
  );
}
