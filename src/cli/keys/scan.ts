/** Finds live keys where they must not stand: every string of 64 hexadecimal characters in a tree and its git history. */

import { lstat, readdir, readFile } from "node:fs/promises";
import { basename, join, relative, sep } from "node:path";
import { utf8 } from "../../core/bytes.ts";
import { TesError } from "../../core/errors.ts";
import { sha256Hex } from "../../core/hash.ts";
import { deriveEd25519, importEd25519Seed, isPublicKeyText, parseMasterKey, symmetricKid } from "../../core/keys.ts";
import { MAX_SCAN_FILE_BYTES } from "../../core/limits.ts";
import { type Environment, runGit } from "../git/run.ts";
import { findEntries, listObjects, readObjects } from "./git-objects.ts";

/** What a string turned out to be. `other` matches nothing that is known. */
export type KeyKind = "live" | "public" | "other";

export interface Sighting {
  readonly kind: KeyKind;
  /** `file:line`, `commit:path:line`, or `commit:line` for a commit's own message. */
  readonly where: string;
  /** The keyid that it derives to, for a live key. */
  readonly keyid?: string;
  /** A live key in a file that git ignores and nobody else may read: where a key belongs. */
  readonly kept?: true;
}

export interface ScanResult {
  readonly sightings: readonly Sighting[];
  readonly files: number;
  readonly objects: number;
  /** Left out: more than `MAX_SCAN_FILE_BYTES`, or binary. */
  readonly large: number;
  readonly binary: number;
  /** Whether there was a git history to look through. */
  readonly history: boolean;
}

export interface ScanOptions {
  readonly root: string;
  readonly env: Environment;
  /** Keyids of live keys, of any purpose that shows one. */
  readonly keyids: ReadonlySet<string>;
  readonly registries: readonly string[];
  readonly progress?: (done: number, total: number) => void;
}

const KEY = /(?<![0-9a-fA-F])[0-9a-fA-F]{64}(?![0-9a-fA-F])/g;
/** Never entered: another program's files, and git's own, which are read through git. */
const SKIPPED = new Set([".git", "node_modules"]);
/** git's own test for a binary file: a NUL among the first bytes. */
const BINARY_HEAD_BYTES = 8_000;

interface Hit {
  readonly text: string;
  readonly line: number;
}

export async function scanKeys(options: ScanOptions): Promise<ScanResult> {
  const judge = createJudge(options);
  const sightings: Sighting[] = [];
  const counts = { large: 0, binary: 0 };
  const hitsIn = (bytes: Buffer): Hit[] => {
    if (bytes.subarray(0, BINARY_HEAD_BYTES).includes(0)) {
      counts.binary++;
      return [];
    }
    return findHits(bytes.toString("latin1"));
  };
  const history = await hasHistory(options);
  const tracked = history ? await trackedFiles(options) : null;
  let files = 0;
  for await (const path of walk(options.root)) {
    const info = await lstat(path);
    if (info.size > MAX_SCAN_FILE_BYTES) {
      counts.large++;
      continue;
    }
    files++;
    const shown = relative(options.root, path).split(sep).join("/") || basename(path);
    for (const hit of hitsIn(await readFile(path))) {
      const found = await judge(hit.text);
      const kept = found.kind === "live" && tracked !== null && !tracked.has(shown) && (info.mode & 0o077) === 0;
      sightings.push({ ...found, where: `${shown}:${hit.line}`, ...(kept ? { kept: true } : {}) });
    }
  }
  let objects = 0;
  if (history) {
    const { ids, large } = await listObjects(options.root, options.env);
    counts.large += large;
    const inBlobs: { id: string; line: number; found: Omit<Sighting, "where"> }[] = [];
    for await (const object of readObjects(options.root, options.env, ids)) {
      objects++;
      options.progress?.(objects, ids.length);
      for (const { text, line } of object.type === "blob" ? hitsIn(object.bytes) : messageHits(object.bytes)) {
        const found = await judge(text);
        if (object.type === "blob") inBlobs.push({ id: object.id, line, found });
        else sightings.push({ ...found, where: `${object.type} ${object.id}:${line}` });
      }
    }
    const entries =
      inBlobs.length === 0
        ? new Map()
        : await findEntries(options.root, options.env, new Set(inBlobs.map(({ id }) => id)));
    for (const { id, line, found } of inBlobs) {
      const entered = entries.get(id);
      sightings.push({
        ...found,
        where: entered === undefined ? `unreachable object ${id}:${line}` : `${entered.commit}:${entered.path}:${line}`,
      });
    }
  }
  return { sightings, files, objects, ...counts, history };
}

function findHits(text: string): Hit[] {
  const hits: Hit[] = [];
  let line = 1;
  let at = 0;
  for (const match of text.matchAll(KEY)) {
    for (let next = text.indexOf("\n", at); next >= 0 && next < match.index; next = text.indexOf("\n", at)) {
      line++;
      at = next + 1;
    }
    hits.push({ text: match[0], line });
  }
  return hits;
}

/** Only the message: the header of a commit in a SHA-256 repository is full of 64 hexadecimal characters. */
function messageHits(bytes: Buffer): Hit[] {
  const text = bytes.toString("latin1");
  const start = text.indexOf("\n\n");
  return start < 0 ? [] : findHits(text.slice(start + 2));
}

/** Tells what a string is. Each is derived once; what is remembered is its hash. */
function createJudge({ keyids, registries }: ScanOptions): (text: string) => Promise<Omit<Sighting, "where">> {
  const known = new Map<string, Promise<Omit<Sighting, "where">>>();
  return (text) => {
    const hash = sha256Hex(utf8(text.toLowerCase()));
    let verdict = known.get(hash);
    if (verdict === undefined) {
      verdict = judgeKey(text, keyids, registries);
      known.set(hash, verdict);
    }
    return verdict;
  };
}

async function judgeKey(
  text: string,
  keyids: ReadonlySet<string>,
  registries: readonly string[],
): Promise<Omit<Sighting, "where">> {
  if (isPublicKeyText(text)) return { kind: "public" };
  if (keyids.size === 0) return { kind: "other" };
  for await (const keyid of keyidsOf(text, registries, keyids)) if (keyids.has(keyid)) return { kind: "live", keyid };
  return { kind: "other" };
}

/** The keyids that a text leads to, cheapest first. Symmetric ones have 16 characters, those of public keys 43. */
async function* keyidsOf(
  text: string,
  registries: readonly string[],
  asked: ReadonlySet<string>,
): AsyncGenerator<string> {
  const master = parseMasterKey(text);
  const lengths = new Set([...asked].map(({ length }) => length));
  for (const registry of registries) {
    if (lengths.has(16))
      for (const purpose of ["response-hmac", "token-hs256"] as const) yield symmetricKid(master, purpose, registry);
    if (lengths.has(43)) {
      for (const purpose of ["response-ed25519", "log-ed25519"] as const)
        yield (await deriveEd25519(master, purpose, registry)).kid;
    }
  }
  // A recovery key is a seed, and derives nothing.
  if (lengths.has(43)) yield (await importEd25519Seed(master)).kid;
}

/** The keyids of a key at hand, so that it is found wherever it stands. */
export async function keyidsOfMaster(
  master: ReturnType<typeof parseMasterKey>,
  registries: readonly string[],
): Promise<string[]> {
  return Promise.all(registries.map((registry) => symmetricKid(master, "response-hmac", registry)));
}

async function hasHistory({ root, env }: ScanOptions): Promise<boolean> {
  if (!(await lstat(root)).isDirectory()) return false;
  try {
    await runGit(root, env, ["rev-parse", "--git-dir"]);
    return true;
  } catch (thrown) {
    if (thrown instanceof TesError && (thrown.code === "git_unknown" || thrown.code === "git_failed")) return false;
    throw thrown;
  }
}

/** What git would take: tracked, or neither tracked nor ignored. Paths from the root of the scan. */
async function trackedFiles({ root, env }: ScanOptions): Promise<Set<string>> {
  const { stdout } = await runGit(root, env, ["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
  return new Set(stdout.split("\0"));
}

async function* walk(path: string): AsyncGenerator<string> {
  const info = await lstat(path).catch((cause: unknown) => {
    throw new TesError("file_unreadable", { detail: path, cause });
  });
  if (info.isFile()) yield path;
  if (!info.isDirectory()) return;
  for (const name of (await readdir(path)).sort()) if (!SKIPPED.has(name)) yield* walk(join(path, name));
}
