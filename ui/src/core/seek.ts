/** What the palette finds on the server: experiments, runs, models. */

import { call, findRuns, getExperiment } from "./api";
import { quoteValue } from "./query";
import type { Experiment } from "./wire";

export interface Found {
  kind: "experiment" | "run" | "model";
  id: string;
  label: string;
  /** Where it lies: the experiment of a run. */
  place: string;
}

const EACH = 8;
const places = new Map<string, Promise<string>>();

/** The name of an experiment; its id where it may not be read. */
export function placeName(id: string): Promise<string> {
  let name = places.get(id);
  if (!name) places.set(id, (name = getExperiment(id).then((found) => found.name, () => { places.delete(id); return id; })));
  return name;
}

/** A filter that wants every word in the name. */
export function nameFilter(text: string): string {
  // No filter can say a text with both kinds of quotes; what is around them finds it too.
  const plain = quoteValue(text) ?? quoteValue(text.replaceAll('"', " "));
  return `name CONTAINS ${plain}`;
}

async function experiments(text: string, signal: AbortSignal): Promise<Found[]> {
  const request = { filter: nameFilter(text), max_results: EACH, view_type: "ACTIVE_ONLY" };
  const answer = await call<{ experiments?: Experiment[] }>("POST", "ajax-api/2.0/mlflow/experiments/search", request, signal);
  return (answer.experiments ?? []).map((each) => ({ kind: "experiment", id: each.experiment_id, label: each.name, place: "" }));
}

async function runs(text: string, signal: AbortSignal): Promise<Found[]> {
  const table = await findRuns({ text, limit: EACH }, signal);
  const names = await Promise.all(table.experiment_id.map(placeName));
  return table.run_id.map((id, at) => ({ kind: "run", id, label: table.run_name[at] || id, place: names[at] ?? "" }));
}

async function models(text: string, signal: AbortSignal): Promise<Found[]> {
  const query = new URLSearchParams({ filter: nameFilter(text), max_results: String(EACH) });
  const answer = await call<{ registered_models?: { name: string }[] }>("GET", `ajax-api/2.0/mlflow/registered-models/search?${query}`, undefined, signal);
  return (answer.registered_models ?? []).map(({ name }) => ({ kind: "model", id: name, label: name, place: "" }));
}

/** Finds by all words of `text`; what one of the three questions cannot answer is left out unless all fail. */
export async function seek(text: string, withModels: boolean, signal: AbortSignal): Promise<Found[]> {
  const asked = await Promise.allSettled([experiments(text, signal), runs(text, signal), ...(withModels ? [models(text, signal)] : [])]);
  const found = asked.flatMap((each) => (each.status === "fulfilled" ? each.value : []));
  const failed = asked.find((each) => each.status === "rejected");
  if (failed && asked.every((each) => each.status === "rejected")) throw failed.reason;
  return found;
}
