/** What the routes that everyone may read say. */

import { compareCodeUnits, toBase64, utf8 } from "../core/bytes.ts";
import { TesError } from "../core/errors.ts";
import { DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE } from "../core/limits.ts";
import type { EntityView, HistoryEntry, KeyView } from "../protocol/answers.ts";
import { parseEntityId } from "../protocol/ids.ts";
import type { GenesisKeys } from "../protocol/statements.ts";
import { allows } from "../protocol/tokens.ts";
import type { EntityRow } from "../registry/rows.ts";
import { activeKeys } from "./announcements.ts";
import type { Ledger } from "./ledger.ts";
import { countOf } from "./request.ts";
import type { Handler, RouteContext } from "./route.ts";
import { sayJson, TEXT_TYPE } from "./sign-response.ts";

const viewOf = (row: EntityRow): EntityView => ({
  entity: row.entity,
  version: row.version,
  strategy: row.strategy,
  parent: row.parent,
  files: row.files.map((file) => ({ ...file })),
  ...(row.metadata === undefined ? {} : { metadata: { ...row.metadata } }),
  ...(row.retired === true ? { retired: true } : {}),
  seq: row.seq,
  at: row.at,
});

/** By id in code unit order. */
const viewsOf = (rows: Iterable<EntityRow>): EntityView[] =>
  Array.from(rows, viewOf).sort((a, b) => compareCodeUnits(a.entity, b.entity));

/** The size that a question is about: the log's own unless the query names one. */
const sizeOf = ({ ledger, query }: RouteContext): number =>
  query.size === undefined ? ledger.size : countOf(query, "size", ledger.size + 1);

function rowOf(ledger: Ledger, id: string, size: number): EntityRow {
  const row = ledger.entityAt(parseEntityId(id, "entity").id, size);
  if (row === undefined) throw new TesError("entity_unknown", { detail: `There is no ${id}.` });
  return row;
}

export const state: Handler = (context) => {
  const { ledger } = context;
  const { registry, visibility, origin, genesis } = ledger.rows.registry()!;
  const size = sizeOf(context);
  const rows = size === ledger.size ? ledger.rows.entities() : ledger.entitiesAt(size);
  return sayJson({ registry, visibility, origin, genesis, size, entities: viewsOf(rows) });
};

export const entities: Handler = ({ ledger, query }) => {
  const { type } = query;
  if (type !== undefined) parseEntityId(`${type}:x`, "type");
  const all = viewsOf(ledger.rows.entities());
  const shown = type === undefined ? all : all.filter(({ entity }) => entity.startsWith(`${type}:`));
  return sayJson({ registry: ledger.registry, size: ledger.size, entities: shown });
};

export const entity: Handler = (context) => {
  const size = sizeOf(context);
  const { ledger, params } = context;
  return sayJson({ registry: ledger.registry, size, entity: viewOf(rowOf(ledger, params.entity!, size)) });
};

export const history: Handler = ({ ledger, params, query }) => {
  const { entity } = rowOf(ledger, params.entity!, ledger.size);
  const limit = query.limit === undefined ? DEFAULT_PAGE_SIZE : countOf(query, "limit", MAX_PAGE_SIZE + 1);
  if (limit === 0)
    throw new TesError("invalid_field", { field: "limit", detail: `An integer from 1 to ${MAX_PAGE_SIZE}.` });
  const below = query.cursor === undefined ? ledger.size : countOf(query, "cursor", ledger.size + 1);
  const found = ledger.history(entity, below, limit + 1);
  const entries = found.slice(0, limit).map(({ touch, statement }): HistoryEntry => {
    const { seq, at, by, type } = statement;
    const mark = { seq, at, by, type, version: touch.version };
    if (statement.type === "entity.retired") return { ...mark, ...reasonIn(statement) };
    if (statement.type !== "version.bumped") return mark;
    const { entity: asked, scope, preid, changes } = statement;
    const from = changes.find((change) => change.entity === entity)?.from;
    return {
      ...mark,
      ...(from === undefined ? {} : { from }),
      asked,
      scope,
      ...(preid === undefined ? {} : { preid }),
      ...reasonIn(statement),
    };
  });
  // What is older than the last entry shown: new statements never move a cursor.
  const next = found.length > limit ? String(entries.at(-1)!.seq) : null;
  return sayJson({ registry: ledger.registry, size: ledger.size, entity, entries, next });
};

const reasonIn = ({ reason }: { readonly reason?: { digest: string } }): Pick<HistoryEntry, "reason"> =>
  reason === undefined ? {} : { reason };

export const diff: Handler = ({ ledger, query }) => {
  const to = query.to === undefined ? ledger.size : countOf(query, "to", ledger.size + 1);
  const from = countOf(query, "from", to + 1);
  const changes = Array.from(ledger.rows.entities(), ({ entity: id }) => ({
    before: ledger.entityAt(id, from),
    after: ledger.entityAt(id, to),
    entity: id,
  }))
    .filter(({ before, after }) => before?.seq !== after?.seq)
    .sort((a, b) => compareCodeUnits(a.entity, b.entity))
    .map(({ entity: id, before, after }) => ({
      entity: id,
      before: before === undefined ? null : viewOf(before),
      after: after === undefined ? null : viewOf(after),
    }));
  return sayJson({ registry: ledger.registry, from, to, changes });
};

/** @throws TesError `invalid_field` */
export function digestIn(params: Readonly<Record<string, string>>): string {
  const { digest } = params;
  if (/^[0-9a-f]{64}$/.test(digest ?? "")) return digest!;
  throw new TesError("invalid_field", { field: "digest", detail: "64 lower-case hex characters." });
}

export const blob: Handler = ({ ledger, store, params }) => {
  const digest = digestIn(params);
  const row = ledger.rows.blob(digest);
  if (row === undefined) throw new TesError("blob_unknown");
  const found = store.blob(digest);
  // Without its text and not erased by a statement: an export that was read in had it no more.
  if (found === undefined) throw new TesError("blob_erased");
  return sayJson({ digest, salt: toBase64(found.salt), text: found.text });
};

/** One set of keys as they are shown. `active`: they sign here; `announced`: they sign where the registry went. */
function keyViews(keys: GenesisKeys, status: "active" | "announced"): KeyView[] {
  const ed25519 = (use: "log-ed25519" | "response-ed25519") => {
    const { kid, x } = keys[use];
    return { kid, use, alg: "ed25519", kty: "OKP", crv: "Ed25519", x, status };
  };
  const symmetric = (use: "response-hmac" | "token-hs256") => ({ kid: keys[use].kid, use, alg: "hmac-sha256", status });
  return [ed25519("log-ed25519"), ed25519("response-ed25519"), symmetric("response-hmac"), symmetric("token-hs256")];
}

export const keys: Handler = async ({ ledger, writer, host, claims }) => {
  const genesis = ledger.statement(0);
  const active = activeKeys(ledger);
  const announced = ledger.rows.registry()!.keys;
  const announcements = await host.announcements();
  // Whoever has to prove itself to strangers, before they send a token, shows them its keys and not its log.
  const isShown = ledger.rows.registry()!.visibility === "public" || (claims !== undefined && allows(claims, "read"));
  return sayJson({
    registry: ledger.registry,
    genesis,
    announcements,
    keys: [...keyViews(active, "active"), ...(announced === active ? [] : keyViews(announced, "announced"))],
    ...(isShown ? { checkpoint: await writer.checkpoint() } : {}),
  });
};

export const checkpoint: Handler = async ({ writer }) => ({
  status: 200,
  type: TEXT_TYPE,
  body: utf8(await writer.checkpoint()),
});

export const consistency: Handler = async ({ ledger, writer, query }) => {
  const size = query.to === undefined ? ledger.size : countOf(query, "to", ledger.size + 1);
  const from = countOf(query, "from", size + 1);
  const proof = ledger.consistency(from, size).map(toBase64);
  return sayJson({ from, size, proof, checkpoint: await writer.checkpoint() });
};

export const receipt: Handler = async ({ ledger, writer, query }) =>
  sayJson(await writer.receipt(countOf(query, "seq", ledger.size)));

export const registries: Handler = ({ ledger }) => {
  const listed = Array.from(ledger.rows.listings()).filter((row) => row.delisted !== true);
  return sayJson({
    size: ledger.size,
    registries: listed
      .map(({ name, genesis, at }) => ({ name, genesis, at }))
      .sort((a, b) => compareCodeUnits(a.name, b.name)),
  });
};
