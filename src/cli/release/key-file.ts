/**
 * A publisher's key: a minisign secret key file on the publisher's own machine, locked by a passphrase. The real minisign
 * signs with it, and its files are read here. The key is never sent anywhere.
 */

import { mkdir } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { type Command, Option } from "commander";
import { type Bytes, utf8 } from "../../core/bytes.ts";
import { ED25519_KEY_BYTES } from "../../core/ed25519.ts";
import { TesError } from "../../core/errors.ts";
import { type Ed25519Pair, importEd25519Seed } from "../../core/keys.ts";
import { MINISIGN_ID_BYTES, renderMinisignKey } from "../../core/minisign.ts";
import { type MinisignSecret, parseMinisignSecret, renderMinisignSecret } from "../../core/minisign-secret.ts";
import { Secret } from "../../core/secret.ts";
import { createExclusive, looseMode, readIfPresent, readSmallFile, reasonOf } from "../local/data.ts";
import { type CommandIo, printNote } from "../output.ts";
import { askNewPassphrase, askPassphrase, canAsk, givenPassphrases, type PassphraseOptions } from "./passphrase.ts";
import { platformScrypt } from "./scrypt.ts";

/** Two lines: a comment and some 212 characters. */
const MAX_KEY_FILE_BYTES = 4_096;
const SALT_BYTES = 32;
const PRIVATE_FILE = 0o600;
const READABLE_FILE = 0o644;
export const KEY_VARIABLE = "TES_PUBLISHER_KEY";

export interface KeyOptions extends PassphraseOptions {
  readonly key?: readonly string[];
  /** False: a key without a passphrase was asked for. */
  readonly passphrase?: boolean;
}

/** A publisher who can sign. */
export interface PublisherKey extends Ed25519Pair {
  /** The 8 bytes by which minisign names the key. */
  readonly minisignId: Bytes;
  /** The public key as minisign writes it. */
  readonly minisignKey: string;
}

/** Adds the options to a command. */
export function withKeyOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--key <file>", `publisher's key; repeatable (default: $${KEY_VARIABLE}, or the user's)`).argParser(
        collect,
      ),
    )
    .addOption(
      new Option(
        "--passphrase-file <file>",
        "file with its passphrase; repeatable (default: $TES_PUBLISHER_PASSPHRASE)",
      ).argParser(collect),
    );
}

function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

/** Where the key of this user lies unless another is named (XDG Base Directory Specification 0.8). */
export function defaultKeyPath(io: CommandIo): string {
  const named = io.env[KEY_VARIABLE];
  if (named !== undefined && named !== "") return resolve(io.cwd, named);
  return join(io.env.XDG_CONFIG_HOME || join(io.env.HOME ?? homedir(), ".config"), "tes", "publisher.key");
}

function pathsOf(io: CommandIo, { key }: KeyOptions): string[] {
  return key === undefined ? [defaultKeyPath(io)] : [...new Set(key.map((path) => resolve(io.cwd, path)))];
}

function onlyPath(io: CommandIo, options: KeyOptions): string {
  const [path, ...others] = pathsOf(io, options);
  if (others.length > 0) throw new TesError("usage", { detail: "This takes one --key." });
  return path!;
}

export interface EnsuredKey {
  readonly key: PublisherKey;
  readonly path: string;
  /** Whether it was made now. */
  readonly made: boolean;
}

/**
 * The key of a file, which is made where there is none: exclusively, mode 0600, with its public half in FILE.pub.
 *
 * @throws {TesError} `input_missing`, `passphrase_wrong`, `file_unwritable`, `key_file_invalid`
 */
export async function ensurePublisherKey(io: CommandIo, options: KeyOptions): Promise<EnsuredKey> {
  const path = onlyPath(io, options);
  if ((await readIfPresent(path, MAX_KEY_FILE_BYTES)) !== null) {
    return { key: await readPublisherKey(io, options), path, made: false };
  }
  const passphrase =
    options.passphrase === false
      ? null
      : ((await givenPassphrases(io, options))[0] ?? (await askNewPassphrase(io, path)));
  await mkdir(dirname(path), { recursive: true, mode: 0o700 }).catch((cause: unknown) => {
    throw new TesError("file_unwritable", { detail: `${dirname(path)}: ${reasonOf(cause)}`, cause });
  });
  const key = await createPublisherKey(path, passphrase);
  await writePublic(path, key);
  return { key, path, made: true };
}

/** The one key that is named, or the user's. @throws {TesError} `file_unreadable`, `passphrase_wrong` and the like */
export async function readPublisherKey(io: CommandIo, options: KeyOptions): Promise<PublisherKey> {
  return (await readPublisherKeys(io, { ...options, key: [onlyPath(io, options)] }))[0]!;
}

/**
 * All keys that are named. The passphrases that are given are tried for each; where none opens it, and somebody can be
 * asked, they are.
 *
 * @throws {TesError} `file_unreadable`, `key_file_invalid`, `input_missing`, `passphrase_wrong`
 */
export async function readPublisherKeys(io: CommandIo, options: KeyOptions): Promise<PublisherKey[]> {
  const given = await givenPassphrases(io, options);
  const keys: PublisherKey[] = [];
  for (const path of pathsOf(io, options)) {
    const loose = await looseMode(path);
    if (loose !== null) printNote(io, loose);
    const key = await openKeyFile(path, given, io);
    if (keys.some(({ kid }) => kid === key.kid)) throw new TesError("usage", { detail: `${path} holds a key twice.` });
    keys.push(key);
  }
  return keys;
}

/**
 * Makes a key in a new file.
 *
 * @param passphrase null: not locked, as was asked for
 * @throws {TesError} `file_exists`, `file_unwritable`
 */
async function createPublisherKey(path: string, passphrase: Secret<string> | null): Promise<PublisherKey> {
  const random = (bytes: number): Bytes => crypto.getRandomValues(new Uint8Array(bytes));
  const seed = new Secret(random(ED25519_KEY_BYTES));
  const { raw } = await importEd25519Seed(seed);
  const lock =
    passphrase === null ? null : { passphrase: bytesOf(passphrase), salt: random(SALT_BYTES), scrypt: platformScrypt };
  const secret = { id: random(MINISIGN_ID_BYTES), seed, publicKey: raw };
  await createExclusive(path, (await renderMinisignSecret(secret, lock)).reveal(), PRIVATE_FILE);
  return keyOf(secret);
}

/** The public half beside it, for others. One that is there already is of an earlier key, and stays. */
async function writePublic(path: string, { minisignKey }: PublisherKey): Promise<void> {
  await createExclusive(`${path}.pub`, minisignKey, READABLE_FILE).catch((thrown: unknown) => {
    if (!(thrown instanceof TesError) || thrown.code !== "file_exists") throw thrown;
  });
}

/**
 * Opens a key file with the first passphrase that fits, or the one that a person types.
 *
 * @throws {TesError} `file_unreadable`, `key_file_invalid`, `passphrase_wrong`, `input_missing`
 */
async function openKeyFile(path: string, passphrases: readonly Secret<string>[], io: CommandIo): Promise<PublisherKey> {
  const within = (thrown: unknown): unknown => {
    if (!(thrown instanceof TesError) || !/^(key_file_invalid|passphrase_wrong)$/.test(thrown.code)) return thrown;
    return new TesError(thrown.code, { detail: `${path}: ${thrown.detail ?? "no."}`, cause: thrown });
  };
  try {
    const file = parseMinisignSecret(new Secret(await readSmallFile(path, MAX_KEY_FILE_BYTES)));
    if (!file.locked) return await keyOf(await file.open(null, platformScrypt));
    for (const passphrase of passphrases) {
      const opened = await file.open(bytesOf(passphrase), platformScrypt).catch((thrown: unknown) => {
        if (thrown instanceof TesError && thrown.code === "passphrase_wrong") return null;
        throw thrown;
      });
      if (opened !== null) return await keyOf(opened);
    }
    if (passphrases.length > 0 && !canAsk(io)) {
      throw new TesError("passphrase_wrong", { detail: "None of those given opens it." });
    }
    return await keyOf(await file.open(bytesOf(await askPassphrase(io, path)), platformScrypt));
  } catch (thrown) {
    throw within(thrown);
  }
}

async function keyOf({ id, seed }: MinisignSecret): Promise<PublisherKey> {
  const pair = await importEd25519Seed(seed);
  return { ...pair, minisignId: id, minisignKey: renderMinisignKey({ id, publicKey: pair.raw }) };
}

const bytesOf = (passphrase: Secret<string>): Secret<Bytes> => new Secret(utf8(passphrase.reveal()));
