/** Reading a log in, and deriving its state again. */

import { type Bytes, toBase64, toHex, utf8 } from "../src/core/bytes.ts";
import { canonicalize } from "../src/core/canonical-json.ts";
import { signCheckpoint } from "../src/core/checkpoint.ts";
import { contentDigest } from "../src/core/digest.ts";
import { createSha256, sha256 } from "../src/core/hash.ts";
import { deriveEd25519, importEd25519Seed, symmetricKid } from "../src/core/keys.ts";
import { MAX_EXPORT_PAGE_BYTES } from "../src/core/limits.ts";
import { appendLeaf, EMPTY_FRONTIER, frontierRoot, leafHash } from "../src/core/merkle.ts";
import { Secret } from "../src/core/secret.ts";
import { defaultOrigin } from "../src/protocol/ids.ts";
import { MEDIA_TYPES } from "../src/protocol/paths.ts";
import { startBenchAuthority } from "./authority.ts";
import type { Bench, Line } from "./bench.ts";
import { cpuSeconds } from "./cpu.ts";
import { bumpText, declarationAt1, LOG_BEGIN } from "./log.ts";
import { figure, spreadOf, withSpread } from "./statistics.ts";

const REGISTRY = "default";
const STATEMENTS = 50_000;
const STATEMENTS_QUICK = 10_000;
const ROUNDS = 5;
const ROUNDS_QUICK = 1;
const MIN_RATE = 20_000;

/** An export of a log that an authority with this master key could have written, in parts of one request each. */
async function makeExport(master: Secret<Bytes>, statements: number): Promise<string[]> {
  const log = await deriveEd25519(master, "log-ed25519", REGISTRY);
  const response = await deriveEd25519(master, "response-ed25519", REGISTRY);
  const recovery = await importEd25519Seed(new Secret(sha256(utf8("tes bench recovery key"))));
  const origin = defaultOrigin(REGISTRY);
  const genesis = canonicalize({
    at: LOG_BEGIN,
    by: "genesis",
    keys: {
      "log-ed25519": { kid: log.kid, x: log.x },
      "response-ed25519": { kid: response.kid, x: response.x },
      "response-hmac": { kid: await symmetricKid(master, "response-hmac", REGISTRY) },
      "token-hs256": { kid: await symmetricKid(master, "token-hs256", REGISTRY) },
    },
    origin,
    recovery: { kid: recovery.kid, x: recovery.x },
    registry: REGISTRY,
    seq: 0,
    type: "registry.genesis",
    v: 1,
    visibility: "public",
  });
  const bodies = [genesis, canonicalize(declarationAt1())];
  for (let seq = bodies.length; seq < statements; seq++) bodies.push(bumpText(seq));
  const tree = bodies.reduce((frontier, body) => appendLeaf(frontier, leafHash(utf8(body))), EMPTY_FRONTIER);
  const root = frontierRoot(tree);
  const checkpoint = await signCheckpoint({ origin, size: statements, root }, log);
  const header = JSON.stringify({
    tes: "export-v1",
    registry: REGISTRY,
    origin,
    genesis: toHex(leafHash(utf8(genesis))),
    size: statements,
    root: toBase64(root),
    checkpoint,
  });
  return partsOf([header, ...bodies]);
}

/** As the client sends them: whole lines, as many as a request takes. All of it is ASCII. */
function partsOf(lines: readonly string[]): string[] {
  const hash = createSha256();
  const parts = [""];
  for (const line of lines) {
    hash.update(utf8(`${line}\n`));
    if (parts.at(-1)!.length + line.length + 1 > MAX_EXPORT_PAGE_BYTES) parts.push("");
    parts[parts.length - 1] += `${line}\n`;
  }
  parts.push(`${JSON.stringify({ end: hash.hex() })}\n`);
  return parts;
}

interface Timed {
  /** Statements for a second of workerd's CPU time. */
  readonly perCpuSecond: number;
  readonly perSecond: number;
}

export const transfer: Bench = {
  name: "transfer",
  title: "Import and rebuild",
  method:
    "Statements for each second of CPU time of the workerd process: an export read in over HTTP into an authority that has nothing, with every leaf, the root and the checkpoint checked, then its state derived anew from the log. One entity, bumps with idempotency keys.",
  async run({ effort, note, worker }) {
    const statements = effort.quick ? STATEMENTS_QUICK : STATEMENTS;
    const imports: Timed[] = [];
    const rebuilds: Timed[] = [];
    let parts: string[] | undefined;
    for (let round = 0; round < (effort.quick ? ROUNDS_QUICK : ROUNDS); round++) {
      note(`transfer, round ${round + 1}`);
      await using target = await startBenchAuthority({ worker });
      const { ask, authority, master } = target;
      parts ??= await makeExport(master, statements);
      const timed = async (work: () => Promise<void>): Promise<Timed> => {
        const [cpu, begun] = [cpuSeconds(authority.workerdPid), performance.now()];
        await work();
        return {
          perCpuSecond: statements / (cpuSeconds(authority.workerdPid) - cpu),
          perSecond: (1_000 * statements) / (performance.now() - begun),
        };
      };
      const sendAll = async (): Promise<void> => {
        let answer = "";
        for (const body of parts!) {
          const headers = { "content-type": MEDIA_TYPES.lines, "content-digest": contentDigest(utf8(body)) };
          answer = await ask(`/v1/${REGISTRY}/import`, { method: "POST", headers, body });
        }
        if (!answer.includes('"done":true')) throw new Error(`the import did not end: ${answer}`);
      };
      imports.push(await timed(sendAll));
      const rebuild = async (): Promise<void> => {
        const headers = { "content-type": MEDIA_TYPES.json };
        await ask(`/v1/${REGISTRY}/rebuild`, { method: "POST", headers, body: "{}" });
      };
      rebuilds.push(await timed(rebuild));
    }
    return [lineOf("import", imports, statements), lineOf("rebuild", rebuilds, statements)];
  },
};

function lineOf(what: string, timed: readonly Timed[], statements: number): Line {
  const rate = spreadOf(timed.map(({ perCpuSecond }) => perCpuSecond));
  const wall = spreadOf(timed.map(({ perSecond }) => perSecond)).median;
  return {
    what: `${what}, ${figure(statements)} statements`,
    value: `${withSpread(rate)} for each second of CPU`,
    aim: `≥ ${figure(MIN_RATE)}`,
    met: rate.median >= MIN_RATE,
    beside: `${figure(wall)} a second of wall time`,
  };
}
