/** Where things are: routes, headers and media types, for clients and servers alike. */

/** The `tag` parameter of every signature (RFC 9421 section 2.3). */
export const PROTOCOL_TAG = "tes-v1";

/** The registry that `/bump` means. */
export const DEFAULT_REGISTRY = "default";

/** Headers that this protocol reads or writes, as they are spelt on the wire. */
export const HEADERS = {
  provenance: "TES-Provenance",
  nonce: "TES-Nonce",
  minSize: "TES-Min-Size",
  idempotencyKey: "Idempotency-Key",
  contentDigest: "Content-Digest",
  signature: "Signature",
  signatureInput: "Signature-Input",
} as const;

export const MEDIA_TYPES = {
  json: "application/json",
  /** RFC 9457. */
  problem: "application/problem+json",
  /** A signed note. */
  note: "text/plain; charset=utf-8",
} as const;

const base = (registry: string): string => `/v1/${registry}`;

/**
 * Paths of the routes, with the query where one is needed. Names and ids hold only characters that stand in a path as
 * they are, so nothing is escaped and one thing has one path; parse what comes from outside first.
 *
 * @example
 * pathOf.entity("default", "global:main"); // "/v1/default/entities/global:main"
 */
export const pathOf = {
  state: base,
  /** POST opens the registry that GET shows. */
  genesis: base,
  bump: (registry: string): string => `${base(registry)}/bump`,
  entities: (registry: string): string => `${base(registry)}/entities`,
  entity: (registry: string, id: string): string => `${base(registry)}/entities/${id}`,
  history: (registry: string, id: string): string => `${base(registry)}/entities/${id}/history`,
  keys: (registry: string): string => `${base(registry)}/keys`,
  tokens: (registry: string): string => `${base(registry)}/tokens`,
  /** A WebSocket (docs/protocol.md). */
  watch: (registry: string): string => `${base(registry)}/watch`,
  tickets: (registry: string): string => `${base(registry)}/tickets`,
  checkpoint: (registry: string): string => `${base(registry)}/log/checkpoint`,
  /** Without `to`: up to the size now. */
  consistency: (registry: string, from: number, to?: number): string =>
    `${base(registry)}/log/consistency?from=${from}${to === undefined ? "" : `&to=${to}`}`,
  receipt: (registry: string, seq: number): string => `${base(registry)}/log/proof?seq=${seq}`,
  /** `POST /bump`, the alias for the default registry. */
  bumpAlias: (): string => "/bump",
  healthz: (): string => "/healthz",
} as const;

/** The path that stands in hashes and signatures of idempotent writes: an alias counts as what it stands for. */
export function canonicalPath(path: string): string {
  return path === pathOf.bumpAlias() ? pathOf.bump(DEFAULT_REGISTRY) : path;
}
