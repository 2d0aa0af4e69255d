/**
 * The object's books on files: who may upload, what has come, what is shown, what is taken away. The bytes pass it by:
 * the Worker brings them to storage and tells what became of them.
 */

import { TesError } from "../../core/errors.ts";
import { ARTIFACT_PART_BYTES, MAX_ARTIFACT_BYTES, MAX_OPEN_UPLOADS, UPLOAD_GRACE_MS } from "../../core/limits.ts";
import type { ArtifactAnswer } from "../../protocol/release-answers.ts";
import { allows, parseScope, type TokenClaims } from "../../protocol/tokens.ts";
import type { Told } from "../deployment.ts";
import type { VersionDOEnv } from "../env.ts";
import type { Emit } from "../events.ts";
import type { Ledger } from "../ledger.ts";
import type { Store } from "../store.ts";
import type { ArtifactRow } from "./rows.ts";
import { type Placed, storageOf } from "./storage.ts";

/** Files taken away in one alarm. */
const COLLECTED_AT_ONCE = 64;

/** A part that may come. */
export interface AdmittedPart extends Pick<Placed, "key" | "upload"> {
  readonly length: number;
}

/** A file that may be read, or put together. */
export interface FoundArtifact extends Placed {
  readonly state: "open" | "stored";
  /** Whether anyone may be given it, and keep it. */
  readonly isPublic: boolean;
}

/** The calls, as the object offers them to the Worker. */
export interface ArtifactCalls {
  admitPart(authorization: string | null, digest: string, n: number): Promise<Told<AdmittedPart>>;
  /** @returns what storage called the part before, to be dropped */
  partStored(digest: string, upload: string, n: number, name: string): Promise<Told<string | null>>;
  /** What is to be put together: all parts are there. */
  wholeOf(authorization: string | null, digest: string): Promise<Told<FoundArtifact>>;
  /** Whether the whole is what its digest says. What is not is forgotten. */
  settled(digest: string, upload: string, matches: boolean): Promise<Told<"stored">>;
  /** What may be read. */
  readable(authorization: string | null, digest: string): Promise<Told<FoundArtifact>>;
}

export interface ShelfParts<O extends { readonly ledger: Ledger }> {
  readonly env: VersionDOEnv;
  readonly store: Store;
  readonly registry: () => string;
  readonly opened: () => Promise<O | TesError>;
  readonly claimsOf: (open: O, authorization: string | undefined, now: number) => Promise<TokenClaims | undefined>;
  readonly report: (thrown: unknown) => TesError;
  readonly emit: Emit;
  /** Wakes the object then, at the latest. Milliseconds. */
  readonly wakeAt: (at: number) => Promise<void>;
}

export interface Shelf extends ArtifactCalls {
  /** Begins an upload, or says how far it is. @throws TesError */
  begin(claims: TokenClaims | undefined, digest: string, size: number, now: number): Promise<ArtifactAnswer>;
  /** How far it is. @throws TesError */
  standing(claims: TokenClaims | undefined, digest: string): ArtifactAnswer;
  /** Takes away what nobody published. @returns when to look again */
  collect(now: number): Promise<number | undefined>;
}

/** @throws TesError `token_missing`, `forbidden` unless some release may be made with it */
function authoriseUpload(claims: TokenClaims | undefined): void {
  if (claims === undefined) throw new TesError("token_missing");
  const may = claims.scope.map(parseScope).some(({ kind }) => kind === "admin" || kind === "release");
  if (!may) throw new TesError("forbidden", { detail: "It needs a scope release:<glob>." });
}

const partsOf = (size: number): number => Math.ceil(size / ARTIFACT_PART_BYTES);

export function createShelf<O extends { readonly ledger: Ledger }>(parts: ShelfParts<O>): Shelf {
  const { env, store, registry, opened, claimsOf, report, emit, wakeAt } = parts;
  const { artifacts } = store;
  const graceSeconds = Number(env.TES_UPLOAD_GRACE_S ?? Number.NaN);
  const grace = graceSeconds >= 0 ? graceSeconds * 1000 : UPLOAD_GRACE_MS;

  const tell = async <T>(work: () => Promise<T>): Promise<Told<T>> => {
    try {
      return { ok: await work() };
    } catch (thrown) {
      const { code, detail = "" } = report(thrown);
      return { code, detail };
    }
  };
  const open = async (): Promise<O> => {
    const found = await opened();
    if (found instanceof TesError) throw found;
    return found;
  };
  const keyOf = (digest: string): string => `${registry()}/${digest}`;
  const placedOf = ({ digest, upload, size }: ArtifactRow): Placed => ({
    key: keyOf(digest),
    upload,
    size,
    parts: artifacts.parts(digest).map(({ name }) => name),
  });
  const storage = () => {
    const found = storageOf(env);
    if (found === null) throw new TesError("artifact_store_missing");
    return found;
  };
  /** @throws TesError `artifact_unknown` */
  const rowOf = (digest: string): ArtifactRow => {
    const row = artifacts.get(digest);
    if (row === undefined || row.state === "collecting") throw new TesError("artifact_unknown", { detail: digest });
    return row;
  };
  const answerOf = ({ digest, size, state }: ArtifactRow): ArtifactAnswer => ({
    registry: registry(),
    digest,
    size,
    state: state === "stored" ? "stored" : "open",
    partBytes: ARTIFACT_PART_BYTES,
    parts: artifacts.parts(digest).map(({ n }) => n),
  });
  const touch = async (row: ArtifactRow, now: number): Promise<void> => {
    artifacts.put({ ...row, at: now });
    await wakeAt(now + grace);
  };

  return {
    async begin(claims, digest, size, now) {
      authoriseUpload(claims);
      const place = storage();
      if (size > MAX_ARTIFACT_BYTES) {
        throw new TesError("artifact_limit", { detail: `At most ${MAX_ARTIFACT_BYTES} bytes in one file.` });
      }
      const before = artifacts.get(digest);
      if (before?.state === "collecting") {
        throw new TesError("upload_invalid", { detail: "What there was of it is being taken away. Try again." });
      }
      if (before !== undefined && (before.size === size || before.state === "stored")) {
        if (before.size !== size)
          throw new TesError("artifact_corrupt", { detail: `The file has ${before.size} bytes.` });
        await touch(before, now);
        return answerOf(artifacts.get(digest)!);
      }
      // Whoever said another size was wrong about it, or is now: what they brought cannot become this file.
      if (before === undefined && artifacts.unreferredCount() >= MAX_OPEN_UPLOADS) {
        throw new TesError("artifact_limit", { detail: `${MAX_OPEN_UPLOADS} files wait for their release.` });
      }
      const upload = await place.begin(keyOf(digest));
      const meanwhile = artifacts.get(digest);
      if (meanwhile !== undefined && meanwhile.upload !== before?.upload) return answerOf(meanwhile);
      if (before !== undefined) {
        await place.remove(placedOf(before));
        artifacts.forget(digest);
      }
      const row: ArtifactRow = { digest, size, state: "open", upload, at: now };
      artifacts.put(row);
      await wakeAt(now + grace);
      return answerOf(row);
    },
    standing(claims, digest) {
      authoriseUpload(claims);
      return answerOf(rowOf(digest));
    },
    admitPart: (authorization, digest, n) =>
      tell(async () => {
        authoriseUpload(await claimsOf(await open(), authorization ?? undefined, Date.now()));
        storage();
        const { state, size, upload } = rowOf(digest);
        if (state === "stored") throw new TesError("upload_invalid", { detail: "The file is stored already." });
        if (n < 1 || n > partsOf(size)) {
          throw new TesError("upload_invalid", { detail: `It has the parts 1 to ${partsOf(size)}.` });
        }
        const length = Math.min(ARTIFACT_PART_BYTES, size - (n - 1) * ARTIFACT_PART_BYTES);
        return { key: keyOf(digest), upload, length };
      }),
    partStored: (digest, upload, n, name) =>
      tell(async () => {
        const row = artifacts.get(digest);
        if (row === undefined || row.upload !== upload || row.state !== "open") {
          throw new TesError("upload_invalid", { detail: "The upload has ended meanwhile." });
        }
        const before = artifacts.putPart(digest, n, name);
        await touch(row, Date.now());
        return before ?? null;
      }),
    wholeOf: (authorization, digest) =>
      tell(async () => {
        authoriseUpload(await claimsOf(await open(), authorization ?? undefined, Date.now()));
        storage();
        const row = rowOf(digest);
        const there = artifacts.parts(digest).length;
        if (row.state === "open" && there !== partsOf(row.size)) {
          throw new TesError("upload_invalid", { detail: `${there} of ${partsOf(row.size)} parts are there.` });
        }
        return { ...placedOf(row), state: row.state as "open" | "stored", isPublic: false };
      }),
    settled: (digest, upload, matches) =>
      tell(async () => {
        const row = artifacts.get(digest);
        if (row?.upload !== upload) throw new TesError("upload_invalid", { detail: "The upload has ended meanwhile." });
        if (!matches) {
          artifacts.forget(digest);
          throw new TesError("artifact_corrupt", { detail: "Its SHA-256 is not the one that it was uploaded under." });
        }
        artifacts.put({ ...row, state: "stored", at: Date.now() });
        return "stored" as const;
      }),
    readable: (authorization, digest) =>
      tell(async () => {
        const live = await open();
        const claims = await claimsOf(live, authorization ?? undefined, Date.now());
        const isPublic = live.ledger.rows.registry()!.visibility === "public";
        if (!isPublic) {
          if (claims === undefined) throw new TesError("token_missing");
          if (!allows(claims, "read")) throw new TesError("forbidden", { detail: "It needs the scope read." });
        }
        const row = rowOf(digest);
        const shown = row.state === "stored" && artifacts.isReferred(digest);
        if (!shown) {
          // Before it is published it is there for publishers only; to others it is no file at all.
          const own = claims?.scope.map(parseScope).some(({ kind }) => kind === "admin" || kind === "release");
          if (row.state !== "stored" || own !== true) throw new TesError("artifact_unknown", { detail: digest });
        }
        storage();
        return { ...placedOf(row), state: "stored" as const, isPublic: isPublic && shown };
      }),
    async collect(now) {
      if (!store.exists() || store.size() === 0) return undefined;
      const place = storageOf(env);
      const rows = artifacts.unreferred(now - grace, COLLECTED_AT_ONCE);
      if (place === null) return undefined;
      // In one turn, before anything is awaited: from here on nobody publishes them.
      for (const row of rows) artifacts.put({ ...row, state: "collecting" });
      for (const row of rows) {
        await place.remove(placedOf(row));
        artifacts.forget(row.digest);
        emit("object", "artifact.collected", { registry: registry(), meta: { digest: row.digest, bytes: row.size } });
      }
      const oldest = artifacts.oldestUnreferred();
      return oldest === undefined ? undefined : Math.max(oldest + grace, now + 1);
    },
  };
}
