/** What a scenario of golden data gets, and what it leaves. */

import type { GoldenFacts } from "../../test/e2e/support/golden.ts";
import type { Place } from "../../test/e2e/support/place.ts";

export interface Stage {
  readonly place: Place;
  /** The authority whose data directory is kept. */
  readonly url: string;
}

export interface Played {
  readonly facts: GoldenFacts;
  /** Files to keep beside the facts: text by name. */
  readonly files?: Readonly<Record<string, string>>;
}

export type Scenario = (stage: Stage) => Promise<Played>;
