/** Sigstore bundles as files: read, taken apart, and together with a trust file made into a release document. */

import { RELEASE_DOCUMENT_TYPE } from "../../client/release.ts";
import { decodeUtf8, utf8 } from "../../core/bytes.ts";
import { TesError } from "../../core/errors.ts";
import type { JsonValue } from "../../core/json.ts";
import { MAX_BUNDLE_BYTES } from "../../core/limits.ts";
import { type OpenedBundle, parseBundle } from "../../core/sigstore-bundle.ts";
import { contentOf, PROVENANCE_TYPE, parseAttestation, type Subject } from "../../protocol/intoto.ts";
import type { TrustFile } from "../../protocol/trust-file.ts";
import { readSmallFile } from "../local/data.ts";
import { printable } from "../output.ts";
import { within } from "../within.ts";
import { DOCUMENT_NAME } from "./contents.ts";
import type { Evidence } from "./evidence.ts";

/** A bundle, taken apart and not believed. */
export interface Bundle {
  readonly path: string;
  readonly opened: OpenedBundle;
  readonly payload: string;
  readonly predicateType: string;
  readonly subjects: readonly Pick<Subject, "name" | "sha256">[];
  readonly content: string;
  readonly entity: string;
  readonly version: string;
  readonly seq: number;
  readonly at: number;
}

/** @throws {TesError} `bundle_invalid`, `bundle_unsupported`, `file_unreadable`, `envelope_invalid`; all name the file */
export async function readBundle(path: string): Promise<Bundle> {
  const text = await readSmallFile(path, MAX_BUNDLE_BYTES);
  const opened = within(path, () => parseBundle(utf8(text)));
  const { subjects, predicateType } = within(path, () => parseAttestation(opened.envelope.payload));
  const { entity, version, seq, at } = opened.receipt.statement;
  if (typeof entity !== "string" || typeof version !== "string") {
    throw new TesError("bundle_invalid", { detail: `${printable(path)} is of no release.` });
  }
  return {
    path,
    opened,
    payload: decodeUtf8(opened.envelope.payload),
    predicateType,
    subjects,
    content: contentOf(subjects),
    entity,
    version,
    seq: Number(seq),
    at: Number(at),
  };
}

/** The document that the bundles of a release and a trust file add up to. @throws {TesError} `proof_missing` */
export function assemble(of: Bundle, bundles: readonly Bundle[], trust: TrustFile | null): Evidence {
  const { entity, version, content } = of;
  const publishers = trust?.publishers.find((known) => known.entity === entity)?.receipts;
  if (trust === null || publishers === undefined) {
    throw new TesError("proof_missing", {
      detail: `A bundle does not say who may publish ${entity}: name a trust file (--trust), or fetch ${DOCUMENT_NAME}.`,
    });
  }
  const inOrder = bundles.toSorted((a, b) => a.seq - b.seq);
  const main = inOrder.filter(({ predicateType }) => predicateType === PROVENANCE_TYPE);
  const [first] = main;
  if (first === undefined)
    throw new TesError("proof_missing", { detail: "The bundle of the release itself is not here." });
  const others = inOrder.filter(({ predicateType }) => predicateType !== PROVENANCE_TYPE);
  const payloads = [...new Set(others.map(({ payload }) => payload))];
  const size = Math.max(...inOrder.map(({ seq }) => seq)) + 1;
  const release = {
    registry: trust.registry,
    size,
    release: {
      entity,
      version,
      content,
      seq: first.seq,
      at: first.at,
      files: first.subjects.length,
      signers: main.map(({ opened }) => opened.signer),
      yanked: null,
    },
    payload: first.payload,
    receipts: main.map(({ opened }) => opened.receipt),
    attestations: payloads.map((payload) => {
      const signed = others.filter((bundle) => bundle.payload === payload);
      return { predicateType: signed[0]!.predicateType, payload, receipts: signed.map(({ opened }) => opened.receipt) };
    }),
    publishers: publishers.map((receipt) => ({ ...receipt })),
  };
  return {
    document: { mediaType: RELEASE_DOCUMENT_TYPE, keys: trust.keys, release: release as unknown as JsonValue },
    from: inOrder.map(({ path }) => path),
    bundles: inOrder.map(({ opened }) => opened),
    broken: [],
  };
}
