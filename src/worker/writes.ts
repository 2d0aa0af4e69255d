/** What the routes do that need a token. */

import { fromBase64Url } from "../core/bytes.ts";
import { TesError } from "../core/errors.ts";
import { MAX_TOKEN_LIFETIME_S } from "../core/limits.ts";
import { parseEntityId, parseRegistryName } from "../protocol/ids.ts";
import {
  parseBumpRequest,
  parseDeclareRequest,
  parseEmptyRequest,
  parseRetireRequest,
  parseRevokeRequest,
  parseTicketRequest,
  parseTokenRequest,
} from "../protocol/requests.ts";
import { declareCommands, planBump } from "../registry/decide.ts";
import { mintToken } from "./auth.ts";
import { digestIn } from "./reads.ts";
import { authorise, blobOf, type Handler, keyed, writeOne } from "./route.ts";
import { sayJson } from "./sign-response.ts";

export const bump: Handler = async (context) => {
  const request = parseBumpRequest(context.json);
  const by = authorise(context.claims, { verb: "bump", entity: request.entity });
  const { entity, scope } = request;
  if (request.dryRun === true) {
    const changes = planBump(context.ledger.rows, request);
    return sayJson({ dryRun: true, entity, scope, changes, receipt: null });
  }
  const blob = request.reason === undefined ? undefined : blobOf(request.reason);
  const [receipt] = await context.writer.submit({
    commands: [{ kind: "bump", request, reason: blob }],
    by,
    now: context.now,
    idempotency: keyed(context),
    ...(blob === undefined ? {} : { blobs: [blob] }),
  });
  return sayJson({ dryRun: false, entity, scope, changes: receipt!.statement.changes, receipt });
};

export const declare: Handler = async (context) => {
  const by = authorise(context.claims, "admin");
  const request = parseDeclareRequest(context.json);
  const receipts = await context.writer.submit({
    commands: declareCommands(request),
    by,
    now: context.now,
    idempotency: keyed(context),
  });
  const written = new Set(receipts.map(({ statement }) => statement.entity));
  const unchanged = request.entities.map(({ entity }) => entity).filter((entity) => !written.has(entity));
  return sayJson({ receipts, unchanged });
};

export const retire: Handler = (context) => {
  authorise(context.claims, "admin");
  const { id } = parseEntityId(context.params.entity!, "entity");
  const { reason } = parseRetireRequest(context.json);
  const blob = reason === undefined ? undefined : blobOf(reason);
  return writeOne(context, { kind: "retire", entity: id, reason: blob }, blob);
};

export const eraseBlob: Handler = (context) => {
  authorise(context.claims, "admin");
  parseEmptyRequest(context.json);
  return writeOne(context, { kind: "erase", digest: digestIn(context.params) });
};

export const tokens: Handler = async ({ claims, json, keys, ledger, now }) => {
  authorise(claims, "admin");
  return sayJson(await mintToken(parseTokenRequest(json), keys, ledger.registry, now));
};

export const tickets: Handler = ({ claims, page, session, json, host, now }) => {
  authorise(claims, "watch");
  const { origin } = parseTicketRequest(json);
  if (session !== undefined && origin !== page?.own) {
    throw new TesError("invalid_field", { field: "/origin", detail: "A page gets tickets for its own origin." });
  }
  return sayJson(host.tickets.issue({ claims: claims!, page: session?.sid }, origin, now));
};

export const revoke: Handler = (context) => {
  authorise(context.claims, "admin");
  const token = context.params.token!;
  if (fromBase64Url(token)?.length !== 16) {
    throw new TesError("invalid_field", { field: "token", detail: "A token's id is 16 bytes as base64url." });
  }
  const { exp } = parseRevokeRequest(context.json);
  // Nothing is stored of tokens: what nobody says, the longest life stands in for.
  return writeOne(context, {
    kind: "revoke",
    token,
    exp: exp ?? Math.floor(context.now / 1000) + MAX_TOKEN_LIFETIME_S,
  });
};

export const delist: Handler = async (context) => {
  authorise(context.claims, "admin");
  parseEmptyRequest(context.json);
  const name = parseRegistryName(context.params.name!, "name");
  const saying = await writeOne(context, { kind: "delist", name });
  // Also when it already was: an earlier try may have ended before that object heard of it.
  await context.host.delisted(name);
  return saying;
};
