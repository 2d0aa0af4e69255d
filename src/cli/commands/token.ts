/** `tes token`: tokens made and read without the authority. */

import { resolve } from "node:path";
import { Command, Option } from "commander";
import { decodeJwt, decodeProtectedHeader, jwtVerify } from "jose";
import { fromBase64Url } from "../../core/bytes.ts";
import { TesError } from "../../core/errors.ts";
import { deriveHmacKey, parseMasterKey } from "../../core/keys.ts";
import { parseRegistryName } from "../../protocol/ids.ts";
import { DEFAULT_REGISTRY } from "../../protocol/paths.ts";
import { isScope, parseTokenClaims, tokenAudience } from "../../protocol/tokens.ts";
import { parseLifetime } from "../duration.ts";
import { dataPaths, looseMode, readKeyFile } from "../local/data.ts";
import { type CommandIo, printJson, printNote, reportFinding, table } from "../output.ts";
import { DEFAULT_DATA, type ReachOptions, reach, withReach } from "../reach.ts";
import { createTokenFile, mintToken, readTokenFile } from "../tokens.ts";

interface MintFlags {
  readonly scope: string[];
  readonly expiresIn: number;
  readonly registry: string;
  readonly label?: string;
  readonly keyFile?: string;
  readonly data: string;
  readonly out?: string;
  readonly show?: true;
}

export function tokenCommand(io: CommandIo): Command {
  const command = new Command("token").description("Mint and inspect tokens, offline; revoke them.");
  command
    .command("mint")
    .description("Make a token with the signing key. The authority is not asked, and keeps no list of tokens.")
    .requiredOption(
      "--scope <scope>",
      "bump:<glob>, release:<glob>, channel:<glob>, read, watch or admin; repeatable",
      collect,
    )
    .addOption(
      new Option("--expires-in <span>", "its life: 90s, 30m, 12h, 7d, at most 366d")
        .argParser(parseLifetime)
        .default(parseLifetime("1h"), "1h"),
    )
    .option("--registry <name>", "the registry it is for", parseRegistry, DEFAULT_REGISTRY)
    .option("--label <text>", "who it is for; the log shows its id, never this")
    .option("--key-file <file>", "file with the signing key (default: $VERSION_SIGNING_KEY, or signing.key in --data)")
    .option("--data <dir>", "data directory of an authority on this machine", DEFAULT_DATA)
    .option("--out <file>", "write the token to a new file, mode 0600")
    .option("--show", "print it even on a terminal")
    .addHelpText("after", "\nExample:\n  $ tes token mint --scope 'bump:component:*' --expires-in 12h --out ci.token")
    .action((flags: MintFlags) => mint(io, flags));
  command
    .command("inspect <file>")
    .description("Show what a token says of itself; with the signing key at hand, whether it is believed too.")
    .option("--key-file <file>", "file with the signing key")
    .addHelpText("after", "\nExample:\n  $ tes token inspect ci.token --key-file .tes/signing.key")
    .action((file: string, { keyFile }: { keyFile?: string }) => inspect(io, file, keyFile));
  withReach(command.command("revoke <token>"))
    .description("Make a token worth nothing from the next request on. Takes its id, or a file that holds it.")
    .addHelpText(
      "after",
      "\nExamples:\n  $ tes token revoke ci.token\n  $ tes token revoke 9lO8wSzJ1yQ3rT5vX7zB0A\n\nAn id that begins with a hyphen goes after --.",
    )
    .action((token: string, flags: ReachOptions) => revoke(io, token, flags));
  return command;
}

async function revoke(io: CommandIo, named: string, flags: ReachOptions): Promise<void> {
  const isId = fromBase64Url(named)?.length === 16;
  const claims = isId ? null : parseTokenClaims(decoded((await readTokenFile(resolve(io.cwd, named))).reveal()));
  const { client } = await reach(io, flags);
  const id = claims?.jti ?? named;
  const { receipt } = await client.revoke(id, claims === null ? {} : { exp: claims.exp });
  if (io.json) printJson(io, { token: id, seq: receipt?.statement.seq ?? null });
  else io.stdout(receipt === null ? `${id} was revoked already\n` : `${id} is revoked\n`);
}

async function mint(io: CommandIo, flags: MintFlags): Promise<void> {
  if (flags.out === undefined && flags.show !== true && io.terminal) {
    throw new TesError("usage", {
      detail: "A token is not shown on a terminal: name a file with --out, or pass --show.",
    });
  }
  const { token, claims } = await mintToken(await masterKey(io, flags), {
    registry: flags.registry,
    scope: flags.scope,
    lifetimeSeconds: flags.expiresIn,
    label: flags.label,
    now: io.now(),
  });
  const expires = new Date(claims.exp * 1_000).toISOString();
  if (flags.out === undefined) {
    if (io.json) printJson(io, { token: token.reveal(), jti: claims.jti, exp: claims.exp });
    else io.stdout(`${token.reveal()}\n`);
    return;
  }
  const out = resolve(io.cwd, flags.out);
  await createTokenFile(out, token);
  if (io.json) printJson(io, { file: out, jti: claims.jti, exp: claims.exp });
  else io.stdout(`${out}  ${claims.scope.join(" ")}  until ${expires}  id ${claims.jti}\n`);
}

async function masterKey(io: CommandIo, { keyFile, data }: Pick<MintFlags, "keyFile" | "data">) {
  const path = keyFile === undefined ? dataPaths(resolve(io.cwd, data)).signingKey : resolve(io.cwd, keyFile);
  const loose = await looseMode(path);
  if (loose !== null) printNote(io, loose);
  if (keyFile !== undefined) return readKeyFile(path);
  const text = io.env.VERSION_SIGNING_KEY;
  if (text !== undefined && text !== "") return parseMasterKey(text);
  return readKeyFile(path);
}

async function inspect(io: CommandIo, file: string, keyFile: string | undefined): Promise<void> {
  const token = await readTokenFile(resolve(io.cwd, file));
  const claims = parseTokenClaims(decoded(token.reveal()));
  const left = claims.exp * 1_000 - io.now();
  const believed =
    keyFile === undefined ? null : await isBelieved(token.reveal(), claims.aud, resolve(io.cwd, keyFile));
  if (left <= 0 || believed === false) reportFinding(io);
  if (io.json) {
    printJson(io, { ...claims, expired: left <= 0, signature: believed === null ? "not checked" : believed });
    return;
  }
  const rows = [
    ["registry", claims.aud.replace(/^tes:/, "")],
    ["scopes", claims.scope.join(" ")],
    ["id", claims.jti],
    ...(claims.sub === undefined ? [] : [["label", claims.sub]]),
    ["issued", new Date(claims.iat * 1_000).toISOString()],
    ["expires", `${new Date(claims.exp * 1_000).toISOString()}${left <= 0 ? "  (expired)" : ""}`],
    [
      "signature",
      believed === null ? "not checked: name the key with --key-file" : believed ? "holds" : "does not hold",
    ],
  ];
  io.stdout(table([{ title: "claim" }, { title: "value" }], rows));
}

function decoded(token: string) {
  try {
    decodeProtectedHeader(token);
    return decodeJwt(token) as Parameters<typeof parseTokenClaims>[0];
  } catch (cause) {
    throw new TesError("token_invalid", { detail: "It is not a JWT.", cause });
  }
}

async function isBelieved(token: string, audience: string, keyFile: string): Promise<boolean> {
  const registry = audience.replace(/^tes:/, "");
  const key = await deriveHmacKey(await readKeyFile(keyFile), "token-hs256", registry);
  try {
    // Only the signature is in question here: the times are shown beside it.
    await jwtVerify(token, key, { algorithms: ["HS256"], audience: tokenAudience(registry), clockTolerance: 1e12 });
    return true;
  } catch {
    return false;
  }
}

function collect(value: string, before: string[] = []): string[] {
  if (!isScope(value)) {
    throw new TesError("usage", {
      detail: `--scope takes bump:<glob>, release:<glob>, channel:<glob>, read, watch or admin, not ${value.slice(0, 64)}.`,
    });
  }
  return [...before, value];
}

function parseRegistry(text: string): string {
  return parseRegistryName(text, "--registry");
}
