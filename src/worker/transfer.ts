/** Carrying a registry over, opening an old one again, and deriving its state anew. */

import { fromBase64Url, toBase64, utf8 } from "../core/bytes.ts";
import { canonicalize } from "../core/canonical-json.ts";
import { TesError } from "../core/errors.ts";
import { importEd25519Public } from "../core/keys.ts";
import { MAX_EXPORT_PAGE_BYTES } from "../core/limits.ts";
import { MEDIA_TYPES } from "../protocol/paths.ts";
import { parseEmptyRequest, parseMoveRequest, parseRestoreRequest, type RestoreRequest } from "../protocol/requests.ts";
import { type GenesisKeys, restoreBytes } from "../protocol/statements.ts";
import type { Ledger } from "./ledger.ts";
import { countOf } from "./request.ts";
import { authorise, type Handler, keyed, type RouteContext, writeOne } from "./route.ts";
import { type Saying, sayJson } from "./sign-response.ts";
import type { Store } from "./store.ts";

/** Rows taken from storage at once while a page fills up. */
const ROWS_AT_ONCE = 256;

const sayLines = (lines: readonly string[]): Saying => ({
  status: 200,
  type: MEDIA_TYPES.lines,
  body: utf8(lines.map((line) => `${line}\n`).join("")),
});

/** Lines from a source until a page is full; at least one, if there is one. */
function pageOf(source: Iterable<string>): string[] {
  const lines: string[] = [];
  let bytes = 0;
  for (const line of source) {
    // Three bytes a character at most: near enough for a page, and no line is encoded twice.
    bytes += line.length + 1;
    if (bytes > MAX_EXPORT_PAGE_BYTES && lines.length > 0) break;
    lines.push(line);
  }
  return lines;
}

/** Statements as they are stored, some hundred at a time. */
function* bodies(store: Store, from: number, size: number): Generator<string> {
  for (let at = from; at < size; at += ROWS_AT_ONCE) {
    yield* store.bodies(at, Math.min(ROWS_AT_ONCE, size - at));
  }
}

function* blobLines(store: Store, after: string, size: number): Generator<string> {
  for (const { digest, salt, text } of store.blobs(after, size)) {
    yield canonicalize({ blob: digest, salt: toBase64(salt), text });
  }
}

const sizeIn = ({ ledger, query }: RouteContext): number => countOf(query, "size", ledger.size + 1);

export const exportHeader: Handler = async (context) => {
  authorise(context.claims, "admin");
  const { ledger, writer } = context;
  const { registry, origin, genesis } = ledger.rows.registry()!;
  const size = ledger.size;
  const root = toBase64(ledger.root());
  const checkpoint = await writer.checkpoint();
  return sayLines([JSON.stringify({ tes: "export-v1", registry, origin, genesis, size, root, checkpoint })]);
};

export const exportStatements: Handler = (context) => {
  authorise(context.claims, "admin");
  const size = sizeIn(context);
  const from = countOf(context.query, "from", size + 1);
  return sayLines(pageOf(bodies(context.store, from, size)));
};

export const exportAnnouncements: Handler = async (context) => {
  authorise(context.claims, "admin");
  const size = sizeIn(context);
  const receipts = await context.host.announcements();
  return sayLines(
    receipts
      .filter(({ inclusion }) => inclusion.index < size)
      .map(({ inclusion, checkpoint }) => canonicalize({ announcement: inclusion.index, checkpoint })),
  );
};

export const exportBlobs: Handler = (context) => {
  authorise(context.claims, "admin");
  const size = sizeIn(context);
  const { after = "" } = context.query;
  if (!/^(?:[0-9a-f]{64})?$/.test(after)) {
    throw new TesError("invalid_field", { field: "after", detail: "A digest, or nothing." });
  }
  return sayLines(pageOf(blobLines(context.store, after, size)));
};

export const move: Handler = async (context) => {
  authorise(context.claims, "admin");
  const { to } = parseMoveRequest(context.json);
  const saying = await writeOne(context, { kind: "move", to });
  await context.host.announcements();
  return saying;
};

export const rebuild: Handler = async (context) => {
  authorise(context.claims, "admin");
  parseEmptyRequest(context.json);
  const { statements, root, changed } = await context.ledger.rebuild(context.host.pause);
  return sayJson({ statements, root: toBase64(root), changed });
};

export const restore: Handler = async (context) => {
  const by = authorise(context.claims, "admin");
  const request = parseRestoreRequest(context.json);
  const idempotency = keyed(context);
  const earlier = context.ledger.earlier(idempotency);
  if (earlier === undefined) await checkRestore(context.ledger, request, context.keys.record);
  const { size } = context.ledger;
  const [receipt] = await context.writer.submit({
    commands: [{ kind: "restore", ...request }],
    by,
    now: context.now,
    idempotency,
    // What was signed and checked names the tree just before it.
    ...(earlier === undefined ? { size } : {}),
  });
  // Signed and kept now: a later announcement may take the key away.
  await context.host.announcements();
  return sayJson({ receipt });
};

/**
 * Checks that the recovery key of the genesis signed this restore of this very tree, under this authority's keys.
 *
 * @throws TesError `epoch_invalid`
 */
export async function checkRestore(ledger: Ledger, request: RestoreRequest, own: GenesisKeys): Promise<void> {
  const { registry, genesis, recovery } = ledger.rows.registry()!;
  if (canonicalize(request.keys) !== canonicalize(own)) {
    throw new TesError("epoch_invalid", { field: "/keys", detail: "they are not this authority's" });
  }
  const scope = { registry, genesis, size: ledger.size, root: toBase64(ledger.root()) };
  const { signature } = request.recovery;
  const key = await importEd25519Public(recovery.x);
  if (!(await crypto.subtle.verify("Ed25519", key, fromBase64Url(signature)!, restoreBytes(scope, request)))) {
    throw new TesError("epoch_invalid", {
      field: "/recovery/signature",
      detail: "it is not the recovery key's, for this tree",
      facts: { size: scope.size, root: scope.root },
    });
  }
}
