/** From a method and a path to the route that answers. */

import { TrieRouter } from "hono/router/trie-router";
import { TesError } from "../core/errors.ts";
import * as publishing from "./publishing.ts";
import * as reads from "./reads.ts";
import * as releases from "./releases.ts";
import { authorise, type Handler } from "./route.ts";
import { ROUTE_TABLE, type RouteName, type RouteSpec } from "./route-table.ts";
import * as sessions from "./session-routes.ts";
import { sayProblem } from "./sign-response.ts";
import * as transfer from "./transfer.ts";
import * as writes from "./writes.ts";

export interface Route extends RouteSpec {
  readonly name: RouteName;
  readonly run: Handler;
}

/** The object answers these by itself, from what no route sees. */
const elsewhere: Handler = () => {
  throw new TesError("internal", { cause: new Error("this route is the object's own") });
};

/** Genesis and import are answered before there is a registry; here they find that there is one. */
const exists: Handler = ({ claims }) => {
  authorise(claims, "admin");
  throw new TesError("genesis_exists");
};

const HANDLERS: Readonly<Record<RouteName, Handler>> = {
  state: reads.state,
  genesis: exists,
  bump: writes.bump,
  entities: reads.entities,
  declare: writes.declare,
  entity: reads.entity,
  history: reads.history,
  retire: writes.retire,
  diff: reads.diff,
  blob: reads.blob,
  eraseBlob: writes.eraseBlob,
  publishers: releases.publishers,
  setPublishers: publishing.setPublishers,
  releases: releases.releases,
  publish: publishing.publish,
  release: releases.release,
  bundles: releases.bundles,
  yank: publishing.yank,
  unyank: publishing.unyank,
  beginArtifact: publishing.beginArtifact,
  artifactPart: publishing.artifactStanding,
  completeArtifact: publishing.artifactStanding,
  // The Worker serves files; what comes here is refused.
  artifact: releases.artifact,
  trustedRoot: releases.trustedRoot,
  tokens: writes.tokens,
  tickets: writes.tickets,
  openSession: sessions.open,
  session: sessions.show,
  renewSession: sessions.renew,
  endSession: sessions.end,
  // RFC 9110 section 15.5.22: the answer names the protocol.
  watch: () => sayProblem(new TesError("upgrade_required"), { upgrade: "websocket" }),
  revoke: writes.revoke,
  keyProof: elsewhere,
  keys: reads.keys,
  checkpoint: reads.checkpoint,
  consistency: reads.consistency,
  receipt: reads.receipt,
  registries: reads.registries,
  delist: writes.delist,
  metrics: ({ claims, host, ledger, store }) => {
    authorise(claims, "read");
    return host.metrics.say({
      registry: ledger.registry,
      size: ledger.size,
      entities: ledger.rows.entityCount(),
      subscribers: host.subscribers(),
      keyCache: host.keyCache,
      rows: store.counts,
    });
  },
  export: transfer.exportHeader,
  exportStatements: transfer.exportStatements,
  exportAnnouncements: transfer.exportAnnouncements,
  exportBlobs: transfer.exportBlobs,
  move: transfer.move,
  restore: transfer.restore,
  rebuild: transfer.rebuild,
  importState: exists,
  import: exists,
};

export const ROUTES: readonly Route[] = (Object.entries(ROUTE_TABLE) as [RouteName, RouteSpec][]).map(
  ([name, spec]) => ({ ...spec, name, run: HANDLERS[name] }),
);

const routers = { default: new TrieRouter<Route>(), other: new TrieRouter<Route>() };
for (const route of ROUTES) {
  routers.default.add(route.method, route.path, route);
  if (route.onlyDefault !== true) routers.other.add(route.method, route.path, route);
}

export interface Found {
  readonly route: Route;
  readonly params: Record<string, string>;
}

/** Finds the route for a method and a path below /v1/{registry}. HEAD is answered by GET's route. */
export function findRoute(registry: string, method: string, path: string): Found {
  const router = registry === "default" ? routers.default : routers.other;
  const found = match(router, method === "HEAD" ? "GET" : method, path);
  if (found !== undefined) return found;
  // A genesis comes before there is a registry: one that is there takes none.
  const allowed = (["GET", "POST"] as const).filter((other) => {
    const hit = match(router, other, path);
    return hit !== undefined && hit.route.name !== "genesis";
  });
  if (allowed.length === 0) throw new TesError("route_unknown");
  const allow = allowed.flatMap((name) => (name === "GET" ? ["GET", "HEAD"] : [name])).join(", ");
  throw new TesError("method_not_allowed", { facts: { allow } });
}

function match(router: TrieRouter<Route>, method: string, path: string): Found | undefined {
  const [handlers] = router.match(method, path);
  const hit = handlers[0] as [Route, Record<string, string>] | undefined;
  if (hit === undefined) return undefined;
  const params: Record<string, string> = {};
  for (const [name, raw] of Object.entries(hit[1] ?? {})) {
    try {
      params[name] = decodeURIComponent(raw);
    } catch {
      throw new TesError("invalid_field", { field: name, detail: "It is not percent-encoded UTF-8." });
    }
  }
  return { route: hit[0], params };
}
