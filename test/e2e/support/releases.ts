/** A checkout with an authority, a publisher and something to release. */

import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { failure, type Served, serve } from "./authority.ts";
import type { Place, RunOptions } from "./place.ts";

export const ENTITY = "component:app";
export const VERSION = "1.4.0";
/** Where the folder of a release of it goes. */
export const FOLDER = "release/component-app-1.4.0";
/** Releases whose files are published elsewhere need no store. */
export const ELSEWHERE = ["--download-url", "https://dl.example/{version}/{file}"];

export const sha256 = (data: string | Uint8Array): string => createHash("sha256").update(data).digest("hex");

/** Runs a command that must succeed. @returns its stdout */
export async function done(place: Place, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const run = place.tes(args, options);
  const code = await run.exited;
  if (code !== 0) throw new Error(`tes ${args.join(" ")} ended with ${code}:\n${run.stdout}${run.stderr}`);
  return run.stdout;
}

export async function json<T>(place: Place, args: readonly string[], options: RunOptions = {}): Promise<T> {
  return JSON.parse(await done(place, [...args, "--json"], options)) as T;
}

/** The problem of a command that must fail, and its exit code. */
export function fails(place: Place, args: readonly string[], options: RunOptions = {}) {
  return failure(place.tes([...args, "--json"], options));
}

export interface Begun {
  readonly genesis: string;
  readonly authority: Served;
}

/**
 * `component:app` at 1.4.0, `dist/app.tgz` and `dist/notes.txt`, and a publisher whose key is `alice.key`. Keys have no
 * passphrase here, since stretching one takes longer than everything else; key files have tests of their own.
 */
export async function beginReleases(place: Place, { publisher = true } = {}): Promise<Begun> {
  await mkdir(join(place.dir, "dist"), { recursive: true });
  await writeFile(join(place.dir, "dist/app.tgz"), "the app\n");
  await writeFile(join(place.dir, "dist/notes.txt"), "what is new\n");
  const entities = [{ id: ENTITY, version: VERSION, files: [] }];
  await writeFile(join(place.dir, "tes.registry.json"), JSON.stringify({ entities }));
  const { genesis } = await json<{ genesis: string }>(place, ["init"]);
  const authority = await serve(place, { data: ".tes" });
  if (publisher) {
    await done(place, ["publisher", "init", "--entity", ENTITY, "--key", "alice.key", "--no-passphrase"]);
  }
  return { genesis, authority };
}

/** Makes a key and its public half beside it. @returns the kid */
export async function makeKey(place: Place, name: string): Promise<string> {
  return (await json<{ kid: string }>(place, ["publisher", "key", "--key", `${name}.key`, "--no-passphrase"])).kid;
}

/** The next set of publishers, proposed, signed by those named and applied. */
export async function changePublishers(
  place: Place,
  changes: readonly string[],
  signers: readonly (readonly string[])[],
): Promise<void> {
  const file = `next-${sha256(JSON.stringify([changes, signers, Math.random()])).slice(0, 8)}.json`;
  await done(place, ["publisher", "propose", ENTITY, ...changes, "--out", file]);
  for (const signer of signers) await done(place, ["publisher", "sign", file, ...signer]);
  await done(place, ["publisher", "apply", file]);
}

/** Releases dist/app.tgz and dist/notes.txt as alice. */
export function release(place: Place, ...options: string[]): Promise<string> {
  return done(place, [
    "release",
    ENTITY,
    "dist/app.tgz",
    "dist/notes.txt",
    "--key",
    "alice.key",
    ...ELSEWHERE,
    ...options,
  ]);
}
