/** What can be done on the page in front: the palette runs it, the help lists its keys. */

import { createSignal, onCleanup, type Accessor } from "solid-js";

export interface Command {
  label: string;
  /** The key that does the same, as the help shows it. */
  keys?: string;
  /** None: only the key does it. */
  run?: () => void;
}

const [offers, setOffers] = createSignal<readonly Accessor<Command[]>[]>([]);

/** All commands of the page in front. */
export const commands = (): Command[] => offers().flatMap((each) => each());

/** Offers commands for as long as the calling component lives. */
export function offer(list: Accessor<Command[]>): void {
  setOffers((all) => [...all, list]);
  onCleanup(() => setOffers((all) => all.filter((each) => each !== list)));
}

const [opened, setOpened] = createSignal<"palette" | "help" | null>(null);

export { opened, setOpened };
