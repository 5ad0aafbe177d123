/** Markdown that a user wrote. Load it lazily. */

import { createEffect, type JSX } from "solid-js";
import { go } from "../app/nav";
import { renderMarkdown, type Surroundings } from "./markdown";
import "../app/run_texts";
import "./preview.css";

export function Prose(props: { text: string; around: Surroundings }): JSX.Element {
  let place!: HTMLDivElement;
  createEffect(() => place.replaceChildren(renderMarkdown(props.text, props.around)));
  const follow = (event: MouseEvent): void => {
    const to = (event.target as Element).closest("a")?.dataset.to;
    if (to === undefined || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(to);
  };
  return <div class="prose" ref={place} onClick={follow} />;
}
