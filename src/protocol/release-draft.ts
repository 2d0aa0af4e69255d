/** The file in which a release waits for its publishers: what is to be signed, what it is about, and who has signed. */
import * as v from "valibot";
import type { JsonValue } from "../core/json.ts";
import { MAX_ATTESTATIONS, MAX_PUBLISHERS, MAX_RELEASE_FILES } from "../core/limits.ts";
import { Base64Url32, Base64Url64, Count, HexHash } from "./fields.ts";
import { parseWith } from "./parse.ts";

export const DRAFT_KIND = "tes-release-draft-v1";

const File = v.strictObject({
  name: v.string(),
  /** From the directory of the draft, so that both can be moved together. */
  path: v.string(),
  size: Count,
  sha256: HexHash,
});

const SignedFile = v.strictObject({ name: v.string(), minisign: v.string(), ssh: v.string() });

const Signer = v.strictObject({
  kid: Base64Url32,
  x: Base64Url32,
  /** The public key as minisign writes it. */
  minisignKey: v.string(),
  /** One for each payload. */
  signatures: v.array(Base64Url64),
  /** Over the bytes of SHA256SUMS. */
  sums: Base64Url64,
  files: v.pipe(v.array(SignedFile), v.maxLength(MAX_RELEASE_FILES, `at most ${MAX_RELEASE_FILES} files`)),
});

const Draft = v.strictObject({
  kind: v.literal(DRAFT_KIND),
  /** The provenance, then the bills of materials: texts, signed as they stand. */
  payloads: v.pipe(
    v.array(v.string()),
    v.minLength(1, "at least the provenance"),
    v.maxLength(1 + MAX_ATTESTATIONS, `at most ${1 + MAX_ATTESTATIONS} payloads`),
  ),
  files: v.pipe(
    v.array(File),
    v.minLength(1, "at least one file"),
    v.maxLength(MAX_RELEASE_FILES, `at most ${MAX_RELEASE_FILES} files`),
  ),
  signers: v.pipe(v.array(Signer), v.maxLength(MAX_PUBLISHERS, `at most ${MAX_PUBLISHERS} signers`)),
});
export type ReleaseDraft = v.InferOutput<typeof Draft>;
/** What one publisher signed. */
export type DraftSigner = ReleaseDraft["signers"][number];

/** @throws invalid_field */
export function parseReleaseDraft(json: JsonValue): ReleaseDraft {
  return parseWith(Draft, json);
}
