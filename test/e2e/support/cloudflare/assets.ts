/** The part of a stand-in account that takes a Worker's assets: a session, the files that are missing, the last word. */

import { randomUUID } from "node:crypto";
import { type Account, ApiError } from "./account.ts";

/** Path → bytes, under the word that a version names them by. */
export type AssetSets = Map<string, ReadonlyMap<string, Uint8Array>>;

type Manifest = Readonly<Record<string, { readonly hash: string; readonly size: number }>>;

/** What was begun and waits for its files. */
const sessions = new Map<string, Manifest>();

/** `POST …/assets-upload-session`. Nothing is known from before, so that all of it has to come. */
export function beginAssets(account: Account, manifest: Manifest): object {
  const hashes = [...new Set(Object.values(manifest).map(({ hash }) => hash))];
  const jwt = `assets-${randomUUID()}`;
  if (hashes.length === 0) account.assets.set(jwt, new Map());
  else sessions.set(jwt, manifest);
  return { jwt, buckets: hashes.length === 0 ? [] : [hashes] };
}

/** `POST /workers/assets/upload`: all files at once, by their hashes, in base64. */
export async function takeAssets(account: Account, jwt: string, form: FormData): Promise<object> {
  const manifest = sessions.get(jwt);
  if (manifest === undefined) throw new ApiError(401, 10000, "Authentication error");
  const files = new Map<string, Uint8Array>();
  for (const [path, { hash, size }] of Object.entries(manifest)) {
    const file = form.get(hash);
    if (file === null || typeof file === "string") throw new ApiError(400, 10021, `${path} did not come`);
    const bytes = Buffer.from(await file.text(), "base64");
    if (bytes.length !== size) throw new ApiError(400, 10021, `${path} is not as long as it was announced`);
    files.set(path, bytes);
  }
  sessions.delete(jwt);
  const done = `assets-${randomUUID()}`;
  account.assets.set(done, files);
  return { jwt: done };
}
