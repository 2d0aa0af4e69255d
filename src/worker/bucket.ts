/** Token buckets: so many at once, so many a second. Pure; the caller brings the time. */

/** A limit as it is configured: `burst/perSecond`, for example `400/100`. */
export interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

/** Addresses or tokens remembered at once; the one seen longest ago is forgotten, which only ever gives more. */
export const MAX_BUCKETS = 10_000;

/** @returns undefined for anything that is not two positive integers; the caller then keeps its default */
export function parseRate(text: string | undefined): Rate | undefined {
  const found = /^([1-9][0-9]{0,8})\/([1-9][0-9]{0,8})$/.exec(text ?? "");
  return found === null ? undefined : { burst: Number(found[1]), perSecond: Number(found[2]) };
}

export interface Buckets {
  /** Takes one from the bucket of `key`: 0 when there was one, else whole seconds to wait (for Retry-After). */
  take(key: string, now: number): number;
}

export function createBuckets({ burst, perSecond }: Rate): Buckets {
  const buckets = new Map<string, { left: number; at: number }>();
  return {
    take(key, now) {
      const bucket = buckets.get(key) ?? { left: burst, at: now };
      const left = Math.min(burst, bucket.left + (Math.max(0, now - bucket.at) / 1000) * perSecond);
      const taken = left >= 1;
      buckets.delete(key);
      buckets.set(key, { left: taken ? left - 1 : left, at: now });
      if (buckets.size > MAX_BUCKETS) buckets.delete(buckets.keys().next().value!);
      return taken ? 0 : Math.max(1, Math.ceil((1 - left) / perSecond));
    },
  };
}
