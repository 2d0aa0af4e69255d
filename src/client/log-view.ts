/** What this client has seen of the log, and the refusal of anything that does not extend it. */

import { fromBase64, toBase64 } from "../core/bytes.ts";
import type { Checkpoint } from "../core/checkpoint.ts";
import { TesError } from "../core/errors.ts";
import { verifyConsistency } from "../core/merkle.ts";
import type { Pin, PinStore } from "./pins.ts";

/** Asks the authority for the proof that the log of size `from` is a prefix of the log of size `to`. */
export type ConsistencySource = (from: number, to: number) => Promise<readonly Uint8Array[]>;

export interface LogView {
  /** The highest size that was verified; 0 before the first. */
  size(): Promise<number>;
  /**
   * Takes a checkpoint whose signature holds. It is remembered only after a proof that it extends the one before.
   *
   * @param atLeast the size that was known when the request left: an answer may not be older than that
   * @throws checkpoint_stale, checkpoint_inconsistent
   */
  observe(checkpoint: Checkpoint, atLeast: number): Promise<void>;
  /** The highest checkpoint that was verified, or undefined before the first. */
  head(): Promise<Checkpoint | undefined>;
  /** Takes a checkpoint that a reader of every statement has proved to extend {@link head}. */
  extend(checkpoint: Checkpoint): Promise<void>;
}

/**
 * A view over one pin. Checkpoints are taken one at a time, so that two answers that arrive together cannot both be
 * compared with the same older one and then disagree with each other.
 */
export function createLogView(store: PinStore, key: string, prove: ConsistencySource): LogView {
  let turn: Promise<unknown> = Promise.resolve();

  const pinned = async (): Promise<Pin> => {
    const pin = await store.load(key);
    if (pin === undefined) throw new TesError("genesis_unpinned");
    return pin;
  };

  const take = async ({ size, root }: Checkpoint, atLeast: number): Promise<void> => {
    if (size < atLeast) throw stale(size, atLeast);
    const pin = await pinned();
    const pinRoot = fromBase64(pin.root)!;
    const [from, to] = size < pin.size ? [size, pin.size] : [pin.size, size];
    const [fromRoot, toRoot] = size < pin.size ? [root, pinRoot] : [pinRoot, root];
    // Equal sizes need equal roots and no proof; from the empty tree everything follows.
    const proof = from === to || from === 0 ? [] : await prove(from, to);
    verifyConsistency({ from, to, fromRoot, toRoot, proof });
    if (size > pin.size) await store.save(key, { ...pin, size, root: toBase64(root) });
  };

  return {
    async head() {
      const pin = await store.load(key);
      if (pin === undefined || pin.size === 0) return undefined;
      return { origin: pin.origin, size: pin.size, root: fromBase64(pin.root)! };
    },
    extend({ size, root }) {
      const taken = turn.then(async () => {
        const pin = await pinned();
        if (size > pin.size) await store.save(key, { ...pin, size, root: toBase64(root) });
      });
      turn = taken.catch(() => undefined);
      return taken;
    },
    size: async () => (await store.load(key))?.size ?? 0,
    observe(checkpoint, atLeast) {
      const taken = turn.then(() => take(checkpoint, atLeast));
      // One refused checkpoint is its caller's matter; the next is judged by itself.
      turn = taken.catch(() => undefined);
      return taken;
    },
  };
}

/** The log is behind what this client has seen. */
export function stale(size: number, atLeast: number): TesError {
  return new TesError("checkpoint_stale", {
    detail: `Its size is ${size}, and ${atLeast} was seen.`,
    facts: { size, atLeast },
  });
}
