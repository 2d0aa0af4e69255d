/** What is read of publishers and releases. */

import { fromBase64, fromBase64Url, utf8 } from "../core/bytes.ts";
import { TesError } from "../core/errors.ts";
import { DEFAULT_PAGE_SIZE, MAX_BUNDLES_CHARS, MAX_PAGE_SIZE } from "../core/limits.ts";
import { createBundle, logOf, trustedRoot as renderTrustedRoot, type TransparencyLog } from "../core/sigstore.ts";
import type { Receipt } from "../protocol/answers.ts";
import { parseEntityId } from "../protocol/ids.ts";
import { IN_TOTO_TYPE, PROVENANCE_TYPE } from "../protocol/intoto.ts";
import type { ReleaseView } from "../protocol/release-answers.ts";
import type { ReleaseAttested, ReleasePublished } from "../protocol/statements.ts";
import type { ReleaseRow } from "../registry/rows.ts";
import { countOf } from "./request.ts";
import type { Handler, RouteContext } from "./route.ts";
import { sayJson } from "./sign-response.ts";

/** @throws TesError `invalid_field` */
export function releaseKeyOf(params: RouteContext["params"]): { readonly entity: string; readonly version: string } {
  return { entity: parseEntityId(params.entity!, "entity").id, version: params.version! };
}

function viewOf({ entity, version, content, seq, at, files, signers, yanked }: ReleaseRow): ReleaseView {
  const withdrawn =
    yanked === undefined
      ? null
      : {
          seq: yanked.seq,
          at: yanked.at,
          ...(yanked.reason === undefined ? {} : { reason: { digest: yanked.reason } }),
        };
  return { entity, version, content, seq, at, files, signers: [...signers], yanked: withdrawn };
}

function rowOf({ ledger, params }: RouteContext): ReleaseRow {
  const { entity, version } = releaseKeyOf(params);
  const row = ledger.rows.release(entity, version);
  if (row === undefined) throw new TesError("release_unknown", { detail: `There is no ${entity}@${version}.` });
  return row;
}

export const publishers: Handler = async ({ ledger, writer, params }) => {
  const entity = parseEntityId(params.entity!, "entity").id;
  if (ledger.rows.entity(entity) === undefined) {
    throw new TesError("entity_unknown", { detail: `There is no ${entity}.` });
  }
  const row = ledger.rows.publishers(entity);
  const { revision, threshold, keys, revisions } = row ?? { revision: 0, threshold: 0, keys: [], revisions: [] };
  const size = ledger.size;
  const receipts = await Promise.all(revisions.map((seq) => writer.receipt(seq)));
  return sayJson({ registry: ledger.registry, size, entity, revision, threshold, keys, receipts });
};

export const releases: Handler = ({ ledger, store, query }) => {
  const limit = query.limit === undefined ? DEFAULT_PAGE_SIZE : countOf(query, "limit", MAX_PAGE_SIZE + 1);
  if (limit === 0)
    throw new TesError("invalid_field", { field: "limit", detail: `An integer from 1 to ${MAX_PAGE_SIZE}.` });
  const below = query.cursor === undefined ? ledger.size : countOf(query, "cursor", ledger.size + 1);
  const entity = query.entity === undefined ? undefined : parseEntityId(query.entity, "entity").id;
  const found = store.releases(below, limit + 1, entity);
  const shown = found.slice(0, limit);
  const next = found.length > limit ? String(shown.at(-1)!.seq) : null;
  return sayJson({ registry: ledger.registry, size: ledger.size, releases: shown.map(viewOf), next });
};

/** Statements of one payload, in the order in which they were written. */
interface Attested {
  readonly predicateType: string;
  readonly payload: string | null;
  readonly statements: readonly (ReleasePublished | ReleaseAttested)[];
}

/** What a release and its attestations say: first its provenance, then each further payload. */
function attestedBy({ ledger, store }: RouteContext, row: ReleaseRow): Attested[] {
  const groups = new Map<string, (ReleasePublished | ReleaseAttested)[]>();
  for (const seq of [...row.statements, ...row.attested]) {
    const statement = ledger.statement(seq) as ReleasePublished | ReleaseAttested;
    const group = groups.get(statement.payload.digest);
    if (group === undefined) groups.set(statement.payload.digest, [statement]);
    else group.push(statement);
  }
  return Array.from(groups, ([digest, statements]) => {
    const [first] = statements;
    const predicateType = first!.type === "release.attested" ? first!.predicateType : PROVENANCE_TYPE;
    return { predicateType, payload: store.blob(digest)?.text ?? null, statements };
  });
}

export const release: Handler = async (context) => {
  const { ledger, writer } = context;
  const row = rowOf(context);
  const size = ledger.size;
  const receiptsOf = (seqs: readonly number[]): Promise<Receipt[]> =>
    Promise.all(seqs.map((seq) => writer.receipt(seq)));
  // Synchronous up to the first signature: all receipts are of one tree.
  const [provenance, ...further] = attestedBy(context, row);
  const attestations = Promise.all(
    further.map(async ({ predicateType, payload, statements }) => ({
      predicateType,
      payload,
      receipts: await receiptsOf(statements.map(({ seq }) => seq)),
    })),
  );
  const revisions = receiptsOf(ledger.rows.publishers(row.entity)?.revisions ?? []);
  return sayJson({
    registry: ledger.registry,
    size,
    release: viewOf(row),
    payload: provenance!.payload,
    receipts: await receiptsOf(row.statements),
    attestations: await attestations,
    publishers: await revisions,
  });
};

/**
 * The logs of this registry, one for each key that signed checkpoints, in order. Each key promises everything in its
 * tree, what came before its time too, and nothing that came after it.
 */
function logsOf({ ledger }: RouteContext): TransparencyLog[] {
  const genesis = ledger.statement(0);
  if (genesis.type !== "registry.genesis") throw new TesError("internal", { cause: new Error("no genesis") });
  const { at: from, keys } = genesis;
  let current = { origin: genesis.origin, publicKey: fromBase64Url(keys["log-ed25519"].x)!, from };
  const logs: TransparencyLog[] = [];
  for (const seq of ledger.rows.registry()!.announced ?? []) {
    const statement = ledger.statement(seq);
    if (statement.type === "registry.moved") {
      logs.push(logOf({ ...current, until: statement.at }));
      current = { ...current, publicKey: fromBase64Url(statement.to.keys["log-ed25519"].x)! };
    } else if (statement.type === "registry.restored") {
      // What the lost log had beyond the backup is no more.
      logs.push(logOf({ ...current, until: ledger.statement(seq - 1).at }));
      const { origin } = statement;
      current = { origin, publicKey: fromBase64Url(statement.keys["log-ed25519"].x)!, from };
    }
  }
  return [...logs, logOf(current)];
}

/** Characters of the payloads in all bundles of a release: each holds its own whole. */
const sizeOf = (groups: ReturnType<typeof attestedBy>): number =>
  groups.reduce((sum, { payload, statements }) => sum + (payload?.length ?? 0) * statements.length, 0);

export const bundles: Handler = async (context) => {
  const { ledger, writer, keys } = context;
  const row = rowOf(context);
  const { origin } = ledger.rows.registry()!;
  const log = logOf({ origin, publicKey: keys.log.raw, from: 0 });
  const { signer } = context.query;
  const groups = attestedBy(context, row);
  if (signer === undefined && sizeOf(groups) > MAX_BUNDLES_CHARS) {
    throw new TesError("invalid_field", {
      field: "signer",
      detail: "All bundles together are too long for one answer: ask for one signer's.",
    });
  }
  const isSigner = groups.some(({ statements }) => statements.some((statement) => statement.signer === signer));
  if (signer !== undefined && !isSigner) {
    throw new TesError("invalid_field", { field: "signer", detail: "It signed nothing of this release." });
  }
  const made = groups.flatMap(({ predicateType, payload, statements }) => {
    if (payload === null) throw new TesError("blob_erased");
    const wanted = statements.filter((statement) => signer === undefined || statement.signer === signer);
    return wanted.map(async (statement) => {
      // Synchronous up to the signature of the checkpoint, so that root and proof are of one tree.
      const root = ledger.root();
      const { inclusion, checkpoint } = await writer.receipt(statement.seq);
      const bundle = await createBundle({
        statement,
        payloadType: IN_TOTO_TYPE,
        payload: utf8(payload),
        inclusion: { ...inclusion, proof: inclusion.proof.map((hash) => fromBase64(hash)!) },
        root,
        checkpoint,
        log,
        sign: (bytes) => crypto.subtle.sign("Ed25519", keys.log.privateKey, bytes),
      });
      return { signer: statement.signer, predicateType, bundle };
    });
  });
  return sayJson({ entity: row.entity, version: row.version, bundles: await Promise.all(made) });
};

export const artifact: Handler = () => {
  throw new TesError("artifact_unknown");
};

export const trustedRoot: Handler = (context) => sayJson(renderTrustedRoot(logsOf(context)));
