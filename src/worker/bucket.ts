/** Token buckets: so many at once, so many a second. Pure; the caller brings the time. */

/** A limit as it is configured: `burst/perSecond`, for example `400/100`. */
export interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

/** Addresses or tokens remembered at once; the one seen longest ago is forgotten, which only ever gives more. */
export const MAX_BUCKETS = 10_000;

/** @returns null for `off`; the default for anything that is not two positive integers: a slip opens no gate */
export function parseRate(text: string | undefined, byDefault: Rate | null): Rate | null {
  if (text === "off") return null;
  const found = /^([1-9][0-9]{0,8})\/([1-9][0-9]{0,8})$/.exec(text ?? "");
  return found === null ? byDefault : { burst: Number(found[1]), perSecond: Number(found[2]) };
}

/** One token: twice what one object answers in a second, then as much as it does (Cloudflare's soft limit). */
export const TOKEN_RATE: Rate = { burst: 2_000, perSecond: 1_000 };
/** One address: a job with many steps, or an office; far below what an object answers. */
export const ADDRESS_RATE: Rate = { burst: 400, perSecond: 100 };

export interface Buckets {
  /** Takes one from the bucket of `key`: 0 when there was one, else whole seconds to wait (for Retry-After). */
  take(key: string, now: number): number;
}

export function createBuckets(rate: Rate | null): Buckets {
  if (rate === null) return { take: () => 0 };
  const { burst, perSecond } = rate;
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

/**
 * What counts as one address: all of IPv4, and the first half of IPv6, which is what one customer gets (RFC 6177).
 * Anything else is its own text, cut.
 */
export function addressOf(text: string): string {
  if (!text.includes(":")) return text.slice(0, 64);
  const [head = "", tail] = text.toLowerCase().split("::", 2);
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? [] : Array<string>(Math.max(0, 8 - left.length - right.length)).fill("0");
  const groups = [...left, ...zeros, ...right].slice(0, 4);
  return `${groups.map((group) => group.replace(/^0+(?=.)/, "").slice(0, 4)).join(":")}::/64`;
}
