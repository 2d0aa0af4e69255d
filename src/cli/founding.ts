/** What an authority on this machine needs before its first statement: signing key, recovery key, operator's token. */

import { readdir, rm } from "node:fs/promises";
import { decodeJwt } from "jose";
import type { Bytes } from "../core/bytes.ts";
import { generateMasterKey, importEd25519Seed, parseMasterKey } from "../core/keys.ts";
import type { Secret } from "../core/secret.ts";
import {
  createKeyFile,
  createRecoveryKey,
  type DataPaths,
  prepareDataDir,
  readIfPresent,
  readRecoveryPublic,
} from "./local/data.ts";
import { createTokenFile, mintToken, readTokenFile } from "./tokens.ts";

/** An operator's token on the same machine: long enough not to nag, short enough to be forgotten safely. */
export const ADMIN_TOKEN_LIFETIME_S = 30 * 24 * 3_600;
/** A token that ends sooner than this is replaced: what it is needed for may take a while. */
const RENEW_BEFORE_S = 3_600;

export interface Keys {
  readonly paths: DataPaths;
  /** `made` now, `kept` from before, or `elsewhere`: in the environment, or in the object's own storage. */
  readonly signing: "made" | "kept" | "elsewhere";
  readonly recovery: "made" | "kept";
}

/**
 * Makes the keys that a data directory lacks. A registry that began under a key of its own keeps it: another one
 * beside it would only stop the authority.
 *
 * @param keyGiven whether the signing key comes from somewhere else
 * @param hasBegun asks the authority whether it has a registry; called only where it may have one without a key on file
 * @throws {TesError} `file_unwritable`, what `hasBegun` throws
 */
export async function prepareKeys(dataDir: string, keyGiven: boolean, hasBegun: () => Promise<boolean>): Promise<Keys> {
  const paths = await prepareDataDir(dataDir);
  const present = (await readIfPresent(paths.signingKey)) !== null;
  const known = (await readRecoveryPublic(paths)) !== null;
  const lacking = (!present && !keyGiven) || !known;
  const began = lacking && (await readdir(paths.objects)).length > 0 && (await hasBegun());
  const make = !present && !keyGiven && !began;
  if (make) await createKeyFile(paths.signingKey, generateMasterKey());
  if (!known && !began) await createRecoveryKey(paths, generateMasterKey());
  return {
    paths,
    signing: make ? "made" : present ? "kept" : "elsewhere",
    recovery: known || began ? "kept" : "made",
  };
}

/**
 * The operator's token of a data directory: the one on file while it is good, else a new one.
 *
 * @param now milliseconds since 1970
 * @throws {TesError} `file_unwritable`
 */
export async function prepareAdminToken(
  paths: DataPaths,
  master: Secret<Bytes>,
  registry: string,
  now: number,
): Promise<{ readonly token: Secret<string>; readonly made: boolean }> {
  const known = await readTokenFile(paths.adminToken).catch(() => null);
  if (known !== null && isGood(known, registry, now)) return { token: known, made: false };
  const { token } = await mintToken(master, {
    registry,
    scope: ["admin"],
    lifetimeSeconds: ADMIN_TOKEN_LIFETIME_S,
    label: "operator",
    now,
  });
  await rm(paths.adminToken, { force: true });
  await createTokenFile(paths.adminToken, token);
  return { token, made: true };
}

/** Looks only at what the token says of itself; whether it is believed is the authority's matter. */
function isGood(token: Secret<string>, registry: string, now: number): boolean {
  try {
    const { aud, exp } = decodeJwt(token.reveal());
    return aud === `tes:${registry}` && exp !== undefined && exp > now / 1_000 + RENEW_BEFORE_S;
  } catch {
    return false;
  }
}

/**
 * Makes a recovery key in a file of its own, for its owner only.
 *
 * @returns its public half, as a genesis names it
 * @throws {TesError} `file_exists`, `file_unwritable`
 */
export async function newRecoveryKey(path: string): Promise<string> {
  const seed = generateMasterKey();
  const { x } = await importEd25519Seed(parseMasterKey(seed.reveal()));
  // On disk before the genesis names it: a recovery key that is lost cannot be put right later.
  await createKeyFile(path, seed);
  return x;
}
