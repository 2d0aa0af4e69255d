/**
 * A stand-in for Cloudflare's API on loopback, for the real wrangler: stateful, with the API's own error codes, and with
 * faults that a test asks for.
 */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Account, ApiError, type Metadata } from "./account.ts";
import { beginAssets, takeAssets } from "./assets.ts";

export const ACCOUNT_ID = "a".repeat(32);
export const SUBDOMAIN = "stand-in";

export interface Call {
  readonly method: string;
  /** Below the account, without the query. */
  readonly path: string;
  readonly status: number;
}

/** Asked before a call is carried out, and after. What it throws is answered; `cut` ends the connection half way. */
export interface Interference {
  before?(call: Omit<Call, "status">): Promise<"cut" | undefined> | "cut" | undefined;
  after?(call: Omit<Call, "status">): Promise<"cut" | undefined> | "cut" | undefined;
}

export interface StandIn extends AsyncDisposable {
  readonly url: string;
  readonly token: string;
  readonly account: Account;
  readonly calls: readonly Call[];
  /** Calls that it does not know: a test that made one has shown nothing. */
  readonly unknown: readonly string[];
  /** Every request body as it came, for tests that look for secrets. */
  readonly bodies: readonly Buffer[];
  interfere: Interference;
  /** Runs after a change of what is deployed, before the answer. */
  onDeploy: ((name: string) => Promise<void>) | undefined;
  /** What wrangler needs to come here. */
  readonly env: Readonly<Record<string, string>>;
}

interface Context {
  readonly account: Account;
  readonly params: readonly string[];
  readonly query: URLSearchParams;
  readonly body: Buffer;
  readonly type: string;
}

type Handler = (context: Context) => unknown;
/** An answer that is not JSON in an envelope. */
class Raw {
  readonly bytes: Uint8Array;
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
}

const S = "/workers/scripts/([^/]+)";
const W = "/workers/workers/([^/]+)";
const KV = "/storage/kv/namespaces";

const jsonOf = ({ body }: Context) => JSON.parse(body.toString("utf8"));

async function uploadOf({ body, type }: Context): Promise<{ metadata: Metadata; modules: Map<string, Uint8Array> }> {
  const form = await new Response(new Uint8Array(body), { headers: { "content-type": type } }).formData();
  const modules = new Map<string, Uint8Array>();
  let metadata: Metadata = {};
  for (const [name, value] of form) {
    if (name === "metadata") metadata = JSON.parse(typeof value === "string" ? value : await value.text());
    else if (typeof value !== "string") modules.set(name, new Uint8Array(await value.arrayBuffer()));
  }
  return { metadata, modules };
}

const scriptView = (account: Account, name: string) => {
  const script = account.script(name);
  return {
    id: name,
    tag: name,
    etag: script.versions.at(-1)?.id ?? "",
    handlers: ["fetch"],
    migration_tag: script.migrationTag,
    modified_on: new Date(0).toISOString(),
    created_on: new Date(0).toISOString(),
    usage_model: "standard",
    last_deployed_from: "wrangler",
  };
};

const deploymentView = ({ id, version }: { id: string; version: string }) => ({
  id,
  source: "wrangler",
  strategy: "percentage",
  author_email: "nobody@example.invalid",
  created_on: new Date(0).toISOString(),
  annotations: {},
  versions: [{ version_id: version, percentage: 100 }],
});

const bindingsOf = (account: Account, name: string) => {
  const latest = account.script(name).versions.at(-1);
  return [
    ...(latest?.bindings ?? []),
    ...[...(latest?.secrets.keys() ?? [])].map((secret) => ({ type: "secret_text", name: secret })),
  ];
};

const ROUTES: readonly (readonly [string, string, Handler])[] = [
  ["POST", `${S}/assets-upload-session`, (context) => beginAssets(context.account, jsonOf(context).manifest)],
  [
    "GET",
    "/workers/services/([^/]+)",
    ({ account, params: [name] }) => {
      const script = account.scripts.get(name!);
      if (script === undefined) throw new ApiError(404, 10090, "workers.api.error.service_not_found");
      return {
        id: name,
        default_environment: { environment: "production", script: scriptView(account, name!) },
        environments: [],
      };
    },
  ],
  [
    "GET",
    "/workers/services/([^/]+)/environments/([^/]+)/bindings",
    ({ account, params: [name] }) => bindingsOf(account, name!),
  ],
  [
    "GET",
    `${S}/secrets`,
    ({ account, params: [name] }) => account.secretsOf(name!).map((secret) => ({ name: secret, type: "secret_text" })),
  ],
  [
    "PUT",
    `${S}/secrets`,
    (context) => {
      const { name, text } = jsonOf(context);
      context.account.putSecret(context.params[0]!, name, text);
      return { name, type: "secret_text" };
    },
  ],
  [
    "DELETE",
    `${S}/secrets/([^/]+)`,
    ({ account, params: [name, secret] }) => {
      account.putSecret(name!, decodeURIComponent(secret!), null);
      return null;
    },
  ],
  [
    "PATCH",
    `${S}/secrets-bulk`,
    (context) => {
      const [name] = context.params;
      context.account.script(name!);
      for (const [secret, value] of Object.entries(
        jsonOf(context).secrets as Record<string, { text: string } | null>,
      )) {
        context.account.putSecret(name!, secret, value?.text ?? null);
      }
      return null;
    },
  ],
  [
    "PUT",
    S,
    async (context) => {
      const { metadata, modules } = await uploadOf(context);
      const [name] = context.params;
      const version = context.account.upload(name!, metadata, modules, true);
      return {
        ...scriptView(context.account, name!),
        startup_time_ms: 1,
        deployment_id: version.id,
        entry_point: metadata.main_module,
      };
    },
  ],
  ["GET", S, ({ account, params: [name] }) => scriptView(account, name!)],
  ["GET", `${S}/settings`, ({ account, params: [name] }) => ({ bindings: bindingsOf(account, name!), tags: [] })],
  ["PATCH", `${S}/script-settings`, ({ account, params: [name] }) => scriptView(account, name!)],
  ["GET", `${S}/script-settings`, ({ account, params: [name] }) => scriptView(account, name!)],
  [
    "POST",
    `${S}/versions`,
    async (context) => {
      const { metadata, modules } = await uploadOf(context);
      const version = context.account.upload(context.params[0]!, metadata, modules, false);
      return {
        id: version.id,
        number: version.number,
        startup_time_ms: 1,
        metadata: {},
        resources: { script: {}, bindings: [], script_runtime: {} },
      };
    },
  ],
  [
    "GET",
    `${S}/versions`,
    ({ account, params: [name] }) => ({
      items: account
        .script(name!)
        .versions.toReversed()
        .map(({ id, number }) => ({
          id,
          number,
          metadata: { created_on: new Date(0).toISOString() },
          annotations: {},
        })),
    }),
  ],
  [
    "GET",
    `${S}/versions/([^/]+)`,
    ({ account, params: [name, id] }) => {
      const version = account.script(name!).versions.find((one) => one.id === id);
      if (version === undefined) throw new ApiError(404, 10020, "version not found");
      return {
        id,
        number: version.number,
        metadata: {},
        annotations: {},
        resources: { bindings: bindingsOf(account, name!), script: { handlers: ["fetch"] }, script_runtime: {} },
      };
    },
  ],
  [
    "POST",
    `${S}/deployments`,
    (context) => {
      const [{ version_id }] = jsonOf(context).versions;
      return deploymentView(context.account.deploy(context.params[0]!, version_id));
    },
  ],
  [
    "GET",
    `${S}/deployments`,
    ({ account, params: [name] }) => ({
      deployments: account.script(name!).deployments.toReversed().map(deploymentView),
    }),
  ],
  [
    "GET",
    `${S}/subdomain`,
    ({ account, params: [name] }) => ({ enabled: account.script(name!).subdomain, previews_enabled: false }),
  ],
  [
    "POST",
    `${S}/subdomain`,
    (context) => {
      const script = context.account.script(context.params[0]!);
      script.subdomain = jsonOf(context).enabled === true;
      return { enabled: script.subdomain, previews_enabled: false };
    },
  ],
  ["GET", "/workers/subdomain", () => ({ subdomain: SUBDOMAIN })],
  [
    "GET",
    W,
    ({ account, params: [name] }) => ({
      id: name,
      name: account.script(name!).name,
      subdomain: { enabled: true },
      tags: [],
    }),
  ],
  [
    "PATCH",
    `${W}/versions/latest`,
    (context) => {
      const { id, number } = context.account.patchLatest(context.params[0]!, jsonOf(context).env);
      return { id, number, annotations: {} };
    },
  ],
  [
    "DELETE",
    "/workers/services/([^/]+)",
    ({ account, params: [name] }) => {
      account.script(name!);
      account.scripts.delete(name!);
      return null;
    },
  ],
  [
    "GET",
    KV,
    // One page holds all that a test makes.
    ({ account, query }) =>
      Number(query.get("page") ?? 1) > 1
        ? []
        : [...account.namespaces.values()].map(({ id, title }) => ({ id, title, supports_url_encoding: true })),
  ],
  [
    "POST",
    KV,
    (context) => {
      const { id, title } = context.account.makeNamespace(jsonOf(context).title);
      return { id, title, supports_url_encoding: true };
    },
  ],
  [
    "GET",
    `${KV}/([^/]+)/values/(.+)`,
    ({ account, params: [id, key] }) => {
      const found = account.namespace(id!).entries.get(decodeURIComponent(key!));
      if (found === undefined) throw new ApiError(404, 10009, "get: 'key not found'");
      return new Raw(found.value);
    },
  ],
  [
    "GET",
    `${KV}/([^/]+)/keys`,
    ({ account, params: [id] }) =>
      [...account.namespace(id!).entries].map(([name, { metadata }]) => ({
        name,
        ...(metadata === undefined ? {} : { metadata }),
      })),
  ],
  [
    "PUT",
    `${KV}/([^/]+)/values/(.+)`,
    async (context) => {
      const { entries } = context.account.namespace(context.params[0]!);
      const key = decodeURIComponent(context.params[1]!);
      if (!context.type.startsWith("multipart/")) {
        entries.set(key, { value: new Uint8Array(context.body), metadata: undefined });
        return null;
      }
      const form = await new Response(new Uint8Array(context.body), {
        headers: { "content-type": context.type },
      }).formData();
      const value = form.get("value")!;
      const bytes = typeof value === "string" ? Buffer.from(value) : new Uint8Array(await value.arrayBuffer());
      entries.set(key, { value: bytes, metadata: JSON.parse(String(form.get("metadata") ?? "null")) });
      return null;
    },
  ],
];

export async function startStandIn(): Promise<StandIn> {
  const account = new Account();
  const calls: Call[] = [];
  const unknown: string[] = [];
  const bodies: Buffer[] = [];
  const token = "stand-in-token";
  const standIn = {
    account,
    calls,
    unknown,
    bodies,
    token,
    interfere: {} as Interference,
    onDeploy: undefined as StandIn["onDeploy"],
  };

  const carryOut = async (
    method: string,
    path: string,
    url: URL,
    request: IncomingMessage,
    body: Buffer,
  ): Promise<unknown> => {
    const given = request.headers.authorization;
    // Files come by the word of their session, not by the account's token.
    if (method === "POST" && path === "/workers/assets/upload") {
      const headers = { "content-type": request.headers["content-type"]! };
      const form = await new Response(new Uint8Array(body), { headers }).formData();
      return takeAssets(account, given?.replace("Bearer ", "") ?? "", form);
    }
    if (given !== `Bearer ${token}`) throw new ApiError(403, 9106, "Authentication failed (status: 400)");
    if (url.pathname === "/client/v4/memberships") {
      return [{ id: "m", account: { id: ACCOUNT_ID, name: "Stand-in" } }];
    }
    for (const [verb, pattern, handle] of ROUTES) {
      const match = verb === method ? new RegExp(`^${pattern}$`).exec(path) : null;
      if (match === null) continue;
      const before = account.changes;
      const result = await handle({
        account,
        params: match.slice(1),
        query: url.searchParams,
        body,
        type: request.headers["content-type"] ?? "",
      });
      if (account.changes !== before) await standIn.onDeploy?.(match[1]!);
      return result;
    }
    unknown.push(`${method} ${path}`);
    throw new ApiError(404, 7003, `Could not route to ${path}`);
  };

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url!, "http://stand-in");
    const path = url.pathname.replace(`/client/v4/accounts/${ACCOUNT_ID}`, "");
    const method = request.method!;
    const call = { method, path };
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    bodies.push(body);
    let status = 200;
    let content: Uint8Array;
    const cut = async (when: "before" | "after"): Promise<boolean> => {
      if ((await standIn.interfere[when]?.(call)) !== "cut") return false;
      calls.push({ ...call, status: 0 });
      request.socket.destroy();
      return true;
    };
    try {
      if (await cut("before")) return;
      const result = await carryOut(method, path, url, request, body);
      if (await cut("after")) return;
      content =
        result instanceof Raw
          ? result.bytes
          : Buffer.from(
              JSON.stringify({
                success: true,
                errors: [],
                messages: [],
                result,
                result_info: { page: 1, per_page: 100, count: 1, total_count: 1, total_pages: 1 },
              }),
            );
    } catch (thrown) {
      const error = thrown instanceof ApiError ? thrown : new ApiError(500, 10013, String(thrown));
      status = error.status;
      content = Buffer.from(
        JSON.stringify({
          success: false,
          errors: [{ code: error.code, message: error.message }],
          messages: [],
          result: null,
        }),
      );
    }
    calls.push({ ...call, status });
    response.writeHead(status, {
      "content-type": "application/json",
      "content-length": content.length,
      connection: "close",
    });
    response.end(content);
  };

  const server = createServer((request, response) => {
    answer(request, response).catch(() => request.socket.destroy());
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/client/v4`;
  return Object.assign(standIn, {
    url,
    env: { CLOUDFLARE_API_BASE_URL: url, CLOUDFLARE_API_TOKEN: token, CLOUDFLARE_ACCOUNT_ID: ACCOUNT_ID },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  }) as StandIn;
}
