/** Receipts that this page has checked or is about to: one for each statement, a few at a time. */

import type { Statement, TesClient, VerifiedReceipt } from "../../client/index.ts";
import { asTesError, type Verdict, verdictOf } from "./verdict.ts";

/** What is known of one statement. */
export interface Proof extends Verdict {
  readonly statement?: Statement | undefined;
  /** There once it was asked for; statements that came over the socket are proved without one. */
  readonly receipt?: VerifiedReceipt;
}

/** Requests at a time: enough to fill a screen at once, few enough to leave room for what a person does. */
const AT_ONCE = 4;
/** Receipts that are kept. A log may have any number. */
const MAX_KEPT = 5_000;

const UNCHECKED: Proof = { standing: "unchecked" };

export interface Proofs {
  /** What is known now. */
  of(seq: number): Proof;
  /** Asks for a proof unless there is one. What is on the screen comes first: the last that was wanted is the next. */
  want(seq: number): void;
  /** The receipt itself, for its evidence. @throws what the client throws */
  receipt(seq: number): Promise<VerifiedReceipt>;
  /** A statement that was proved on another way. */
  note(seq: number, proof: Proof): void;
  /** Tries again what was out of reach. */
  retry(): void;
}

/**
 * @param changed told after each result
 * @param failed told of each failure, so that a refusal is kept where everyone sees it
 */
export function createProofs(
  client: () => TesClient,
  now: () => number,
  changed: () => void,
  failed: (thrown: unknown, seq: number) => void,
): Proofs {
  const known = new Map<number, Proof>();
  const waiting: number[] = [];
  let running = 0;

  const keep = (seq: number, proof: Proof): void => {
    known.delete(seq);
    known.set(seq, proof);
    if (known.size > MAX_KEPT) known.delete(known.keys().next().value!);
  };

  const prove = async (seq: number): Promise<VerifiedReceipt> => {
    const before = known.get(seq);
    if (before?.standing !== "proven") keep(seq, { standing: "checking" });
    try {
      const receipt = await client().receipt(seq);
      keep(seq, { standing: "proven", statement: receipt.statement, receipt, at: now() });
      return receipt;
    } catch (thrown) {
      keep(seq, verdictOf(asTesError(thrown), now()));
      failed(thrown, seq);
      throw thrown;
    } finally {
      changed();
    }
  };

  const next = (): void => {
    while (running < AT_ONCE && waiting.length > 0) {
      const seq = waiting.pop()!;
      running++;
      // What came of it stands in `known`, and was told.
      void prove(seq)
        .catch(() => undefined)
        .finally(() => {
          running--;
          next();
        });
    }
  };

  return {
    of: (seq) => known.get(seq) ?? UNCHECKED,
    want(seq) {
      if (known.has(seq)) return;
      known.set(seq, { standing: "checking" });
      waiting.push(seq);
      next();
    },
    receipt: (seq) => {
      const receipt = known.get(seq)?.receipt;
      return receipt === undefined ? prove(seq) : Promise.resolve(receipt);
    },
    note(seq, proof) {
      const receipt = known.get(seq)?.receipt;
      keep(seq, receipt === undefined ? proof : { ...proof, receipt });
    },
    retry() {
      for (const [seq, { standing }] of known) {
        if (standing === "outage" || standing === "unchecked") known.delete(seq);
      }
      changed();
    },
  };
}
