/** Follows one log statement by statement, and believes only what leads to the roots that its key has signed. */

import { equalBytes } from "../core/bytes.ts";
import { canonicalBytes } from "../core/canonical-json.ts";
import type { Checkpoint } from "../core/checkpoint.ts";
import { TesError } from "../core/errors.ts";
import type { JsonObject } from "../core/json.ts";
import { appendLeaf, type Frontier, frontierRoot, leafHash } from "../core/merkle.ts";
import type { Event } from "../protocol/frames.ts";
import { hashesOf, type LogTrust, verifyNote } from "./receipt.ts";

/** A statement that was proved, with its place. */
export interface Followed {
  readonly index: number;
  readonly json: JsonObject;
}

/** A tree head that the log must have had. */
export type Anchor = Pick<Checkpoint, "size" | "root">;

export interface Follower {
  /** Index of the statement that comes next. */
  readonly next: number;
  /**
   * Checks an event whole: that it goes on where the last one ended, that its statements lead to the signed root, and
   * that every anchor on the way was a root of this very log. Nothing is taken from an event that fails.
   *
   * @throws statements_skipped, checkpoint_inconsistent, note_invalid, proof_invalid
   */
  take(
    event: Event,
    trust: LogTrust,
    anchors: readonly Anchor[],
  ): Promise<{ followed: Followed[]; checkpoint: Checkpoint }>;
}

/** Where to begin: what the authority says lies before `size`. It is believed once a signed root follows from it. */
export function frontierFrom(size: number, hashes: readonly string[]): Frontier {
  let perfect = 0;
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) perfect += rest % 2;
  if (hashes.length !== perfect) throw new TesError("proof_invalid", { detail: "The frontier has another shape." });
  return { size, hashes: hashesOf(hashes) };
}

/** @throws checkpoint_inconsistent when the log is at an anchor, and has another root */
function meet(frontier: Frontier, anchors: readonly Anchor[]): void {
  for (const { size, root } of anchors) {
    if (size !== frontier.size || equalBytes(root, frontierRoot(frontier))) continue;
    throw new TesError("checkpoint_inconsistent", {
      detail: `At size ${size} the statements sent lead to another root than the one seen.`,
    });
  }
}

/** @throws checkpoint_inconsistent when the beginning is not the log that the anchors are of */
export function createFollower(start: Frontier, anchors: readonly Anchor[]): Follower {
  meet(start, anchors);
  let frontier = start;
  return {
    get next() {
      return frontier.size;
    },
    async take({ from, statements, checkpoint: note }, trust, anchors) {
      if (from !== frontier.size || statements.length === 0) {
        const detail = `Statement ${frontier.size} is due, and the event begins with ${from}.`;
        throw new TesError("statements_skipped", { detail, facts: { due: frontier.size, from } });
      }
      const checkpoint = await verifyNote(note, trust);
      if (checkpoint.size !== from + statements.length) {
        throw new TesError("proof_invalid", { detail: "The checkpoint is of another size than the event ends with." });
      }
      let grown = frontier;
      const followed: Followed[] = [];
      for (const json of statements) {
        if (json.seq !== grown.size || json.registry !== trust.registry) {
          throw new TesError("proof_invalid", { detail: "A statement is of another registry or stands elsewhere." });
        }
        followed.push({ index: grown.size, json });
        grown = appendLeaf(grown, leafHash(canonicalBytes(json)));
        meet(grown, anchors);
      }
      // Its signature holds and its root is not that of what was sent: there are two logs, or this one was changed.
      meet(grown, [checkpoint]);
      frontier = grown;
      return { followed, checkpoint };
    },
  };
}
