/** The three lines of Python that log into the store that this server reads. */

import type { StoreFacts } from "./wire";

export function loggingSnippet(store: Pick<StoreFacts, "location">, experiment?: string): string {
  const name = experiment && experiment !== "Default" ? `\nmillstream.set_experiment(${pythonText(experiment)})` : "";
  return [
    "import millstream",
    `millstream.set_tracking_uri(${pythonText(store.location)})${name}`,
    'with millstream.start_run(): millstream.log_metric("loss", 0.5)',
  ].join("\n");
}

/** A Python string literal; JSON's escapes mean the same there. */
export function pythonText(text: string): string {
  return JSON.stringify(text);
}
