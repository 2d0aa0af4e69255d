/** What ties the sockets of a registry to the rest of it: who may open one, its bumps, and what was written. */

import { decodeUtf8 } from "../core/bytes.ts";
import { TesError } from "../core/errors.ts";
import { isRegistryName } from "../protocol/ids.ts";
import { canonicalPath, pathOf } from "../protocol/paths.ts";
import type { Statement } from "../protocol/statements.ts";
import type { Ask } from "./ask.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { Emit } from "./events.ts";
import type { Failures } from "./failures.ts";
import { claimsOf, type Open } from "./open.ts";
import { queryOf } from "./request.ts";
import { JSON_TYPE } from "./sign-response.ts";
import { type BumpAsk, createSockets, type Sockets } from "./sockets.ts";
import type { Standing } from "./standing.ts";
import { chooseSubprotocol } from "./subprotocol.ts";
import type { Tickets } from "./tickets.ts";

export interface WatchingParts {
  readonly tickets: Tickets;
  readonly emit: Emit;
  readonly standing: Pick<Standing, "delisted">;
  readonly failures: Pick<Failures, "report">;
  readonly dispatcher: Pick<Dispatcher, "run">;
  readonly registry: () => string;
  /** Whether the object is this registry's. */
  readonly isNamed: (registry: string) => boolean;
  readonly whenOpen: () => Promise<Open | TesError>;
  /** Wakes the object then. Milliseconds. */
  readonly wakeAt: (at: number) => Promise<void>;
}

export interface Watching {
  readonly sockets: Sockets;
  /** Opens a socket; null when that is not what was asked for, and the request with its fault when it cannot be. */
  upgrade(ask: Ask, request: Request): Promise<Response | Ask | null>;
  /** Tells the log and whoever watches. @param duration in milliseconds, from when the write came in */
  written(statements: readonly Statement[], duration: number): void;
}

/** The registry that a path names. */
export const registryOf = (path: string): string => /^\/v1\/([^/]*)/.exec(canonicalPath(path))?.[1] ?? "";

export function createWatching(ctx: DurableObjectState, parts: WatchingParts): Watching {
  const { tickets, emit, standing, failures, dispatcher, isNamed, whenOpen } = parts;

  /** The registry behind a socket. @throws TesError why it is not open */
  const live = async (registry: string): Promise<Open> => {
    if (!isNamed(registry)) throw new TesError("registry_unknown");
    const opened = await whenOpen();
    if (opened instanceof TesError) throw opened;
    if (standing.delisted) throw new TesError("registry_unknown");
    return opened;
  };

  /** The bump of a socket, by way of the very route that HTTP takes. */
  const bump = async (open: Open, { authority, authorization, key, body }: BumpAsk) => {
    const headers = { authorization, "content-type": JSON_TYPE, "idempotency-key": key };
    const path = pathOf.bump(parts.registry());
    const ask: Ask = { method: "POST", authority, path, query: "", headers, body, fault: null };
    const { receipt, changes } = JSON.parse(decodeUtf8((await dispatcher.run(open, ask, Date.now())).body));
    return { receipt, changes };
  };

  const sockets = createSockets(
    ctx,
    {
      tickets,
      emit,
      live,
      // What sockets hold is what `live` gave them.
      claimsOf: async (open, authorization, now) => (await claimsOf(open as Open, authorization, now))!,
      bump: (open, asked) => bump(open as Open, asked),
    },
    parts.wakeAt,
  );

  return {
    sockets,
    async upgrade(ask, request) {
      const registry = registryOf(ask.path);
      if (!isRegistryName(registry) || ask.path !== pathOf.watch(registry)) return null;
      if ((ctx.id.name ?? registry) !== registry || !isNamed(registry)) return null;
      const opened = await whenOpen();
      if (opened instanceof TesError || standing.delisted) return null;
      try {
        queryOf(ask.query, []);
        chooseSubprotocol(request.headers.get("sec-websocket-protocol"));
        const origin = request.headers.get("origin");
        return await sockets.accept(opened, { registry, authority: ask.authority, origin });
      } catch (thrown) {
        const { code, detail = "" } = failures.report(thrown);
        return { ...ask, fault: { code, detail } };
      }
    },
    written(statements, duration) {
      for (const statement of statements) {
        const { type, seq: index, by: actor } = statement;
        const ref = "entity" in statement ? statement.entity : undefined;
        emit("log", type, { registry: parts.registry(), ref, actor, index, duration });
        if (statement.type === "token.revoked") sockets.closeSocketsOf(statement.token);
      }
      sockets.grown();
    },
  };
}
