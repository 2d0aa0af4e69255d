/** An authority to be measured: our own Worker as `tes serve` runs it, on a scratch directory, with a key of its own. */

import { type Authority, startAuthority } from "../src/cli/local/workerd.ts";
import { mintToken } from "../src/cli/tokens.ts";
import type { Bytes } from "../src/core/bytes.ts";
import { utf8 } from "../src/core/bytes.ts";
import { sha256, sha256Hex } from "../src/core/hash.ts";
import { importEd25519Seed, parseMasterKey } from "../src/core/keys.ts";
import { Secret } from "../src/core/secret.ts";
import type { BenchContext } from "./bench.ts";
import { scratch } from "./workerd.ts";

export const ENTITY = "component:bench";

export interface BenchAuthority extends AsyncDisposable {
  readonly authority: Authority;
  /** Of the registry `default`, for everything. */
  readonly token: string;
  readonly master: Secret<Bytes>;
  /** Body of an answer. @throws unless its status is 200 */
  ask(path: string, init?: RequestInit): Promise<string>;
}

/** The key of every benched authority; it protects nothing. */
export const BENCH_KEY = sha256Hex(utf8("tes bench key"));

/** Settings of a benched authority beside its port. */
export async function benchEnv(): Promise<Record<string, string>> {
  const recovery = await importEd25519Seed(new Secret(sha256(utf8("tes bench recovery key"))));
  return {
    VERSION_SIGNING_KEY: BENCH_KEY,
    TES_RECOVERY_KEY: recovery.x,
    // Limits are not what is measured.
    TES_TOKEN_RATE: "off",
    TES_ADDRESS_RATE: "off",
  };
}

/** Starts one; its registry `default` opens with the first request. */
export async function startBenchAuthority({ worker }: Pick<BenchContext, "worker">): Promise<BenchAuthority> {
  const place = await scratch();
  const authority = await startAuthority({
    dataDir: place.dir,
    port: 0,
    env: await benchEnv(),
    workerEntry: worker,
    // One line for each statement is the Worker's way; what is no event is worth seeing here.
    log: (line) => {
      if (!line.startsWith('{"id":')) console.error(line);
    },
  });
  const master = parseMasterKey(BENCH_KEY);
  const minted = await mintToken(master, {
    registry: "default",
    scope: ["admin"],
    lifetimeSeconds: 3_600,
    now: Date.now(),
  });
  const token = minted.token.reveal();
  return {
    authority,
    token,
    master,
    async ask(path, init = {}) {
      const headers = { authorization: `Bearer ${token}`, ...init.headers };
      const answer = await fetch(`${authority.url}${path}`, { ...init, headers });
      const text = await answer.text();
      if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${text}`);
      return text;
    },
    async [Symbol.asyncDispose]() {
      await authority.stop();
      await place[Symbol.asyncDispose]();
    },
  };
}

/** Declares the entity that the benches read and bump. */
export async function declareEntity({ ask }: BenchAuthority): Promise<void> {
  await ask("/v1/default/entities", {
    method: "POST",
    headers: { "content-type": "application/json", "idempotency-key": "bench-declare" },
    body: JSON.stringify({ entities: [{ entity: ENTITY }] }),
  });
}
