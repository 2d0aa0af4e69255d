/** What lies in the folder of a release beside its files, under which names. */

import { type Bytes, fromBase64Url } from "../../core/bytes.ts";
import { TesError } from "../../core/errors.ts";
import type { JsonValue } from "../../core/json.ts";
import { parseMinisignKey } from "../../core/minisign.ts";
import { renderSignify } from "../../core/signify.ts";
import { checkArtifactNames } from "../../protocol/artifact-names.ts";
import { PROVENANCE_TYPE } from "../../protocol/intoto.ts";
import type { BundlesAnswer } from "../../protocol/release-answers.ts";
import type { DraftSigner } from "../../protocol/release-draft.ts";
import { publicKeyFiles, publisherName } from "./public-key.ts";
import { shortKid } from "./short-kid.ts";

export const DOCUMENT_NAME = "release.tes.json";
export const SUMS_NAME = "SHA256SUMS";
export const TRUSTED_ROOT_NAME = "trusted_root.json";
export const BUNDLE_ENDING = ".sigstore.json";

/** The names that one signer's signatures get: plain for the first, with the short kid in them for every other. */
function namesFor(name: string, kid: string, first: boolean): Record<"minisign" | "ssh" | "raw" | "signify", string> {
  const base = first ? name : `${name}.${shortKid(kid)}`;
  return { minisign: `${base}.minisig`, ssh: `${base}.sig`, raw: `${base}.ed25519`, signify: `${base}.signify` };
}

export interface FolderParts {
  /** The release document, as JSON. */
  readonly document: JsonValue;
  readonly bundles: BundlesAnswer["bundles"];
  readonly trustedRoot: JsonValue;
  /** The text of SHA256SUMS. */
  readonly sums: string;
  /** Signatures of those publishers whose keys were here. */
  readonly signers: readonly DraftSigner[];
}

/** Every file of the folder but the artifacts, by name. */
export function folderFiles({
  document,
  bundles,
  trustedRoot,
  sums,
  signers,
}: FolderParts): Map<string, string | Bytes> {
  const files = new Map<string, string | Bytes>([
    [DOCUMENT_NAME, `${JSON.stringify(document)}\n`],
    [TRUSTED_ROOT_NAME, `${JSON.stringify(trustedRoot, null, 2)}\n`],
    [SUMS_NAME, sums],
  ]);
  for (const [name, bundle] of nameBundles(bundles)) files.set(name, `${JSON.stringify(bundle)}\n`);
  for (const [i, signer] of signers.entries()) {
    const sumsNames = namesFor(SUMS_NAME, signer.kid, i === 0);
    const signature = fromBase64Url(signer.sums)!;
    files.set(sumsNames.raw, signature);
    files.set(sumsNames.signify, renderSignify(parseMinisignKey(signer.minisignKey).id, signature));
    for (const { name, minisign, ssh } of signer.files) {
      const names = namesFor(name, signer.kid, i === 0);
      files.set(names.minisign, minisign);
      files.set(names.ssh, ssh);
    }
    for (const [ending, text] of publicKeyFiles(signer)) files.set(`${publisherName(signer.kid)}.${ending}`, text);
  }
  return files;
}

/** `<short kid>.sigstore.json` for the provenance, `<short kid>.sbom.sigstore.json` for a bill of materials. */
function nameBundles(bundles: BundlesAnswer["bundles"]): Map<string, JsonValue> {
  const named = new Map<string, JsonValue>();
  for (const { signer, predicateType, bundle } of bundles) {
    const base = `${shortKid(signer)}${predicateType === PROVENANCE_TYPE ? "" : ".sbom"}`;
    let name = `${base}${BUNDLE_ENDING}`;
    for (let i = 2; named.has(name); i++) name = `${base}-${i}${BUNDLE_ENDING}`;
    named.set(name, bundle);
  }
  return named;
}

/**
 * Makes sure that no file of the release has the name of what will lie beside it: `a` and `a.minisig`, or a file called
 * SHA256SUMS.
 *
 * @param kids those who sign, in order
 * @throws {TesError} `artifact_name`, `artifact_name_collision`
 */
export function checkFolderNames(names: readonly string[], kids: readonly string[], sboms: number): void {
  const beside = kids.flatMap((kid, i) => {
    const short = shortKid(kid);
    const sums = namesFor(SUMS_NAME, kid, i === 0);
    return [
      sums.raw,
      sums.signify,
      ...names.flatMap((name) => {
        const { minisign, ssh } = namesFor(name, kid, i === 0);
        return [minisign, ssh];
      }),
      `${short}${BUNDLE_ENDING}`,
      ...Array.from({ length: sboms }, (_, n) => `${short}.sbom${n === 0 ? "" : `-${n + 1}`}${BUNDLE_ENDING}`),
      ...["minisign.pub", "pem", "allowed_signers"].map((ending) => `${publisherName(kid)}.${ending}`),
    ];
  });
  // What is wrong among the files themselves is told first, and in their own words.
  checkArtifactNames(names);
  try {
    checkArtifactNames([...names, DOCUMENT_NAME, SUMS_NAME, TRUSTED_ROOT_NAME, ...beside]);
  } catch (cause) {
    if (!(cause instanceof TesError)) throw cause;
    const detail = `${cause.detail}: the second is what TES writes beside the files.`;
    throw new TesError(cause.code, { detail, cause });
  }
}
