/**
 * Writes docs/answers.md and the OpenAPI 3.1 document from the table of routes and the schemas of requests and answers.
 * Run: bun scripts/answers.ts (a test holds both files against what this makes).
 */

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { toJsonSchema } from "@valibot/to-json-schema";
import type { GenericSchema } from "valibot";
import { ERRORS, type ErrorCode } from "../src/core/errors.ts";
import { ANSWER_SCHEMAS } from "../src/protocol/answers.ts";
import { MEDIA_TYPES } from "../src/protocol/paths.ts";
import { REQUEST_SCHEMAS } from "../src/protocol/requests.ts";
import { API_VERSION } from "../src/protocol/version.ts";
import {
  BODY_CODES,
  COMMON_CODES,
  ROUTE_TABLE,
  type RouteSpec,
  SESSION_CODES,
  TOKEN_CODES,
  WRITE_CODES,
} from "../src/worker/route-table.ts";

const ROUTES = Object.entries(ROUTE_TABLE) as [string, RouteSpec][];

const PROOF_HEADERS = ["Content-Digest", "Signature", "Signature-Input", "TES-Provenance"] as const;

/** What a custom check takes, as far as JSON Schema can say it. */
const CUSTOM: Readonly<Record<string, object>> = {
  "a JSON object": { type: "object" },
};

function schemaOf(schema: GenericSchema): object {
  const json = toJsonSchema(schema, {
    target: "draft-2020-12",
    errorMode: "ignore",
    overrideSchema: ({ valibotSchema }) => {
      const { type, message } = valibotSchema as { type: string; message?: unknown };
      if (type !== "custom") return undefined;
      return CUSTOM[String(message)] ?? { type: "object", additionalProperties: { type: "string" } };
    },
  }) as Record<string, unknown>;
  delete json.$schema;
  return json;
}

/** Everything that a route may refuse with. */
export function codesOf(spec: RouteSpec): ErrorCode[] {
  const codes = new Set<ErrorCode>([
    ...COMMON_CODES,
    ...(spec.method === "POST" ? BODY_CODES : []),
    ...(spec.writes ? WRITE_CODES : []),
    ...TOKEN_CODES,
    ...SESSION_CODES,
    ...spec.codes,
  ]);
  return [...codes].sort();
}

const MEDIA_OF_KIND = {
  note: MEDIA_TYPES.note,
  metrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
  lines: MEDIA_TYPES.lines,
  socket: MEDIA_TYPES.problem,
  bytes: MEDIA_TYPES.bytes,
} as const;

const mediaOf = ({ answer }: RouteSpec): string =>
  answer in MEDIA_OF_KIND ? MEDIA_OF_KIND[answer as keyof typeof MEDIA_OF_KIND] : MEDIA_TYPES.json;

const pathOf = ({ path, onlyDefault }: RouteSpec): string =>
  `/v1/${onlyDefault === true ? "default" : "{registry}"}${path === "/" ? "" : path.replaceAll(/:(\w+)/g, "{$1}")}`;

const isJson = (spec: RouteSpec): boolean => Object.hasOwn(ANSWER_SCHEMAS, spec.answer);

/** Both halves of a session at once. */
const PAGE = { sessionCookie: [], sessionToken: [] };
/** Where it is not a token, or a page's session in its place. */
const SECURITY: Readonly<Partial<Record<RouteSpec["access"], readonly object[]>>> = {
  open: [{}],
  // On a private registry a read takes a token too.
  read: [{}, { bearer: [] }, PAGE],
  token: [{ bearer: [] }],
  session: [PAGE],
};

function operation(name: string, spec: RouteSpec): object {
  const names = [...pathOf(spec).matchAll(/\{(\w+)\}/g)].map((found) => found[1]!);
  const parameters = [
    ...names.map((id) => ({ name: id, in: "path", required: true, schema: { type: "string" } })),
    ...spec.query.map((id) => ({ name: id, in: "query", schema: { type: "string" } })),
    ...["TES-Nonce", "TES-Min-Size"].map((id) => ({ $ref: `#/components/parameters/${id}` })),
    ...(spec.writes ? [{ $ref: "#/components/parameters/Idempotency-Key" }] : []),
  ];
  const body =
    spec.request === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content:
              spec.request === "lines"
                ? { [MEDIA_TYPES.lines]: { schema: { type: "string" } } }
                : spec.request === "bytes"
                  ? { [MEDIA_TYPES.bytes]: {} }
                  : { [MEDIA_TYPES.json]: { schema: { $ref: `#/components/schemas/request.${spec.request}` } } },
          },
        };
  const content = isJson(spec)
    ? { schema: { $ref: `#/components/schemas/answer.${spec.answer}` } }
    : { schema: { type: "string" } };
  return {
    operationId: name,
    summary: spec.summary,
    security: SECURITY[spec.access] ?? [{ bearer: [] }, PAGE],
    parameters,
    ...body,
    responses: {
      [spec.status ?? 200]: {
        description: "Signed.",
        headers: Object.fromEntries(PROOF_HEADERS.map((header) => [header, { $ref: "#/components/headers/Proof" }])),
        content: { [mediaOf(spec)]: content },
      },
      default: { $ref: "#/components/responses/Problem" },
    },
    "x-codes": codesOf(spec),
  };
}

export function renderOpenApi(): string {
  const paths: Record<string, Record<string, object>> = {};
  for (const [name, spec] of ROUTES) {
    paths[pathOf(spec)] = { ...paths[pathOf(spec)], [spec.method.toLowerCase()]: operation(name, spec) };
  }
  const header = (name: string, description: string, required = false) => ({
    name,
    in: "header",
    description,
    required,
    schema: { type: "string" },
  });
  const schemas = Object.fromEntries([
    ...Object.entries(REQUEST_SCHEMAS).map(([name, schema]) => [`request.${name}`, schemaOf(schema)]),
    ...Object.entries(ANSWER_SCHEMAS).map(([name, schema]) => [`answer.${name}`, schemaOf(schema)]),
    [
      "Problem",
      {
        type: "object",
        description: "RFC 9457.",
        required: ["type", "title", "status", "code", "remedy"],
        properties: {
          type: { type: "string" },
          title: { type: "string" },
          status: { type: "integer" },
          code: { enum: Object.keys(ERRORS) },
          remedy: { type: "string" },
          detail: { type: "string" },
          field: { type: "string" },
          facts: { type: "object" },
        },
      },
    ],
  ]);
  const document = {
    openapi: "3.1.1",
    info: { title: "TES", version: API_VERSION, summary: "A version authority whose every answer is signed." },
    paths,
    components: {
      schemas,
      parameters: {
        "TES-Nonce": header("TES-Nonce", "22 to 64 characters of base64url; the signature repeats it."),
        "TES-Min-Size": header("TES-Min-Size", "The log size that the caller has seen: no older answer comes."),
        "Idempotency-Key": header("Idempotency-Key", "1 to 64 visible ASCII characters; the same on a retry.", true),
      },
      headers: { Proof: { description: "See docs/formats.md, Signed answer.", schema: { type: "string" } } },
      responses: {
        Problem: {
          description: "Signed too. `x-codes` of the operation lists its codes.",
          content: { [MEDIA_TYPES.problem]: { schema: { $ref: "#/components/schemas/Problem" } } },
        },
      },
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer", bearerFormat: "JWT" },
        sessionCookie: {
          type: "apiKey",
          in: "cookie",
          name: "__Host-tes-{registry}",
          description: "With `.{port}` behind it where the authority has a port. See docs/formats.md, Session.",
        },
        sessionToken: { type: "apiKey", in: "header", name: "TES-CSRF" },
      },
    },
  };
  return `${JSON.stringify(document)}\n`;
}

const ACCESS: Readonly<Record<RouteSpec["access"], string>> = {
  open: "anyone",
  read: "anyone; `read` if private",
  token: "a token",
  session: "a page's session",
  "token:read": "a token with `read`",
  "token:watch": "a token with `watch`",
  admin: "a token with `admin`",
  "bump:<glob>": "a token with `bump:<glob>`",
  "release:<glob>": "a token with `release:<glob>`",
};

const list = (codes: readonly ErrorCode[]): string => codes.map((code) => `\`${code}\``).join(", ");

export function renderAnswers(): string {
  const rows = ROUTES.map(([name, spec]) => {
    const query = spec.query.length === 0 ? "" : `?${spec.query.join("&")}`;
    const takes =
      spec.request === undefined
        ? "–"
        : spec.request === "lines" || spec.request === "bytes"
          ? spec.request
          : `\`request.${spec.request}\``;
    const gives = isJson(spec) ? `\`answer.${spec.answer}\`` : mediaOf(spec).split(";")[0]!;
    const kept = spec.cached ? "≤ 1 s" : "no";
    return `| \`${name}\` | \`${spec.method} ${pathOf(spec)}${query}\` | ${ACCESS[spec.access]} | ${takes} | ${gives} | ${kept} | ${spec.summary.replaceAll("|", "\\|")} |`;
  });
  const own = ROUTES.filter(([, spec]) => spec.codes.length > 0).map(
    ([name, spec]) => `| \`${name}\` | ${list(spec.codes)} |`,
  );
  return `# Answers

Generated from the table of routes by \`bun scripts/answers.ts\`; a test holds it. The same table and schemas make \`/openapi.json\` (OpenAPI 3.1), where the shapes are.

Every answer below is signed, errors too, as [formats.md](formats.md) says (Signed answer). HEAD works wherever GET does and is signed for itself. \`Cache-Control\` is \`no-store, no-transform\` on all of them; "kept" says whether the Worker may answer from its own memory.

| name | route | who | takes | gives | kept | what |
| ---- | ----- | --- | ----- | ----- | ---- | ---- |
${rows.join("\n")}

## What each may refuse with

Every route: ${list(COMMON_CODES)}. Where a token is needed: ${list(TOKEN_CODES)}. From a page's session in the place of a token: ${list(SESSION_CODES)}. With a body: ${list(BODY_CODES)}. Those that write statements: ${list(WRITE_CODES)}. Beside these:

| name | codes |
| ---- | ----- |
${own.join("\n")}

## Answers from memory

The Worker keeps whole signed answers of public reads, byte for byte, for at most one second; from half a second on, one request fetches a fresh one while the others still get the old. It does so only for a GET whose answer anyone may have: no \`Authorization\`, no \`TES-CSRF\`, no \`TES-Nonce\`, nothing else that a signature would cover. \`TES-Min-Size\` above the size that the kept answer speaks of goes to the object. The whole URL is the key; \`X-Forwarded-*\` is not read at all. A registry that was just delisted may be answered for one second more.

## Limits

- One address: \`TES_ADDRESS_RATE\` as \`burst/perSecond\`, by default \`400/100\`, counted by \`CF-Connecting-IP\` (IPv6 by its first half), before the object and only for what reaches it. Where no one sets that header there is no limit, or with \`TES_ADDRESS_RATE\` set one for all.
- One token: \`TES_TOKEN_RATE\`, by default \`2000/1000\`, in the object. \`off\` turns either off.
- Both answer 429 \`rate_limited\` with \`Retry-After\` in seconds.

## Other sites

Reads that anyone may make of a public registry send \`Access-Control-Allow-Origin: *\` and expose the fields that prove them. A preflight is allowed GET, HEAD, \`TES-Nonce\` and \`TES-Min-Size\`; \`Authorization\` and \`TES-CSRF\` are not, so that no page elsewhere writes or reads what is private.

A page of this very origin may hold a session instead of a token ([formats.md](formats.md), Session). Every route that takes a token takes a session too, but for \`openSession\`, \`genesis\` and the routes of an import; a request with \`Authorization\` is by its token, whatever else it carries. Without \`TES-CSRF\` a cookie says nothing: a read is then anyone's, and a write is refused with \`csrf_refused\`. What a session is answered is never kept and never for other sites.

## The dashboard

Unsigned files for one page, which proves what it shows by itself:

| route | what | kept by browsers |
| ----- | ---- | ---------------- |
| \`GET /dash\`, \`GET /dash/\` | the page | no |
| \`GET /dash/assets/{name}\` | its scripts, styles and pictures, with their hash in the name | for good |
| \`POST /dash/csp-report\` | takes a browser's report of what the page's policy kept out, at most 16,384 bytes: a line in the log | – |

Whatever else begins with \`/dash/\` is 404 \`route_unknown\`, as all of it is in a deployment without the assets. The page may load what stands there and nothing else, and connect to this authority and nobody else: no inline script or style, no frame around it, no third party (Content-Security-Policy with Trusted Types, X-Frame-Options, Cross-Origin-Opener-Policy, Cross-Origin-Resource-Policy, Referrer-Policy, Permissions-Policy).

## Unsigned

This list is closed. A client takes each of these for an outage, never for an answer:

- 101 and OPTIONS;
- 404 \`registry_unknown\`: a name that no registry has, one that was delisted, and a genesis or import that is refused before there is a key to answer with. Such a name does not reach an object: \`default\` is asked for its list first;
- 200 and 503 of \`/v1/default/key-proof\` before the genesis, whose proof stands by itself;
- 421 \`misdirected_request\`: a host that is not in \`TES_AUTHORITIES\`;
- 400 \`bad_request\`: a path with dot segments or not encoded, a Host or a target that is none;
- 429 \`rate_limited\` of an address, before the object;
- 503 \`signing_key_missing\` and \`signing_key_mismatch\`;
- routes outside \`/v1/{registry}\`: \`/healthz\`, \`/openapi.json\`, what is below \`/dash\`, the guide, and 404 \`route_unknown\`;
- 500 \`internal\` and 507 \`storage_full\` when the object cannot answer, and whatever the platform says in its place.
`;
}

export const OUTPUTS: readonly { readonly path: string; readonly render: () => string }[] = [
  { path: "docs/answers.md", render: renderAnswers },
  { path: "src/worker/generated/openapi.json", render: renderOpenApi },
];

if (import.meta.main) {
  const root = join(import.meta.dirname, "..");
  for (const { path, render } of OUTPUTS) await writeFile(join(root, path), render());
}
