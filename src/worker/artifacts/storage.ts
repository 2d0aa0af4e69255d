/**
 * Where files of releases lie: R2, or a directory that workerd serves. Bytes only: who may, what is whole and what is
 * referred to is the object's matter. Storage is not trusted: what comes out is hashed again.
 */

import type { VersionDOEnv } from "../env.ts";
import { diskStorage } from "./disk.ts";
import { r2Storage } from "./r2.ts";

/** A file as storage knows it. */
export interface Placed {
  /** `<registry>/<sha256>`: names of both kinds hold no separator and no dot segment. */
  readonly key: string;
  /** What the storage called the upload. */
  readonly upload: string;
  /** Bytes of the whole. */
  readonly size: number;
  /** All of its parts in order; their names are the storage's. */
  readonly parts: readonly string[];
}

export interface ArtifactStorage {
  /** @returns what the upload is called */
  begin(key: string): Promise<string>;
  /**
   * Stores one part; what was there under its number before stays until the upload ends.
   *
   * @param n from 1
   * @param body exactly `length` bytes, or it fails
   * @returns what the part is called
   */
  putPart(place: Pick<Placed, "key" | "upload">, n: number, body: ReadableStream, length: number): Promise<string>;
  /** Takes away a part that does not count. */
  dropPart(place: Pick<Placed, "key" | "upload">, part: string): Promise<void>;
  /**
   * All parts are said to be there: from now on the whole can be read. May be asked again.
   *
   * @returns false when a part is gone, so that there never will be a whole
   */
  complete(placed: Placed): Promise<boolean>;
  /** Null when it is not there. */
  read(placed: Placed, offset: number, length: number): Promise<ReadableStream<Uint8Array> | null>;
  /** Takes away all that was stored of it, whole or not. */
  remove(placed: Placed): Promise<void>;
}

/** Null where there is none. */
export function storageOf(env: Pick<VersionDOEnv, "TES_BUNDLE_BUCKET" | "TES_BUNDLE_DISK">): ArtifactStorage | null {
  if (env.TES_BUNDLE_BUCKET != null) return r2Storage(env.TES_BUNDLE_BUCKET);
  if (env.TES_BUNDLE_DISK != null) return diskStorage(env.TES_BUNDLE_DISK);
  return null;
}
