/** The statements that changed who signs, each proved by a checkpoint of the tree just after it. */

import { toBase64 } from "../core/bytes.ts";
import { signCheckpoint } from "../core/checkpoint.ts";
import type { Receipt } from "../protocol/answers.ts";
import type { GenesisKeys } from "../protocol/statements.ts";
import type { Ledger } from "./ledger.ts";
import type { SigningKeys } from "./signing-key.ts";
import type { Store } from "./store.ts";

/** The keys that sign here. After a move away these are still the old ones: the new ones are somewhere else. */
export function activeKeys(ledger: Ledger): GenesisKeys {
  const { keys, moved } = ledger.rows.registry()!;
  return moved !== undefined && ledger.readOnly === moved.seq ? moved.from : keys;
}

/**
 * The receipts of all announcements. A checkpoint that is not kept yet is of the last one, which this object has just
 * written: its key and origin are those in use.
 */
export async function announcementsOf(ledger: Ledger, store: Store, keys: SigningKeys): Promise<Receipt[]> {
  const { origin, announced = [] } = ledger.rows.registry()!;
  const receipts: Receipt[] = [];
  for (const seq of announced) {
    const size = seq + 1;
    const statement = ledger.statement(seq);
    const proof = ledger.inclusionAt(seq, size).map(toBase64);
    let checkpoint = store.announcement(seq);
    if (checkpoint === undefined) {
      checkpoint = await signCheckpoint({ origin, size, root: ledger.root(size) }, keys.log);
      store.putAnnouncement(seq, checkpoint);
    }
    receipts.push({ statement, inclusion: { index: seq, size, proof }, checkpoint });
  }
  return receipts;
}
