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
  csrf: "TES-CSRF",
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
  /** Lines of JSON: an export and its parts. */
  lines: "application/jsonl",
  /** A file of a release, or a part of one. */
  bytes: "application/octet-stream",
  /** Counters, openmetrics.io 1.0. */
  metrics: "application/openmetrics-text",
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
  /** With a size: as it was when the log had that many statements. */
  state: (registry: string, size?: number): string => `${base(registry)}${size === undefined ? "" : `?size=${size}`}`,
  /** POST opens the registry that GET shows. */
  genesis: base,
  bump: (registry: string): string => `${base(registry)}/bump`,
  entities: (registry: string): string => `${base(registry)}/entities`,
  entity: (registry: string, id: string): string => `${base(registry)}/entities/${id}`,
  /** Newest first; `cursor` is the `next` of the page before. */
  history: (
    registry: string,
    id: string,
    page: { limit?: number | undefined; cursor?: string | undefined } = {},
  ): string => {
    const query = new URLSearchParams();
    if (page.limit !== undefined) query.set("limit", String(page.limit));
    if (page.cursor !== undefined) query.set("cursor", page.cursor);
    return `${base(registry)}/entities/${id}/history${query.size === 0 ? "" : `?${query}`}`;
  },
  retire: (registry: string, id: string): string => `${base(registry)}/entities/${id}/retire`,
  diff: (registry: string, from: number, to?: number): string =>
    `${base(registry)}/diff?from=${from}${to === undefined ? "" : `&to=${to}`}`,
  publishers: (registry: string, id: string): string => `${base(registry)}/publishers/${id}`,
  /** POST publishes; GET lists, newest first, of one entity or of all. */
  releases: (
    registry: string,
    page: { entity?: string | undefined; limit?: number | undefined; cursor?: string | undefined } = {},
  ): string => {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(page)) if (value !== undefined) query.set(name, String(value));
    // A colon stands in a query as it is, and so an entity has one spelling there.
    return `${base(registry)}/releases${query.size === 0 ? "" : `?${query.toString().replaceAll("%3A", ":")}`}`;
  },
  release: (registry: string, id: string, version: string): string => `${base(registry)}/releases/${id}/${version}`,
  bundles: (registry: string, id: string, version: string, signer: string): string =>
    `${base(registry)}/releases/${id}/${version}/bundle?signer=${signer}`,
  yank: (registry: string, id: string, version: string): string => `${base(registry)}/releases/${id}/${version}/yank`,
  unyank: (registry: string, id: string, version: string): string =>
    `${base(registry)}/releases/${id}/${version}/unyank`,
  artifact: (registry: string, sha256: string): string => `${base(registry)}/artifacts/${sha256}`,
  artifactPart: (registry: string, sha256: string, n: number): string =>
    `${base(registry)}/artifacts/${sha256}/parts/${n}`,
  artifactComplete: (registry: string, sha256: string): string => `${base(registry)}/artifacts/${sha256}/complete`,
  trustedRoot: (registry: string): string => `${base(registry)}/trusted-root`,
  revoke: (registry: string, token: string): string => `${base(registry)}/tokens/${token}/revoke`,
  blob: (registry: string, digest: string): string => `${base(registry)}/blobs/${digest}`,
  eraseBlob: (registry: string, digest: string): string => `${base(registry)}/blobs/${digest}/erase`,
  /** The list is kept by the default registry. */
  registries: (): string => `${base(DEFAULT_REGISTRY)}/registries`,
  delist: (name: string): string => `${base(DEFAULT_REGISTRY)}/registries/${name}/delist`,
  metrics: (registry: string): string => `${base(registry)}/metrics`,
  move: (registry: string): string => `${base(registry)}/move`,
  restore: (registry: string): string => `${base(registry)}/restore`,
  rebuild: (registry: string): string => `${base(registry)}/rebuild`,
  import: (registry: string): string => `${base(registry)}/import`,
  export: (registry: string): string => `${base(registry)}/export`,
  exportStatements: (registry: string, from: number, size: number): string =>
    `${base(registry)}/export/statements?from=${from}&size=${size}`,
  exportAnnouncements: (registry: string, size: number): string =>
    `${base(registry)}/export/announcements?size=${size}`,
  exportBlobs: (registry: string, after: string, size: number): string =>
    `${base(registry)}/export/blobs?after=${after}&size=${size}`,
  keys: (registry: string): string => `${base(registry)}/keys`,
  keyProof: (registry: string, nonce?: string): string =>
    `${base(registry)}/key-proof${nonce === undefined ? "" : `?nonce=${nonce}`}`,
  tokens: (registry: string): string => `${base(registry)}/tokens`,
  /** A WebSocket (docs/protocol.md). */
  watch: (registry: string): string => `${base(registry)}/watch`,
  /** A page's session: POST opens it, GET shows it. */
  session: (registry: string): string => `${base(registry)}/session`,
  renewSession: (registry: string): string => `${base(registry)}/session/renew`,
  endSession: (registry: string): string => `${base(registry)}/session/end`,
  tickets: (registry: string): string => `${base(registry)}/tickets`,
  checkpoint: (registry: string): string => `${base(registry)}/log/checkpoint`,
  /** Without `to`: up to the size now. */
  consistency: (registry: string, from: number, to?: number): string =>
    `${base(registry)}/log/consistency?from=${from}${to === undefined ? "" : `&to=${to}`}`,
  receipt: (registry: string, seq: number): string => `${base(registry)}/log/proof?seq=${seq}`,
  /** `POST /bump`, the alias for the default registry. */
  bumpAlias: (): string => "/bump",
  /** The dashboard's page, and where its browser reports what the page's policy kept out. */
  dashboard: (): string => "/dash",
  dashboardReports: (): string => "/dash/csp-report",
  healthz: (): string => "/healthz",
} as const;

/** The path that stands in hashes and signatures of idempotent writes: an alias counts as what it stands for. */
export function canonicalPath(path: string): string {
  return path === pathOf.bumpAlias() ? pathOf.bump(DEFAULT_REGISTRY) : path;
}
