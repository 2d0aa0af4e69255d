/** Golden data: data directories that older code wrote, and what they have to say for ever. */

import type { ReleaseDocument } from "../../../src/client/index.ts";
import type { BlobAnswer, DiffAnswer, HistoryAnswer, Receipt, StateAnswer } from "../../../src/protocol/answers.ts";
import { keyOf } from "./keys.ts";

/** Keys of every golden directory. The signing key is not stored with it: it is made again from its label. */
export const GOLDEN_KEYS = { signing: keyOf("golden signing"), recovery: keyOf("golden recovery") };

export const GOLDEN_TOKEN_OPTIONS = { scope: ["admin"] };

/** What one registry of a golden directory has to say for ever. */
export interface RegistryFacts {
  readonly state: StateAnswer;
  /** Signed notes, from the smallest on. */
  readonly checkpoints: readonly string[];
  readonly receipts: readonly Receipt[];
  /** The newest entries of an entity, as many as are here. */
  readonly histories?: readonly HistoryAnswer[];
  readonly diffs?: readonly DiffAnswer[];
  readonly blobs?: readonly BlobAnswer[];
  /** Digests of texts that are gone. */
  readonly erased?: readonly string[];
  /** Releases that prove themselves, as they were given out. */
  readonly releases?: readonly ReleaseDocument[];
  /** Ids of tokens that are worth nothing. */
  readonly revoked?: readonly string[];
  /** Why nothing more is written. */
  readonly end?: "delisted" | "moved";
  /** File beside the facts that holds its export. */
  readonly export?: string;
}

/** The file `facts.json`: of the one registry that there is, or of several, `default` first. */
export type GoldenFacts = RegistryFacts | { readonly registries: readonly RegistryFacts[] };

export const registriesOf = (facts: GoldenFacts): readonly RegistryFacts[] =>
  "registries" in facts ? facts.registries : [facts];
