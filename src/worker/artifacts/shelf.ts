/**
 * The object's books on files: who may upload, what has come, what is shown, what is taken away. The bytes pass it by:
 * the Worker brings them to storage and tells what became of them.
 */

import { TesError } from "../../core/errors.ts";
import {
  ARTIFACT_PART_BYTES,
  ARTIFACT_TIMEOUT_MS,
  COLLECT_RETRY_MS,
  MAX_ARTIFACT_BYTES,
  MAX_OPEN_UPLOADS,
  MAX_TOKEN_UPLOADS,
  UPLOAD_GRACE_MS,
} from "../../core/limits.ts";
import type { ArtifactAnswer } from "../../protocol/release-answers.ts";
import { allows, parseScope, type TokenClaims } from "../../protocol/tokens.ts";
import type { Ask } from "../ask.ts";
import { type Told, teller } from "../deployment.ts";
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
  /**
   * What was found when these parts were read back: the file that its digest names, another one, or that some are gone.
   *
   * @returns `given up`: it is to be taken away, and nothing can be added to it
   */
  settled(
    digest: string,
    upload: string,
    parts: readonly string[],
    outcome: "whole" | "other" | "gone",
  ): Promise<Told<"stored" | "given up">>;
  /** What was given up is gone from storage. */
  removed(digest: string, upload: string): Promise<Told<null>>;
  /** What may be read, by a token or by a page's session. */
  readable(ask: Ask, digest: string): Promise<Told<FoundArtifact>>;
}

export interface ShelfParts<O extends { readonly ledger: Ledger }> {
  readonly env: VersionDOEnv;
  readonly store: Store;
  readonly registry: () => string;
  readonly opened: () => Promise<O | TesError>;
  readonly claimsOf: (open: O, authorization: string | undefined, now: number) => Promise<TokenClaims | undefined>;
  readonly askerOf: (open: O, ask: Ask, now: number) => Promise<{ readonly claims: TokenClaims | undefined }>;
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
function authoriseUpload(claims: TokenClaims | undefined): TokenClaims {
  if (claims === undefined) throw new TesError("token_missing");
  if (!mayUpload(claims)) throw new TesError("forbidden", { detail: "It needs a scope release:<glob>." });
  return claims;
}

const mayUpload = ({ scope }: TokenClaims): boolean =>
  scope.map(parseScope).some(({ kind }) => kind === "admin" || kind === "release");

const partsOf = (size: number): number => Math.ceil(size / ARTIFACT_PART_BYTES);

export function createShelf<O extends { readonly ledger: Ledger }>(parts: ShelfParts<O>): Shelf {
  const { env, store, registry, opened, claimsOf, askerOf, report, emit, wakeAt } = parts;
  const { artifacts } = store;
  const graceSeconds = Number(env.TES_UPLOAD_GRACE_S ?? Number.NaN);
  const grace = graceSeconds >= 0 ? graceSeconds * 1000 : UPLOAD_GRACE_MS;

  const tell = teller(report);
  const open = async (): Promise<O> => {
    const found = await opened();
    if (found instanceof TesError) throw found;
    return found;
  };
  /** An alarm may be the first that the object hears of, and does not say whose it is: its log does. */
  const name = (): string => registry() || (JSON.parse(store.body(0)!) as { registry: string }).registry;
  const keyOf = (digest: string): string => `${name()}/${digest}`;
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
  const leaving = (): TesError =>
    new TesError("upload_invalid", { detail: "What there was of it is being taken away. Try again." });
  /** From here on nobody adds to it or publishes it, whatever becomes of its bytes. */
  const giveUp = (row: ArtifactRow): void => artifacts.put({ ...row, state: "collecting" });
  /** Only what was given up, and not what was begun since. */
  const forget = ({ digest, upload }: ArtifactRow): void => {
    const row = artifacts.get(digest);
    if (row?.upload === upload && row.state === "collecting") artifacts.forget(digest);
  };
  const touch = async (row: ArtifactRow, now: number): Promise<void> => {
    artifacts.put({ ...row, at: now });
    await wakeAt(now + grace);
  };

  return {
    async begin(claims, digest, size, now) {
      const by = authoriseUpload(claims).jti;
      const place = storage();
      if (size > MAX_ARTIFACT_BYTES) {
        throw new TesError("artifact_limit", { detail: `At most ${MAX_ARTIFACT_BYTES} bytes in one file.` });
      }
      const before = artifacts.get(digest);
      if (before?.state === "collecting") throw leaving();
      if (before !== undefined && (before.size === size || before.state === "stored")) {
        if (before.size !== size)
          throw new TesError("artifact_corrupt", { detail: `The file has ${before.size} bytes.` });
        await touch(before, now);
        return answerOf(artifacts.get(digest)!);
      }
      // Whoever said another size was wrong about it, or is now: what they brought cannot become this file.
      if (before !== undefined) {
        // Which of the two is wrong shows at the end alone: nobody breaks off what another is bringing.
        if (before.by !== by && before.at > now - ARTIFACT_TIMEOUT_MS) {
          throw new TesError("upload_invalid", {
            detail: `Another token is bringing this file with ${before.size} bytes. Is the size right? Then try again in ${ARTIFACT_TIMEOUT_MS / 60_000} minutes.`,
          });
        }
        giveUp(before);
        await place.remove(placedOf(before));
        forget(before);
      }
      if (artifacts.unreferredCount() >= MAX_OPEN_UPLOADS) {
        throw new TesError("artifact_limit", { detail: `${MAX_OPEN_UPLOADS} files wait for their release.` });
      }
      if (artifacts.openCount(by) >= MAX_TOKEN_UPLOADS) {
        const detail = `This token has ${MAX_TOKEN_UPLOADS} uploads open: complete them first.`;
        throw new TesError("rate_limited", { detail });
      }
      const upload = await place.begin(keyOf(digest));
      const meanwhile = artifacts.get(digest);
      if (meanwhile !== undefined) {
        await place.remove({ key: keyOf(digest), upload, size, parts: [] });
        if (meanwhile.size !== size || meanwhile.state === "collecting") throw leaving();
        return answerOf(meanwhile);
      }
      const row: ArtifactRow = { digest, size, state: "open", upload, at: now, by };
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
    settled: (digest, upload, parts, outcome) =>
      tell(async () => {
        const row = artifacts.get(digest);
        if (row?.upload !== upload || row.state === "collecting") {
          throw new TesError("upload_invalid", { detail: "The upload has ended meanwhile." });
        }
        // Somebody else read it back and found it whole. Whatever this one met, a release may refer to it by now.
        if (row.state === "stored") {
          if (outcome === "whole") return "stored" as const;
          throw new TesError("artifact_damaged", { detail: digest });
        }
        const now = artifacts.parts(digest);
        if (now.length !== parts.length || now.some(({ name }, index) => name !== parts[index])) {
          throw new TesError("upload_invalid", { detail: "A part came meanwhile. Complete it again." });
        }
        if (outcome === "whole") {
          artifacts.put({ ...row, state: "stored", at: Date.now() });
          return "stored" as const;
        }
        giveUp(row);
        await wakeAt(Date.now() + COLLECT_RETRY_MS);
        return "given up" as const;
      }),
    removed: (digest, upload) =>
      tell(async () => {
        const row = artifacts.get(digest);
        if (row?.upload === upload) forget(row);
        return null;
      }),
    readable: (ask, digest) =>
      tell(async () => {
        const live = await open();
        const head = ask.method === "HEAD";
        const { claims } = await askerOf(live, ask, Date.now());
        const isPublic = live.ledger.rows.registry()!.visibility === "public";
        const publishes = claims !== undefined && mayUpload(claims);
        if (!isPublic) {
          if (claims === undefined) throw new TesError("token_missing");
          // A publisher learns as much by beginning an upload.
          if (!allows(claims, "read") && !(head && publishes)) {
            throw new TesError("forbidden", { detail: "It needs the scope read." });
          }
        }
        const row = rowOf(digest);
        const shown = row.state === "stored" && artifacts.isReferred(digest);
        // Before it is published it is there for publishers only; to others it is no file at all.
        if (row.state !== "stored" || !(shown || publishes)) throw new TesError("artifact_unknown", { detail: digest });
        storage();
        // What a page's session gets is that page's, and nobody is answered with it again.
        const isPage = ask.headers["tes-csrf"] !== undefined;
        return { ...placedOf(row), state: "stored" as const, isPublic: isPublic && shown && !isPage };
      }),
    async collect(now) {
      if (!store.exists() || store.size() === 0 || store.outdated()) return undefined;
      const place = storageOf(env);
      if (place === null) return undefined;
      const rows = artifacts.collectable(now - grace, COLLECTED_AT_ONCE);
      // In one turn, before anything is awaited: from here on nobody publishes them, and nobody adds to them.
      for (const row of rows) giveUp(row);
      let failed = false;
      for (const row of rows) {
        const meta = { digest: row.digest, bytes: row.size };
        try {
          await place.remove(placedOf(row));
          forget(row);
          emit("object", "artifact.collected", { registry: name(), meta });
        } catch (thrown) {
          failed = true;
          const cause = thrown instanceof Error ? thrown.message : String(thrown);
          emit("object", "artifact.collect_failed", { registry: name(), meta: { ...meta, cause } });
        }
      }
      if (failed) return now + COLLECT_RETRY_MS;
      const oldest = artifacts.oldestUnreferred();
      return oldest === undefined ? undefined : Math.max(oldest + grace, now + 1);
    },
  };
}
