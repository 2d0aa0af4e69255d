/** Chance that can be had again: numbers out of a seed. */

import { createHash } from "node:crypto";

export interface Dice {
  /** An integer from `low` to `high`, both included. */
  between(low: number, high: number): number;
  pick<T>(choices: readonly T[]): T;
}

export function rollDice(seed: string): Dice {
  let rolls = 0;
  const between = (low: number, high: number): number => {
    const roll = createHash("sha256").update(`${seed}/${rolls++}`).digest().readUIntBE(0, 6);
    return low + (roll % (high - low + 1));
  };
  return { between, pick: (choices) => choices[between(0, choices.length - 1)]! };
}
