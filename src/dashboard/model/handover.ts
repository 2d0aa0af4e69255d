/** What became of a registry's keys while a person looked elsewhere: it was restored, or handed over to other keys. */

import type { Trust } from "../../client/index.ts";

/** The last announcement of a chain of keys that holds, as long as nobody here has taken note of it. */
export type Handover =
  | {
      readonly kind: "restored";
      readonly epoch: number;
      /** The log was the same up to this size. */
      readonly from: number;
      /** As far as the log that is gone was known to whoever restored it. */
      readonly lost: number;
      readonly otherKeys: boolean;
    }
  /** `here`: it goes on at this address; otherwise at `url`, and here nothing more is written. */
  | { readonly kind: "moved"; readonly here: boolean; readonly url: string; readonly seq: number };

/**
 * What a person has to be told about a chain of keys, which was verified to its end: a restore by the recovery key's
 * signature, a move by that of the log key that it retired.
 *
 * @param noted how many announcements somebody here took note of
 * @param here scheme, host and port of this page
 */
export function handoverOf(trust: Trust, noted: number, here: string): Handover | undefined {
  const { moved, announced } = trust;
  if (moved !== undefined) {
    const stays = moved.url === here;
    // Where it has gone away nothing can be written: that is so for as long as one looks.
    return stays && announced <= noted ? undefined : { kind: "moved", here: stays, url: moved.url, seq: moved.seq };
  }
  const last = trust.restores.at(-1);
  if (last === undefined || announced <= noted) return undefined;
  return {
    kind: "restored",
    epoch: last.epoch,
    from: last.seq,
    lost: last.lost.size,
    otherKeys: trust.earlier.at(-1)?.logKey.kid !== trust.logKey.kid,
  };
}

const NOTED = "tes-announced:";

/** How many announcements of a registry were taken note of in this browser. */
export interface Noted {
  get(): number | undefined;
  set(announced: number): void;
}

export const notedIn = (storage: Storage, key: string): Noted => ({
  get() {
    const text = storage.getItem(NOTED + key);
    return text !== null && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
  },
  set: (announced) => storage.setItem(NOTED + key, String(announced)),
});

export const forgetNoted = (storage: Storage, key: string): void => storage.removeItem(NOTED + key);
