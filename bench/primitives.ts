/** Signatures and keys, beside what else does the same. */

import { declareEntity, ENTITY, startBenchAuthority } from "./authority.ts";
import type { Bench, BenchContext, Line } from "./bench.ts";
import { openLoad } from "./load.ts";
import { figure } from "./statistics.ts";
import { lines, measure, type Subject } from "./turns.ts";
import { bump, get, nonceRead } from "./wire.ts";
import { type BenchWorker, startBenchWorker } from "./workerd.ts";

/** Operations behind one request: enough that HTTP costs next to nothing. */
const PER_REQUEST = 1_000;
const MIXED_SECONDS = 3;
const MIXED_CONNECTIONS = 32;
const MIN_HIT_SHARE = 0.95;

/** The first of the operations is the baseline of the others. */
async function compare(
  { pid, port }: BenchWorker,
  { effort, note }: BenchContext,
  operations: readonly (readonly [path: string, name: string])[],
): Promise<Line[]> {
  note(operations.map(([path]) => path).join(", "));
  const subjects: Subject[] = operations.map(([path, name]) => ({
    name,
    pid,
    port,
    connections: 1,
    status: 200,
    perRequest: PER_REQUEST,
    request: () => get(port, `/${path}/${PER_REQUEST}`),
  }));
  return lines(subjects, await measure(subjects, effort));
}

export const signatures: Bench = {
  name: "signatures",
  title: "HTTP signatures",
  method:
    "One Ed25519 signature of an answer over the same components, made and checked in workerd by `src/core/http-signatures.ts` and by two npm packages, all with the same WebCrypto key. A share above 1 is a package that costs less than ours.",
  async run(context) {
    await using worker = await startBenchWorker({ entry: "primitives.ts" });
    const found: Line[] = [];
    for (const verb of ["sign", "verify"]) {
      const names = ["tes", "http-message-signatures", "http-message-sig"];
      const rows = names.map((name) => [`${verb}/${name}`, `${verb}: ${name}`] as const);
      found.push(...(await compare(worker, context, rows)));
    }
    return found;
  },
};

export const keys: Bench = {
  name: "keys",
  title: "Keys",
  method:
    "In workerd. A master key is 32 random bytes in hexadecimal. Loading cold derives and imports all keys of a registry from the master key and compares them with the log's, against one bare `importKey`. HMAC with the derived key against bare `subtle.sign`, and with all of RFC 9421 around it. Cache hits as the authority's own metrics count them under reads, nonce reads, refusals and bumps.",
  async run(context) {
    const found: Line[] = [];
    {
      await using worker = await startBenchWorker({ entry: "primitives.ts" });
      found.push(
        ...(await compare(worker, context, [
          ["make/bare", "bare getRandomValues"],
          ["make/tes", "a master key made"],
        ])),
        ...(await compare(worker, context, [
          ["load/bare", "bare importKey"],
          ["load/tes", "keys loaded cold"],
        ])),
        ...(await compare(worker, context, [
          ["hmac/bare", "bare subtle.sign"],
          ["hmac/key", "HMAC with the derived key"],
          ["hmac/answer", "a whole answer under HMAC"],
        ])),
      );
    }
    return [...found, await cacheHits(context)];
  },
};

async function cacheHits({ effort, note, worker }: BenchContext): Promise<Line> {
  note("key cache under a mixed load");
  await using ours = await startBenchAuthority({ worker });
  await declareEntity(ours);
  const { port } = ours.authority;
  const path = `/v1/default/entities/${encodeURIComponent(ENTITY)}`;
  const kinds = [
    { status: 200, share: 12, request: () => get(port, path) },
    { status: 200, share: 8, request: () => nonceRead(port, path) },
    { status: 404, share: 4, request: () => get(port, "/v1/default/entities/component:none") },
    { status: 200, share: 8, request: () => bump(ours) },
  ];
  const loads = await Promise.all(
    kinds.map(({ status, share, request }) =>
      openLoad({ port, status, request, connections: (share * MIXED_CONNECTIONS) / 32 }),
    ),
  );
  for (const load of loads) load.start();
  await Bun.sleep(effort.quick ? 500 : MIXED_SECONDS * 1_000);
  for (const load of loads) await load.stop();
  const metrics = await ours.ask("/v1/default/metrics");
  const count = (result: string): number =>
    Number(new RegExp(`^tes_key_cache_total\\{[^}]*result="${result}"[^}]*\\} (\\d+)$`, "m").exec(metrics)?.[1]);
  const [hits, misses] = [count("hit"), count("miss")];
  const share = hits / (hits + misses);
  const answers = loads.map((load) => figure(load.answered)).join(", ");
  return {
    what: "key cache hits, mixed load",
    value: `${(100 * share).toFixed(2)} %`,
    aim: `≥ ${100 * MIN_HIT_SHARE} %`,
    met: share >= MIN_HIT_SHARE,
    beside: `${hits} hits, ${misses} misses; ${answers} hot reads, nonce reads, refusals, bumps`,
  };
}
