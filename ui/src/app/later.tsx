/** Parts of the program that are fetched when they are needed, and fetched again when that failed: the server may be away. */

import { createMemo, createResource, ErrorBoundary, onMount, Suspense, untrack, type Component, type JSX } from "solid-js";
import { tell } from "./notices";
import { t } from "./prefs";

/** A component that is there once `fetch` has brought it. Unlike Solid's `lazy` a failure is not kept for ever. */
export function later<P extends object>(fetch: () => Promise<Component<P>>): Component<P> {
  let known: Component<P> | undefined;
  return (props: P) => {
    if (known) return untrack(() => known?.(props));
    const [found] = createResource(async () => (known = await fetch()));
    return createMemo(() => {
      const ready = found();
      return ready ? untrack(() => ready(props)) : undefined;
    }) as unknown as JSX.Element;
  };
}

/** What opens above a page: where its program cannot be had, that is told and the page stays as it is. */
export function Overlay(props: { onFail: () => void; children: JSX.Element }): JSX.Element {
  const Failed = (): JSX.Element => {
    onMount(() => {
      tell(t("error.part"));
      props.onFail();
    });
    return null;
  };
  return <ErrorBoundary fallback={<Failed />}><Suspense>{props.children}</Suspense></ErrorBoundary>;
}
