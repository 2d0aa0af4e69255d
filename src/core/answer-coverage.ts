/** What each signature of an answer covers and by which algorithm (docs/formats.md, Signed answer). */

import { component, type HttpRequestParts } from "./message-components.ts";
import { type Item, serializeItem } from "./structured-fields.ts";

export type SignatureAlgorithm = "hmac-sha256" | "ed25519";

/** The `tag` of every signature of ours: tells them from a proxy's, and names the list of covered components. */
export const SIGNATURE_TAG = "tes-v1";

/** What WebCrypto calls them. */
export const WEBCRYPTO_NAMES: Readonly<Record<SignatureAlgorithm, string>> = {
  "hmac-sha256": "HMAC",
  ed25519: "Ed25519",
};

/** What each label of ours may carry. Labels are not signed themselves, so a swap has to be caught by this. */
export const LABEL_ALGORITHMS: Readonly<Record<string, SignatureAlgorithm>> = {
  "tes-hmac": "hmac-sha256",
  "tes-hmac-prev": "hmac-sha256",
  "tes-ed25519": "ed25519",
  "tes-ed25519-prev": "ed25519",
};

/** A list of components with what is the same in every base made from it, so that the hot path only reads values. */
export interface Coverage {
  readonly components: readonly Item[];
  readonly identifiers: readonly string[];
  /** The inner list without its parameters. */
  readonly list: string;
}

const ALWAYS: readonly Item[] = [
  component("@status"),
  component("content-digest"),
  component("content-type"),
  component("tes-provenance"),
  component("@method", true),
  component("@authority", true),
  component("@path", true),
  component("@query", true),
];

function coverage(...extra: readonly string[]): Coverage {
  const components = [...ALWAYS, ...extra.map((name) => component(name, true))];
  const identifiers = components.map(serializeItem);
  return { components, identifiers, list: `(${identifiers.join(" ")})` };
}

/** The four possible lists, by what the request sent. */
const COVERAGE = {
  neither: coverage(),
  digest: coverage("content-digest"),
  key: coverage("idempotency-key"),
  both: coverage("content-digest", "idempotency-key"),
} as const;

/** What an answer to this request has to cover. */
export function coverageFor(request: HttpRequestParts): Coverage {
  const key = request.header("idempotency-key") !== null;
  if (request.header("content-digest") !== null) return key ? COVERAGE.both : COVERAGE.digest;
  return key ? COVERAGE.key : COVERAGE.neither;
}
