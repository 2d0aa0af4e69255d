/**
 * The write path: enqueue, then **one turn without an await** takes all that waits and decides and stores each; one
 * checkpoint is signed for them all. A commit costs far more than the crypto, so commits group: before a turn the
 * drainer yields once, so that whoever is on the way through the Worker gets in. The object cannot count those: it hears
 * of a request only when it is delivered. A lone writer's yield costs nothing that can be measured.
 */

import { toBase64 } from "../core/bytes.ts";
import { signCheckpoint } from "../core/checkpoint.ts";
import { TesError } from "../core/errors.ts";
import { MAX_BATCH_COMMANDS } from "../core/limits.ts";
import type { Receipt } from "../protocol/answers.ts";
import type { Statement } from "../protocol/statements.ts";
import type { Ledger, Write } from "./ledger.ts";
import type { Metrics } from "./metrics.ts";
import type { SigningKeys } from "./signing-key.ts";

interface Waiting {
  readonly write: Write;
  readonly resolve: (receipts: Receipt[]) => void;
  readonly reject: (reason: unknown) => void;
}

export interface Writer {
  /** Stores one request's statements; the receipts of what it, or an earlier try of it, wrote. */
  submit(write: Write): Promise<Receipt[]>;
  /** A receipt for a statement that is in the log. */
  receipt(seq: number): Promise<Receipt>;
  checkpoint(): Promise<string>;
}

/** Why nothing more is written: to its admins, who are the only ones left to read it. */
export const DELISTED = "It was delisted: its admins may still read and export it.";

export function createWriter(
  ledger: Ledger,
  keys: SigningKeys,
  sync: () => Promise<void>,
  metrics: Pick<Metrics, "signed" | "wrote">,
  isClosed: () => boolean = () => false,
  /** Told in the same turn what was written, and how many milliseconds after the write came in. */
  onWritten: (statements: readonly Statement[], duration: number) => void = () => undefined,
): Writer {
  const queue: Waiting[] = [];
  let draining = false;
  let signed: { readonly size: number; readonly note: Promise<string> } | undefined;

  /** The checkpoint of the tree as it is now. Ed25519 is deterministic, so it is never stored, and signed once a size. */
  const checkpoint = (): Promise<string> => {
    const { size } = ledger;
    if (signed?.size !== size) {
      const { origin } = ledger.rows.registry()!;
      signed = { size, note: signCheckpoint({ origin, size, root: ledger.root() }, keys.log) };
      metrics.signed("ed25519", "checkpoint");
    }
    return signed.note;
  };

  /** Synchronous up to the signature, so that statement, proof and checkpoint are of one tree. */
  const receiptOf = (statement: Statement): Promise<Receipt> => {
    const inclusion = {
      index: statement.seq,
      size: ledger.size,
      proof: ledger.inclusion(statement.seq).map(toBase64),
    };
    return checkpoint().then((note) => ({ statement, inclusion, checkpoint: note }));
  };

  /** A request may have waited while its token was revoked, or its registry delisted: then it comes after that. */
  const admit = ({ by, idempotency }: Write): void => {
    if (isClosed()) throw new TesError("registry_read_only", { detail: DELISTED });
    // Without a key it is the authority's own bookkeeping, which names who once asked.
    if (idempotency !== undefined && ledger.rows.revoked(by) !== undefined) throw new TesError("token_revoked");
  };

  /** One turn: nothing in here may await. */
  const turn = (batch: readonly Waiting[]) => {
    const written: { readonly waiting: Waiting; readonly statements: Statement[] }[] = [];
    for (const waiting of batch) {
      const { write } = waiting;
      try {
        admit(write);
        const earlier = write.idempotency && ledger.size > 0 ? ledger.earlier(write.idempotency) : undefined;
        const statements = earlier ?? ledger.append(write);
        if (earlier === undefined) for (const { type } of statements) metrics.wrote(type);
        if (earlier === undefined && statements.length > 0) onWritten(statements, Date.now() - write.now);
        written.push({ waiting, statements });
      } catch (thrown) {
        waiting.reject(thrown);
      }
    }
    for (const { waiting, statements } of written) {
      Promise.all(statements.map(receiptOf)).then(waiting.resolve, waiting.reject);
    }
  };

  const drain = async () => {
    draining = true;
    try {
      while (queue.length > 0) {
        await sync();
        turn(queue.splice(0, MAX_BATCH_COMMANDS));
      }
    } catch (thrown) {
      // sync() failed: storage is broken and the platform resets the object. Nobody may be left waiting.
      for (const waiting of queue.splice(0)) waiting.reject(thrown);
    } finally {
      draining = false;
    }
  };

  return {
    submit(write) {
      return new Promise((resolve, reject) => {
        queue.push({ write, resolve, reject });
        if (!draining) void drain();
      });
    },
    receipt: (seq) => receiptOf(ledger.statement(seq)),
    checkpoint,
  };
}
