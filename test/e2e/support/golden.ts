/** Golden data: data directories that older code wrote, and what they have to say for ever. */

import type { Receipt, StateAnswer } from "../../../src/protocol/answers.ts";
import { keyOf } from "./keys.ts";

/** Keys of every golden directory. The signing key is not stored with it: it is made again from its label. */
export const GOLDEN_KEYS = { signing: keyOf("golden signing"), recovery: keyOf("golden recovery") };

export const GOLDEN_TOKEN_OPTIONS = { scope: ["admin"] };

export interface GoldenFacts {
  readonly state: StateAnswer;
  /** Signed notes, from the smallest on. */
  readonly checkpoints: readonly string[];
  readonly receipts: readonly Receipt[];
}
