/** Writes of one statement: the receipt has to be of the very request that was sent. */

import { TesError } from "../core/errors.ts";
import { sha256Hex } from "../core/hash.ts";
import { parseAnswer } from "../protocol/answers.ts";
import type { Statement } from "../protocol/statements.ts";
import type { VerifiedReceipt } from "./receipt.ts";
import { jsonOf } from "./response.ts";
import type { Session, WriteBody } from "./session.ts";

/** What one write did. */
export interface WrittenResult<S extends Statement> {
  /** Proves it; null when it already was so and nothing was written. */
  readonly receipt: VerifiedReceipt<S> | null;
  readonly idempotencyKey: string;
}

export interface LifecycleWrite {
  readonly idempotencyKey?: string | undefined;
}

export type StatementWriter = <T extends Statement["type"]>(
  path: string,
  body: object,
  type: T,
  options: LifecycleWrite,
  fits: (statement: Extract<Statement, { type: T }>) => boolean,
) => Promise<WrittenResult<Extract<Statement, { type: T }>>>;

/** Sends writes whose statement `fits`. */
export function statementWriter(session: Session): StatementWriter {
  return async <T extends Statement["type"]>(
    path: string,
    body: object,
    type: T,
    { idempotencyKey }: LifecycleWrite,
    fits: (statement: Extract<Statement, { type: T }>) => boolean,
  ): Promise<WrittenResult<Extract<Statement, { type: T }>>> => {
    const sent: WriteBody = session.write(body, idempotencyKey);
    const { response, atLeast } = await session.ask(path, sent);
    const answer = parseAnswer("written", jsonOf(response), "answer_malformed");
    if (answer.receipt === null) return { receipt: null, idempotencyKey: sent.idempotencyKey };
    const receipt = await session.receipt(answer.receipt, atLeast);
    const statement = receipt.statement as Extract<Statement, { type: T }>;
    if (statement.type !== type || statement.idempotency?.request !== sha256Hex(sent.bytes) || !fits(statement)) {
      throw new TesError("proof_invalid", { detail: "What is proved is not what was asked for." });
    }
    return {
      receipt: receipt as VerifiedReceipt<Extract<Statement, { type: T }>>,
      idempotencyKey: sent.idempotencyKey,
    };
  };
}
