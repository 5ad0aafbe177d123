/** What the server serves, shared by all pages; asked once at the start and again whenever a page wants. */

import { createSignal } from "solid-js";
import { getAbout } from "../core/api";
import type { About } from "../core/wire";

const [about, setAbout] = createSignal<About>();
const [aboutError, setAboutError] = createSignal<unknown>();

export { about, aboutError };

/** Asks again; the answer also lands in `about`. */
export async function refreshAbout(signal?: AbortSignal): Promise<About> {
  try {
    const answer = await getAbout(signal);
    setAbout(answer);
    setAboutError(undefined);
    return answer;
  } catch (error) {
    if (!signal?.aborted) setAboutError(() => error);
    throw error;
  }
}
