/**
 * The write path on a log of any size, counted: `GET /fill/<size>` makes the log that long with rows of the same shape
 * as real ones, `GET /append/<times>` bumps as the writer does and says what that took.
 */

import { DurableObject } from "cloudflare:workers";
import { utf8 } from "../../src/core/bytes.ts";
import { sha256 } from "../../src/core/hash.ts";
import { importEd25519Seed } from "../../src/core/keys.ts";
import { leafHash } from "../../src/core/merkle.ts";
import { Secret } from "../../src/core/secret.ts";
import { type Command, declareCommands } from "../../src/registry/decide.ts";
import type { EntityRow } from "../../src/registry/rows.ts";
import { type Ledger, loadTree, openLedger } from "../../src/worker/ledger.ts";
import { openStore } from "../../src/worker/store.ts";
import { bumpText, idempotencyAt, LOG_BEGIN, LOG_ENTITY, versionAt } from "../log.ts";
import { hashed } from "./counted-sha2.ts";

const REGISTRY = "default";
const BUMP: Command = { kind: "bump", request: { entity: LOG_ENTITY, scope: "patch" } };

interface Env {
  OBJECT: DurableObjectNamespace<BenchObject>;
}

/** What one step took, summed. */
interface Count {
  read: number;
  written: number;
  hashes: number;
  hashedBytes: number;
}

const nothing = (): Count => ({ read: 0, written: 0, hashes: 0, hashedBytes: 0 });

export class BenchObject extends DurableObject<Env> {
  readonly #store = openStore(this.ctx.storage);

  #count<T>(count: Count, work: () => T): T {
    const { counts } = this.#store;
    const before = { ...counts, ...hashed };
    const result = work();
    count.read += counts.read - before.read;
    count.written += counts.written - before.written;
    count.hashes += hashed.calls - before.calls;
    count.hashedBytes += hashed.bytes - before.bytes;
    return result;
  }

  #open(): Ledger {
    return openLedger(this.#store, REGISTRY, LOG_BEGIN);
  }

  async #begin(): Promise<void> {
    const ledger = this.#open();
    if (ledger.size > 0) return;
    const { x, kid } = await importEd25519Seed(new Secret(sha256(utf8("tes bench log"))));
    const name = { kid: "0".repeat(16) };
    const keys = {
      "log-ed25519": { kid, x },
      "response-ed25519": { kid, x },
      "response-hmac": name,
      "token-hs256": name,
    };
    const genesis: Command = {
      kind: "genesis",
      visibility: "public",
      origin: "tes.local/default",
      keys,
      recovery: { kid, x },
    };
    ledger.append({ commands: [genesis], by: "bench", now: LOG_BEGIN });
    ledger.append({ commands: declareCommands({ entities: [{ entity: LOG_ENTITY }] }), by: "bench", now: LOG_BEGIN });
  }

  /** Goes on to `size`; every row of a bump is written, only nothing is decided. */
  async fill(size: number): Promise<number> {
    await this.#begin();
    const store = this.#store;
    const ledger = this.#open();
    const row = ledger.rows.entity(LOG_ENTITY)!;
    const tree = loadTree(store, ledger.size);
    store.transaction(() => {
      const touched: EntityRow[] = [];
      for (let seq = tree.size; seq < size; seq++) {
        const body = bumpText(seq);
        const leaf = leafHash(utf8(body));
        const { key, request } = idempotencyAt(seq);
        const staged = tree.stage(leaf);
        store.insert({ seq, leaf, body, idem: key, request });
        for (const tile of staged.sealed) store.insertTile(tile);
        touched.push({ ...row, version: versionAt(seq - 1), seq, at: LOG_BEGIN + seq });
        staged.commit();
      }
      store.touchAll(touched);
      const last = size - 1;
      const value = { ...row, version: versionAt(last - 1), seq: last, at: LOG_BEGIN + last };
      if (last > row.seq) store.patch({ table: "entity", key: LOG_ENTITY, value });
    });
    return this.#open().size;
  }

  /** One write a turn, as a lone writer's: looked up, appended, then its proof and the root that gets signed. */
  appendEach(times: number): { readonly append: Count; readonly proof: Count } {
    const [append, proof] = [nothing(), nothing()];
    const ledger = this.#open();
    for (let i = 0; i < times; i++) {
      const idempotency = idempotencyAt(ledger.size);
      const write = { commands: [BUMP], by: "bench", now: LOG_BEGIN + ledger.size, idempotency };
      const [statement] = this.#count(append, () => {
        if (ledger.earlier(idempotency) !== undefined) throw new Error("no write comes twice");
        return ledger.append(write);
      });
      this.#count(proof, () => [ledger.inclusion(statement!.seq), ledger.root()]);
    }
    return { append, proof };
  }
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const [, verb, number] = /^\/(fill|append)\/(\d+)$/.exec(new URL(request.url).pathname) ?? [];
    if (verb === undefined) return new Response("ready");
    const object = env.OBJECT.get(env.OBJECT.idFromName("bench"));
    const count = Number(number);
    try {
      return Response.json(await (verb === "fill" ? object.fill(count) : object.appendEach(count)));
    } catch (thrown) {
      return new Response(thrown instanceof Error ? `${thrown.stack} ${thrown.cause}` : String(thrown), {
        status: 500,
      });
    }
  },
};
