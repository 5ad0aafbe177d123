/** Whether the server answers. A page that lost it keeps what it shows and asks again when the server is back. */

import { createEffect, createSignal, on, type Accessor } from "solid-js";
import { ApiError, onReach } from "../core/api";

const [online, setOnline] = createSignal(true);
/** Counts the times that the server came back. */
const [returns, setReturns] = createSignal(0);

onReach((now) => {
  if (now && !online()) setReturns((n) => n + 1);
  setOnline(now);
});

export { online };

/** Calls `work` each time the server is back. */
export function whenBack(work: () => void): void {
  createEffect(on(returns, work, { defer: true }));
}

const isLoss = (error: unknown): boolean => error instanceof ApiError && error.status === 0;

/** `error` for a part of the page to tell; undefined when the server does not answer, which the page tells, once. */
export const withoutLoss = (error: unknown): unknown => (isLoss(error) ? undefined : error);

/** Calls `retry` when the server is back, if `error` is that it was gone. */
export function retryWhenBack(error: Accessor<unknown>, retry: () => void): void {
  whenBack(() => {
    if (isLoss(error())) retry();
  });
}
