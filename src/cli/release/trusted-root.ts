/** A trusted_root.json beside a release: whoever hands it to Sigstore's verifiers makes them believe all that it says. */

import { verifyKeys } from "../../client/trust.ts";
import { fromBase64Url } from "../../core/bytes.ts";
import { TesError } from "../../core/errors.ts";
import { type JsonValue, parseJson } from "../../core/json.ts";
import { logOf, type TransparencyLog, trustedRoot } from "../../core/sigstore.ts";
import { parseAnswer } from "../../protocol/answers.ts";
import { parseStatement } from "../../protocol/statements.ts";
import type { Anchor } from "./anchor.ts";
import { memberOf } from "./member.ts";

/** A log of the chain, and when its last entry came as far as that can be known. */
interface KnownLog {
  readonly log: Omit<TransparencyLog, "logId" | "until">;
  /** Milliseconds, the earliest and the latest; null: the key is in use. */
  readonly until: { readonly from: number; readonly to: number } | null;
}

/**
 * Holds a trusted_root.json against what the authority writes for this chain of keys: the same members with the same
 * values, and nothing else. protobuf's JSON has several spellings of everything, so each other spelling is refused too.
 *
 * When the time of a log ends that a restore has followed is known within limits only: it is the time of the last entry
 * before the restore, of which the keys have nothing. So it must lie between the announcement before and the restore
 * itself. Whether the registry has got further keys since the document was written cannot be known offline at all.
 *
 * @param keys the answer that the document has
 * @returns `old` for what the authority wrote before the registry had its last key: it sets those before no end
 * @throws {TesError} `signature_file_invalid`; `key_unknown` for a log that is not this registry's; what the keys throw
 */
export async function checkTrustedRoot(bytes: Uint8Array, keys: JsonValue, anchor: Anchor): Promise<"current" | "old"> {
  await verifyKeys(keys, anchor);
  const known = knownLogs(keys);
  const refuse = (detail: string, cause?: unknown) => new TesError("signature_file_invalid", { detail, cause });
  let root: JsonValue;
  try {
    root = parseJson(bytes);
  } catch (cause) {
    throw refuse("it is no JSON that means one thing", cause);
  }
  const named = memberOf(root, "tlogs");
  if (!Array.isArray(named) || named.length === 0) throw refuse("it names no log");
  const keyIn = (log: JsonValue | undefined) => memberOf(log, "publicKey", "rawBytes");
  const written = (logs: readonly KnownLog[]) =>
    trustedRoot(logs.map(({ log, until }, i) => logOf({ ...log, ...endOf(until, named[i]) })));
  const ours = new Set<unknown>(written(known).tlogs.map(({ publicKey }) => publicKey.rawBytes));
  if (named.some((log: JsonValue) => !ours.has(keyIn(log)))) {
    throw new TesError("key_unknown", { detail: "it names a log that is not this registry's" });
  }
  const differenceTo = (logs: readonly KnownLog[]) => differenceOf(root, written(logs) as unknown as JsonValue, "");
  const differs = differenceTo(known);
  if (differs === null) return "current";
  const isOld = known.some((_, i) => i > 0 && differenceTo(asOf(known, i)) === null);
  if (isOld) return "old";
  throw refuse(`${differs} is not what the authority writes for this registry's logs`);
}

function knownLogs(keys: JsonValue): KnownLog[] {
  const { genesis: json, announcements } = parseAnswer("keys", keys, "answer_malformed");
  const genesis = parseStatement(json);
  if (genesis.type !== "registry.genesis") throw new TesError("answer_malformed");
  const keyOf = ({ x }: { readonly x: string }) => fromBase64Url(x)!;
  const { at: from, origin } = genesis;
  let log = { origin, publicKey: keyOf(genesis.keys["log-ed25519"]), from };
  let before = from;
  const logs: KnownLog[] = [];
  for (const announcement of announcements) {
    const statement = parseStatement(parseAnswer("receipt", announcement, "answer_malformed").statement);
    const { at } = statement;
    if (statement.type === "registry.moved") {
      logs.push({ log, until: { from: at, to: at } });
      log = { ...log, publicKey: keyOf(statement.to.keys["log-ed25519"]) };
    } else if (statement.type === "registry.restored") {
      logs.push({ log, until: { from: before, to: at } });
      log = { origin: statement.origin, publicKey: keyOf(statement.keys["log-ed25519"]), from };
    }
    before = at;
  }
  return [...logs, { log, until: null }];
}

/** The first logs, as they were when the last of them was in use. */
function asOf(known: readonly KnownLog[], count: number): KnownLog[] {
  return known.slice(0, count).map(({ log, until }, i) => ({ log, until: i === count - 1 ? null : until }));
}

/** The end that a log names, when it lies within the limits; otherwise the earliest, from which it then differs. */
function endOf(until: KnownLog["until"], named: JsonValue | undefined): { readonly until?: number } {
  if (until === null) return {};
  const end = memberOf(named, "publicKey", "validFor", "end");
  const at = typeof end === "string" ? Date.parse(end) : Number.NaN;
  const second = (ms: number) => 1_000 * Math.floor(ms / 1_000);
  return { until: at >= second(until.from) && at <= until.to ? at : until.from };
}

/** JSON pointer of the first value that is not as expected, of which the leaves are texts; null when all are. */
function differenceOf(found: JsonValue | undefined, expected: JsonValue | undefined, at: string): string | null {
  const isTree = (json: JsonValue | undefined) => typeof json === "object" && json !== null;
  if (!isTree(found) || !isTree(expected) || Array.isArray(found) !== Array.isArray(expected)) {
    return found === expected ? null : at || "all of it";
  }
  const [here, there] = [found, expected] as Record<string, JsonValue>[];
  for (const name of new Set([...Object.keys(there!), ...Object.keys(here!)])) {
    const own = (of: Record<string, JsonValue>) => (Object.hasOwn(of, name) ? of[name] : undefined);
    const differs = differenceOf(own(here!), own(there!), `${at}/${name}`);
    if (differs !== null) return differs;
  }
  return null;
}
