/** Which authority a command speaks to, as whom, and what is believed about it. */

import { realpath } from "node:fs/promises";
import { resolve } from "node:path";
import { type Command, Option } from "commander";
import { createClient, type TesClient } from "../client/client.ts";
import type { Pin, PinStore } from "../client/pins.ts";
import { TesError } from "../core/errors.ts";
import type { Secret } from "../core/secret.ts";
import { DEFAULT_REGISTRY } from "../protocol/paths.ts";
import { type Checkout, findCheckout } from "./checkout.ts";
import { type DataPaths, dataPaths } from "./local/data.ts";
import { readLock } from "./local/lock.ts";
import { type CommandIo, printNote } from "./output.ts";
import { dataPins, localKey, userPins } from "./own-pins.ts";
import { filePins } from "./pins.ts";
import { checkedToken, isFor, readTokenFile } from "./tokens.ts";

export const DEFAULT_DATA = ".tes";

/** Options of every command that asks an authority. */
export interface ReachOptions {
  readonly url?: string;
  readonly registry?: string;
  readonly data: string;
  readonly genesis?: string;
  readonly trustFirst?: true;
  readonly tokenFile?: string;
  readonly pins?: string;
  readonly file?: string;
}

/** Adds the options to a command. */
export function withReach(command: Command): Command {
  return command
    .addOption(new Option("--url <url>", "the authority (default: $TES_URL, tes.registry.json, or the one in --data)"))
    .addOption(new Option("--registry <name>", "registry (default: the one in tes.registry.json, or default)"))
    .addOption(new Option("--data <dir>", "data directory of an authority on this machine").default(DEFAULT_DATA))
    .addOption(new Option("--genesis <hex>", "pinned genesis hash (default: $TES_PIN, or what was pinned before)"))
    .addOption(new Option("--trust-first", "take the genesis that comes first, and hold the authority to it"))
    .addOption(new Option("--token-file <file>", "token (default: $TES_TOKEN; without --url admin.token in --data)"))
    .addOption(new Option("--pins <dir>", "where proved sizes are kept (default: in --data, or the user's state)"))
    .addOption(new Option("--file <path>", "registry file (default: the nearest tes.registry.json)"));
}

/** Where the authority is and what is remembered of it. Nothing has been asked yet. */
export interface Located {
  /** Null for the authority of a data directory that does not run. */
  readonly url: string | null;
  /** Whether it is this machine's own, found by its data directory. */
  readonly local: boolean;
  /** Whether only a registry file that nobody named says so: it may have come with a download. Its pins are kept apart. */
  readonly unasked: boolean;
  readonly registry: string;
  readonly store: PinStore;
  readonly pinKey: string;
  /** The file that a pin of this authority was loaded from. */
  readonly fileOf: (pin: Pin) => string;
  readonly checkout: Checkout | null;
  readonly paths: DataPaths;
}

/** An authority within reach. */
export interface Reached extends Located {
  readonly client: TesClient;
  readonly url: string;
  /** The genesis hash that was taken on first use in this run, if one was. */
  readonly firstTrust: () => string | null;
}

/**
 * Finds the authority and the pins that the options, the environment, the checkout and the data directory lead to, in
 * this order.
 *
 * @throws {TesError} what reading the registry file throws
 */
export async function locate(io: CommandIo, options: ReachOptions): Promise<Located> {
  const checkout = await findCheckout(io.cwd, options.file);
  const registry = options.registry ?? checkout?.file.registry ?? DEFAULT_REGISTRY;
  const named = options.url ?? io.env.TES_URL ?? checkout?.file.authority?.url;
  const paths = dataPaths(resolve(io.cwd, options.data));
  const local = named === undefined;
  const pinned = options.pins ?? io.env.TES_PINS;
  const files = pinned !== undefined ? filePins(resolve(io.cwd, pinned)) : local ? filePins(paths.pins) : userPins(io);
  const store = local ? dataPins(io, paths, files) : files;
  const key = local ? localKey(registry) : `${new URL(named).origin}/${registry}`;
  const isAsked = options.url !== undefined || io.env.TES_URL !== undefined || options.file !== undefined;
  // A contact that a registry file led to, which may have come with a download, must not look like one of this user's.
  const unasked = !local && !isAsked && (await files.load(key)) === undefined;
  const pinKey = unasked ? `${key}@${await realpath(checkout!.path).catch(() => checkout!.path)}` : key;
  const fileOf = (pin: Pin) => files.fileOf(pinKey, pin);
  return { url: named ?? (await runningUrl(paths)), local, unasked, registry, store, pinKey, fileOf, checkout, paths };
}

/**
 * The same, with a client that speaks to it.
 *
 * @throws {TesError} `authority_unreachable` when nothing says where it is; what reading a token throws
 */
export async function reach(io: CommandIo, options: ReachOptions): Promise<Reached> {
  const located = await locate(io, options);
  const { url, local, registry, store, pinKey, paths, checkout } = located;
  if (url === null) {
    throw new TesError("authority_unreachable", {
      detail: `No URL is given (--url, $TES_URL, tes.registry.json), and no authority runs on ${paths.root}.`,
    });
  }
  let first: string | null = null;
  const client = createClient({
    url,
    registry,
    store,
    pinKey,
    genesis: options.genesis ?? io.env.TES_PIN ?? (local ? undefined : checkout?.file.authority?.genesis),
    // Who can write to the data directory is the operator already.
    trustFirst: options.trustFirst === true || local,
    onFirstTrust: (genesis) => {
      first = genesis;
      if (!local) printNote(io, `trusted on first use, compare it with what its operator publishes: ${genesis}`);
    },
    token: await findToken(io, options, local ? paths.adminToken : null, registry),
    now: io.now,
  });
  return { ...located, url, client, firstTrust: () => first };
}

async function runningUrl(paths: DataPaths): Promise<string | null> {
  const lock = await readLock(paths);
  const url = lock?.running === true ? lock.record.url : undefined;
  // tes serve listens on loopback alone: a lock that names another place was made by somebody else.
  return url !== undefined && URL.canParse(url) && new URL(url).hostname === "127.0.0.1" ? url : null;
}

/**
 * The token that the options, the environment or a data directory hold; undefined when there is none.
 *
 * @param own the file of this machine's own authority, or null when it is another's
 * @param registry what the token is for: one on file for another registry is passed over, one that was named is not
 * @throws {TesError} `file_unreadable`, `token_invalid`
 */
export async function findToken(
  io: CommandIo,
  options: ReachOptions,
  own: string | null,
  registry: string,
): Promise<Secret<string> | undefined> {
  if (options.tokenFile !== undefined) return readTokenFile(resolve(io.cwd, options.tokenFile));
  const text = io.env.TES_TOKEN;
  if (text !== undefined && text !== "") return checkedToken(text, "$TES_TOKEN");
  if (own === null) return undefined;
  const token = await readTokenFile(own).catch((thrown: unknown) => {
    if (thrown instanceof TesError && thrown.code === "file_unreadable") return undefined;
    throw thrown;
  });
  return token !== undefined && isFor(token, registry) ? token : undefined;
}
