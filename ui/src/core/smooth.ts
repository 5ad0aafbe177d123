/** Smoothing of lines. What is not finite stays where it is and counts for nothing. */

export type Smoothing = "none" | "ema" | "gaussian";

/**
 * Smoothed `y` of the first `n` points. `strength` is 0 to 1. The average is exponential over x, not over points, so
 * that runs which log more often look alike; its weights add up to one from the first point on (Adam's correction).
 * The Gaussian one has a standard deviation of `strength` ** 2 times 10 % of `span`.
 */
export function smooth(kind: Smoothing, strength: number, x: ArrayLike<number>, y: ArrayLike<number>, n: number, span: number): Float64Array {
  if (kind === "gaussian") return gaussian(strength, x, y, n, span);
  return exponential(strength, x, y, n, span);
}

/** Points that the span counts for, so that a strength means the same for all spans. */
const EXPECTED = 1000;

function exponential(strength: number, x: ArrayLike<number>, y: ArrayLike<number>, n: number, span: number): Float64Array {
  const out = new Float64Array(n);
  // As in W&B's time-weighted average: strength^(1/…) per expected distance of points.
  const weight = Math.min(Math.sqrt(strength), 0.999);
  let [last, total, before] = [0, 0, NaN];
  for (let i = 0; i < n; i++) {
    const [at, value] = [x[i] as number, y[i] as number];
    if (!Number.isFinite(value)) {
      out[i] = value;
      continue;
    }
    const distance = Number.isNaN(before) || span <= 0 ? 1 : ((at - before) / span) * EXPECTED;
    const keep = weight ** Math.max(distance, 0);
    last = last * keep + value * (distance > 0 ? 1 - keep : 1 - weight);
    total = total * keep + (distance > 0 ? 1 - keep : 1 - weight);
    out[i] = total > 0 ? last / total : value;
    before = at;
  }
  return out;
}

function gaussian(strength: number, x: ArrayLike<number>, y: ArrayLike<number>, n: number, span: number): Float64Array {
  const out = new Float64Array(n);
  const sigma = strength * strength * 0.1 * span;
  if (!(sigma > 0)) return Float64Array.from({ length: n }, (_, i) => y[i] as number);
  let first = 0;
  for (let i = 0; i < n; i++) {
    const at = x[i] as number;
    if (!Number.isFinite(y[i])) {
      out[i] = y[i] as number;
      continue;
    }
    while (at - (x[first] as number) > 3 * sigma) first += 1;
    let [sum, weights] = [0, 0];
    for (let j = first; j < n && (x[j] as number) - at <= 3 * sigma; j++) {
      const value = y[j] as number;
      if (!Number.isFinite(value)) continue;
      const away = ((x[j] as number) - at) / sigma;
      const weight = Math.exp(-0.5 * away * away);
      sum += value * weight;
      weights += weight;
    }
    out[i] = sum / weights;
  }
  return out;
}
