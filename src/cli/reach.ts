/** Which authority a command speaks to, as whom, and what is believed about it. */

import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { type Command, Option } from "commander";
import { createClient, type TesClient } from "../client/client.ts";
import type { PinStore } from "../client/pins.ts";
import { TesError } from "../core/errors.ts";
import type { Secret } from "../core/secret.ts";
import { DEFAULT_REGISTRY } from "../protocol/paths.ts";
import { type Checkout, findCheckout } from "./checkout.ts";
import { dataPaths } from "./local/data.ts";
import { readLock } from "./local/lock.ts";
import { type CommandIo, printNote } from "./output.ts";
import { filePins } from "./pins.ts";
import { checkedToken, readTokenFile } from "./tokens.ts";

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
    .addOption(new Option("--token-file <file>", "token (default: $TES_TOKEN, or admin.token in --data)"))
    .addOption(new Option("--pins <dir>", "where proved sizes are kept (default: in --data, or the user's state)"))
    .addOption(new Option("--file <path>", "registry file (default: the nearest tes.registry.json)"));
}

/** An authority within reach. Nothing has been asked yet. */
export interface Reached {
  readonly client: TesClient;
  readonly url: string;
  readonly registry: string;
  readonly store: PinStore;
  readonly pinKey: string;
  readonly checkout: Checkout | null;
}

/**
 * Finds the authority, the token and the pins that the options, the environment, the checkout and the data directory
 * lead to, in this order.
 *
 * @throws {TesError} `authority_unreachable` when nothing says where it is; what reading a token throws
 */
export async function reach(io: CommandIo, options: ReachOptions): Promise<Reached> {
  const checkout = await findCheckout(io.cwd, options.file);
  const registry = options.registry ?? checkout?.file.registry ?? DEFAULT_REGISTRY;
  const named = options.url ?? io.env.TES_URL ?? checkout?.file.authority?.url;
  const paths = dataPaths(resolve(io.cwd, options.data));
  const local = named === undefined ? await localUrl(paths) : null;
  const url = named ?? local;
  if (url === null || url === undefined) {
    throw new TesError("authority_unreachable", {
      detail: `No URL is given (--url, $TES_URL, tes.registry.json), and no authority runs on ${paths.root}.`,
    });
  }
  const pinned = options.pins ?? io.env.TES_PINS;
  const store = filePins(pinned === undefined ? (local === null ? userPins(io) : paths.pins) : resolve(io.cwd, pinned));
  const token = await findToken(io, options, local === null ? null : paths.adminToken);
  // A free port changes from start to start: the directory, not the URL, is what names an authority of this machine.
  const pinKey = local === null ? `${new URL(url).origin}/${registry}` : `data:/${registry}`;
  const client = createClient({
    url,
    registry,
    store,
    pinKey,
    genesis: options.genesis ?? io.env.TES_PIN ?? (local === null ? checkout?.file.authority?.genesis : undefined),
    // Who can write to the data directory is the operator already.
    trustFirst: options.trustFirst === true || local !== null,
    onFirstTrust: (genesis) => {
      if (local === null) printNote(io, `trusted on first use, compare it with what its operator publishes: ${genesis}`);
    },
    token,
    now: io.now,
  });
  return { client, url, registry, store, pinKey, checkout };
}

async function localUrl(paths: ReturnType<typeof dataPaths>): Promise<string | null> {
  const lock = await readLock(paths);
  return lock?.running === true ? (lock.record.url ?? null) : null;
}

async function findToken(io: CommandIo, options: ReachOptions, own: string | null): Promise<Secret<string> | undefined> {
  if (options.tokenFile !== undefined) return readTokenFile(resolve(io.cwd, options.tokenFile));
  const text = io.env.TES_TOKEN;
  if (text !== undefined && text !== "") return checkedToken(text, "$TES_TOKEN");
  if (own === null) return undefined;
  return readTokenFile(own).catch((thrown: unknown) => {
    if (thrown instanceof TesError && thrown.code === "file_unreadable") return undefined;
    throw thrown;
  });
}

/** XDG Base Directory Specification 0.8: state that should survive, but is not configuration. */
function userPins(io: CommandIo): string {
  return join(io.env.XDG_STATE_HOME ?? join(io.env.HOME ?? homedir(), ".local", "state"), "tes", "pins");
}
