/** A checkout with an authority, a publisher and something to release. */

import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Served, serve } from "./authority.ts";
import type { Place, RunOptions } from "./place.ts";

/** Of every key in these tests. */
export const PASSPHRASE = "correct horse battery staple";
export const ENV = { TES_PUBLISHER_PASSPHRASE: PASSPHRASE };

export const sha256 = (data: string | Uint8Array): string => createHash("sha256").update(data).digest("hex");

/** Runs a command that must succeed. @returns its stdout */
export async function done(place: Place, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const run = place.tes(args, { ...options, env: { ...ENV, ...options.env } });
  const code = await run.exited;
  if (code !== 0) throw new Error(`tes ${args.join(" ")} ended with ${code}:\n${run.stdout}${run.stderr}`);
  return run.stdout;
}

export async function json<T>(place: Place, args: readonly string[], options: RunOptions = {}): Promise<T> {
  return JSON.parse(await done(place, [...args, "--json"], options)) as T;
}

export interface Begun {
  readonly genesis: string;
  readonly authority: Served;
}

/** `component:app` at 1.4.0, `dist/app.tgz` and `dist/notes.txt`, and a publisher whose key is `p.key`. */
export async function beginReleases(place: Place, { publisher = true } = {}): Promise<Begun> {
  await mkdir(join(place.dir, "dist"), { recursive: true });
  await writeFile(join(place.dir, "dist/app.tgz"), "the app\n");
  await writeFile(join(place.dir, "dist/notes.txt"), "what is new\n");
  const entities = [{ id: "component:app", version: "1.4.0", files: [] }];
  await writeFile(join(place.dir, "tes.registry.json"), JSON.stringify({ entities }));
  const { genesis } = await json<{ genesis: string }>(place, ["init"]);
  const authority = await serve(place, { data: ".tes" });
  if (publisher) await done(place, ["publisher", "init", "--entity", "component:app", "--key", "p.key"]);
  return { genesis, authority };
}
