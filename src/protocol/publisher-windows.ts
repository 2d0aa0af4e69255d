/** When a key was a publisher's: what verifiers that know a time and a key, but no log, need to be told. */

import type { PublicKey } from "./statements.ts";

export interface PublisherWindow extends PublicKey {
  /** Milliseconds: the statement that named it. */
  readonly from: number;
  /** Milliseconds: the statement that named it no more. Absent: it still is one. */
  readonly until?: number;
}

/**
 * Every stretch of time in which a key was a publisher of an entity; a key that left and came back has two.
 *
 * @param sets the statements `publishers.set` of one entity, by revision, believed already
 */
export function publisherWindows(
  sets: readonly { readonly at: number; readonly keys: readonly PublicKey[] }[],
): PublisherWindow[] {
  const windows: PublisherWindow[] = [];
  for (const [i, { at, keys }] of sets.entries()) {
    for (const [n, window] of windows.entries()) {
      const left = window.until === undefined && !keys.some(({ kid }) => kid === window.kid);
      if (left) windows[n] = { ...window, until: at };
    }
    const before = sets[i - 1]?.keys ?? [];
    for (const { kid, x } of keys) {
      if (!before.some((key) => key.kid === kid)) windows.push({ kid, x, from: at });
    }
  }
  return windows;
}
