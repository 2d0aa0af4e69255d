/** Files of releases: brought up in parts that can be sent again, and fetched with their digest checked. */

import { equalBytes, fromHex, toBase64 } from "../core/bytes.ts";
import { TesError } from "../core/errors.ts";
import { createSha256 } from "../core/hash.ts";
import { ARTIFACT_TIMEOUT_MS, MAX_CLIENT_ATTEMPTS } from "../core/limits.ts";
import { parseAnswer } from "../protocol/answers.ts";
import { HEADERS, MEDIA_TYPES, pathOf } from "../protocol/paths.ts";
import type { ArtifactAnswer } from "../protocol/release-answers.ts";
import type { Settings } from "./options.ts";
import { jsonOf } from "./response.ts";
import type { Session } from "./session.ts";

export interface UploadSource {
  /** SHA-256, hex. */
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
  /** The bytes from `from` up to, without, `to`. They may lie in the same buffer each time: one part goes after the other. */
  readonly read: (from: number, to: number) => Promise<Uint8Array<ArrayBuffer>>;
  /** Told how many bytes are there by now. */
  readonly onProgress?: ((bytes: number) => void) | undefined;
  /** Stops between two parts; what has come stays, and the next upload goes on from there. */
  readonly signal?: AbortSignal | undefined;
}

export interface DownloadOptions {
  /** Told how many bytes have come. */
  readonly onProgress?: ((bytes: number) => void) | undefined;
  /** SHA-256, fed in order. Default: the library's own, in JavaScript. */
  readonly hasher?: (() => { update(bytes: Uint8Array): void; digest(): Uint8Array }) | undefined;
  /** Stops at once. */
  readonly signal?: AbortSignal | undefined;
}

function ownHasher(): ReturnType<NonNullable<DownloadOptions["hasher"]>> {
  const hash = createSha256();
  return { update: hash.update, digest: () => fromHex(hash.hex())! };
}

/** @throws interrupted */
function stopIf(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new TesError("interrupted", { cause: signal.reason });
}

export interface Artifacts {
  /**
   * Brings a file to the authority, as far as it is not there yet: sent again after a break, it goes on with the parts
   * that are missing.
   *
   * @throws interrupted, artifact_store_missing, artifact_limit, rate_limited with too many uploads open, artifact_corrupt when what came is not what the digest names
   */
  upload(source: UploadSource): Promise<ArtifactAnswer>;
  /**
   * A file of a published release, piece by piece. The pieces are proved only when the last one has come: whoever keeps
   * them takes them for nothing before that. Goes on after a break where it was.
   *
   * @throws interrupted, artifact_unknown, digest_mismatch, authority_unreachable
   */
  download(sha256: string, size: number, options?: DownloadOptions): AsyncGenerator<Uint8Array, void, void>;
}

export function createArtifacts(session: Session, settings: Settings): Artifacts {
  const { registry } = settings;
  const answerOf = async (path: string, write: Parameters<Session["ask"]>[1]): Promise<ArtifactAnswer> => {
    const { response } = await session.ask(path, write);
    return parseAnswer("artifact", jsonOf(response), "answer_malformed");
  };

  return {
    async upload({ sha256, size, read, onProgress, signal }) {
      stopIf(signal);
      const begun = await answerOf(pathOf.artifact(registry, sha256), session.write({ size }));
      if (begun.state === "stored") {
        onProgress?.(size);
        return begun;
      }
      const { partBytes } = begun;
      const there = new Set(begun.parts);
      const count = Math.ceil(size / partBytes);
      const lengthOf = (n: number): number => Math.min(partBytes, size - (n - 1) * partBytes);
      let done = begun.parts.reduce((sum, n) => sum + lengthOf(n), 0);
      onProgress?.(done);
      for (let n = 1; n <= count; n++) {
        if (there.has(n)) continue;
        stopIf(signal);
        const from = (n - 1) * partBytes;
        const bytes = await read(from, from + lengthOf(n));
        const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
        await answerOf(pathOf.artifactPart(registry, sha256, n), {
          bytes,
          type: MEDIA_TYPES.bytes,
          digest: `sha-256=:${toBase64(digest)}:`,
          idempotencyKey: session.write({}).idempotencyKey,
          timeoutMs: ARTIFACT_TIMEOUT_MS,
        });
        done += bytes.length;
        onProgress?.(done);
      }
      stopIf(signal);
      const whole = { ...session.write({}), timeoutMs: ARTIFACT_TIMEOUT_MS };
      return answerOf(pathOf.artifactComplete(registry, sha256), whole);
    },
    async *download(sha256, size, { onProgress, hasher = ownHasher, signal } = {}) {
      const expected = fromHex(sha256);
      if (expected?.length !== 32)
        throw new TesError("invalid_field", { field: "sha256", detail: "64 hex characters" });
      const hash = hasher();
      let done = 0;
      for (let attempt = 1; ; attempt++) {
        try {
          for await (const piece of piecesOf(sha256, done, size, signal)) {
            done += piece.length;
            if (done > size) throw new TesError("digest_mismatch", { detail: "It is longer than the release says." });
            hash.update(piece);
            onProgress?.(done);
            yield piece;
          }
          if (done === size) break;
          throw new TesError("authority_unreachable", { detail: "The file broke off." });
        } catch (thrown) {
          stopIf(signal);
          const passing = !(thrown instanceof TesError) || thrown.code === "authority_unreachable";
          if (!passing) throw thrown;
          if (attempt >= Math.min(settings.attempts, MAX_CLIENT_ATTEMPTS)) {
            throw new TesError("authority_unreachable", { detail: "The file broke off.", cause: thrown });
          }
          await settings.backOff(attempt + 1);
        }
      }
      if (!equalBytes(hash.digest(), expected)) throw new TesError("digest_mismatch");
    },
  };

  /** From an offset to the end, as one answer gives it. */
  async function* piecesOf(
    sha256: string,
    from: number,
    size: number,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Uint8Array, void, void> {
    if (from === size && size > 0) return;
    // Before the token leaves: the authority has proved that it is the one.
    await session.trust();
    const headers: Record<string, string> = {};
    if (from > 0) headers.range = `bytes=${from}-`;
    if (settings.token !== undefined) headers.authorization = `Bearer ${settings.token.reveal()}`;
    const csrf = settings.session?.csrf();
    if (csrf !== undefined) headers[HEADERS.csrf.toLowerCase()] = csrf;
    const credentials = settings.session && (csrf === undefined ? "omit" : "same-origin");
    const response = await settings.fetch(new URL(pathOf.artifact(registry, sha256), settings.url).href, {
      headers,
      redirect: "manual",
      ...(credentials === undefined ? {} : { credentials }),
      ...(signal === undefined ? {} : { signal }),
    });
    if (response.status !== (from > 0 ? 206 : 200) || response.body === null) {
      await response.body?.cancel();
      if (response.status === 404) throw new TesError("artifact_unknown", { detail: sha256 });
      throw new TesError(response.status >= 500 ? "authority_unreachable" : "answer_unsigned", {
        detail: `HTTP ${response.status} for a file.`,
        facts: { status: response.status },
      });
    }
    const reader = response.body.getReader();
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        yield value;
      }
    } finally {
      await reader.cancel().catch(() => undefined);
    }
  }
}
