/** The data directory of an authority on one machine, and the key files in it. */

import { randomBytes } from "node:crypto";
import { chmod, link, mkdir, open, readFile, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { type Bytes, toHex } from "../../core/bytes.ts";
import { TesError } from "../../core/errors.ts";
import { importEd25519Seed, parseMasterKey } from "../../core/keys.ts";
import { Secret } from "../../core/secret.ts";

/** Where things lie in a data directory. All paths are absolute. */
export interface DataPaths {
  readonly root: string;
  /** The Durable Objects' SQLite files: the registries themselves. */
  readonly objects: string;
  /** Files of releases. */
  readonly artifacts: string;
  /** What a start writes anew: workerd's configuration and the bundled Workers. */
  readonly run: string;
  readonly lock: string;
  /** Master key, 0600. */
  readonly signingKey: string;
  /** Seed of the recovery key, 0600, to be moved offline. */
  readonly recoveryKey: string;
  /** Public half of the recovery key, base64url. */
  readonly recoveryPublic: string;
  /** A token for this authority's own operator, 0600. */
  readonly adminToken: string;
  /** What clients on this machine have proved of this authority. */
  readonly pins: string;
}

const PRIVATE_DIR = 0o700;
const PRIVATE_FILE = 0o600;
const READABLE_FILE = 0o644;
/** The directory usually lies in a checkout, and nothing of it belongs into git, keys least of all. */
const IGNORE_ALL = "# Keys and data of an authority. None of it belongs into git.\n*\n";
/** A key file is 65 bytes; whatever is longer is not read whole only to be refused. */
const MAX_KEY_FILE_BYTES = 1_024;

export function dataPaths(dataDir: string): DataPaths {
  const root = resolve(dataDir);
  return {
    root,
    objects: join(root, "do"),
    artifacts: join(root, "artifacts"),
    run: join(root, "run"),
    lock: join(root, "lock"),
    signingKey: join(root, "signing.key"),
    recoveryKey: join(root, "recovery.key"),
    recoveryPublic: join(root, "recovery.pub"),
    adminToken: join(root, "admin.token"),
    pins: join(root, "pins"),
  };
}

/**
 * Makes the directories that are missing, for their owner only. What is there stays as it is.
 *
 * @throws {TesError} `file_unwritable`
 */
export async function prepareDataDir(dataDir: string): Promise<DataPaths> {
  const paths = dataPaths(dataDir);
  try {
    for (const path of [paths.root, paths.objects, paths.artifacts, paths.run]) {
      await mkdir(path, { recursive: true, mode: PRIVATE_DIR });
    }
    await writeFile(join(paths.root, ".gitignore"), IGNORE_ALL, { flag: "wx" }).catch((thrown: unknown) => {
      if (codeOf(thrown) !== "EEXIST") throw thrown;
    });
  } catch (cause) {
    throw new TesError("file_unwritable", { detail: `${paths.root}: ${reasonOf(cause)}`, cause });
  }
  return paths;
}

/**
 * Creates a file that did not exist, with all of its content or not at all: it is written under another name and then
 * linked, since a link never replaces anything. So of two processes one wins, and no kill leaves half a key.
 *
 * @throws {TesError} `file_exists`, `file_unwritable`
 */
export async function createExclusive(path: string, text: string, mode: number): Promise<void> {
  const draft = join(dirname(path), `.${randomBytes(8).toString("hex")}.draft`);
  try {
    const file = await open(draft, "wx", mode);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    // open's mode passes through the umask, which may only have taken bits away; a public file gets its own back.
    await chmod(draft, mode);
    await link(draft, path);
  } catch (cause) {
    if (codeOf(cause) === "EEXIST") throw new TesError("file_exists", { detail: path, cause });
    throw new TesError("file_unwritable", { detail: `${path}: ${reasonOf(cause)}`, cause });
  } finally {
    await rm(draft, { force: true });
  }
}

/**
 * Writes a key to a file of its own: 64 hexadecimal characters and a newline, created exclusively, mode 0600.
 *
 * @throws {TesError} `file_exists`, `file_unwritable`
 */
export function createKeyFile(path: string, key: Secret<string>): Promise<void> {
  return createExclusive(path, `${key.reveal()}\n`, PRIVATE_FILE);
}

/**
 * Reads a key file: one line of 64 hexadecimal characters. The newline that ends it is dropped, nothing else.
 *
 * @throws {TesError} `file_unreadable`, `key_format`, `key_public`
 */
export async function readKeyFile(path: string): Promise<Secret<Bytes>> {
  const text = new Secret((await readSmallFile(path, MAX_KEY_FILE_BYTES)).replace(/\r?\n$/, ""));
  try {
    return parseMasterKey(text.reveal());
  } catch (thrown) {
    if (!(thrown instanceof TesError)) throw thrown;
    throw new TesError(thrown.code, { detail: `${path}: ${thrown.detail ?? "refused."}`, cause: thrown });
  }
}

/** Whether others than its owner may read a file, in words; null when not, or when there is none. */
export async function looseMode(path: string): Promise<string | null> {
  const mode = await stat(path).then(
    (info) => info.mode & 0o777,
    () => 0,
  );
  if ((mode & 0o077) === 0 || process.platform === "win32") return null;
  return `${path} can be read by others (mode ${mode.toString(8)}): chmod 600 it, and replace what is in it`;
}

/** The text form of a key, as the environment carries it. */
export function keyText(key: Secret<Bytes>): Secret<string> {
  return new Secret(toHex(key.reveal()));
}

/**
 * Makes the recovery key: its seed in recovery.key (0600) and its public half in recovery.pub.
 *
 * @returns the public half, as a genesis names it
 * @throws {TesError} `file_exists`, `file_unwritable`
 */
export async function createRecoveryKey(paths: DataPaths, seed: Secret<string>): Promise<{ kid: string; x: string }> {
  const { kid, x } = await importEd25519Seed(parseMasterKey(seed.reveal()));
  await createKeyFile(paths.recoveryKey, seed);
  await createExclusive(paths.recoveryPublic, `${x}\n`, READABLE_FILE);
  return { kid, x };
}

/**
 * The public half of the recovery key (base64url), or null when this directory knows none. A kill between the two
 * files of createRecoveryKey leaves the seed alone: then it is derived.
 */
export async function readRecoveryPublic(paths: DataPaths): Promise<string | null> {
  const x = await readIfPresent(paths.recoveryPublic);
  if (x !== null) return x.trim();
  if ((await readIfPresent(paths.recoveryKey)) === null) return null;
  return (await importEd25519Seed(await readKeyFile(paths.recoveryKey))).x;
}

/** The text of a key file or its like, or null when there is none. */
export async function readIfPresent(path: string, maxBytes: number = MAX_KEY_FILE_BYTES): Promise<string | null> {
  try {
    return await readSmallFile(path, maxBytes);
  } catch (thrown) {
    // ENOTDIR: what should be its directory is a file, of which whoever writes there will speak.
    if (thrown instanceof TesError && /^(ENOENT|ENOTDIR)$/.test(codeOf(thrown.cause) ?? "")) return null;
    throw thrown;
  }
}

/**
 * The text of a file of a known small kind.
 *
 * @throws {TesError} `file_unreadable`, also for one that is longer than `maxBytes`
 */
export async function readSmallFile(path: string, maxBytes: number): Promise<string> {
  const checked = (bytes: number) => {
    if (bytes > maxBytes) throw new Error(`it has ${bytes} bytes, and at most ${maxBytes} are read`);
  };
  try {
    // Looked at first, so that what is too large is not read; and again, since it may have grown.
    checked((await stat(path)).size);
    const bytes = await readFile(path);
    checked(bytes.length);
    return bytes.toString("utf8");
  } catch (cause) {
    throw new TesError("file_unreadable", { detail: `${path}: ${reasonOf(cause)}`, cause });
  }
}

/** The errno name of a system error, for example ENOENT. */
export function codeOf(thrown: unknown): string | undefined {
  return thrown instanceof Error && "code" in thrown && typeof thrown.code === "string" ? thrown.code : undefined;
}

/** Why a system call failed, without the path that the caller names anyway. */
export function reasonOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  return thrown.message.replace(/,? (?:open|mkdir|link|chmod|rename|copyfile) '.*$/, "");
}
