/**
 * Files at the rim: bodies go from the sender to storage and from storage to the reader without passing the object,
 * which says who may and learns what became of it. It signs every answer that is not the file itself.
 */

import { type Bytes, fromHex, toBase64 } from "../../core/bytes.ts";
import { parseSha256Digest } from "../../core/digest.ts";
import { type Answer, type Ask, askOf } from "../ask.ts";
import { authorityOf } from "../authorities.ts";
import { PUBLIC_READ_HEADERS } from "../cors.ts";
import type { Told } from "../deployment.ts";
import type { WorkerEnv } from "../env.ts";
import { createEvents } from "../events.ts";
import { parseRange, type Range } from "./range.ts";
import type { ArtifactCalls, FoundArtifact } from "./shelf.ts";
import { storageOf } from "./storage.ts";
import { checked, hashed, matchesWhole, passed } from "./streams.ts";

const PATH = /^\/v1\/[^/]+\/artifacts\/([0-9a-f]{64})(?:\/(complete|parts\/([1-9][0-9]{0,4})))?$/;
const report = createEvents((line) => console.error(line));

interface Fault {
  readonly fault: NonNullable<Ask["fault"]>;
}

export type ArtifactObject = ArtifactCalls & { answer(ask: Ask, registry: string): Promise<Answer> };

/** Whether a path is about files, so that {@link answerArtifact} has to look at it. */
export const isArtifactPath = (path: string): boolean => PATH.test(path);

const faultOf = ({ code, detail }: Exclude<Told<never>, { readonly ok: never }>): Fault => ({
  fault: { code, detail },
});
const isTold = <T>(told: Told<T>): told is { readonly ok: T } => "ok" in told;

/**
 * Does what a request for a file asks for, then lets the object say what is to be said.
 *
 * @param defer keeps a promise going after the answer has begun
 */
export async function answerArtifact(
  request: Request,
  url: URL,
  env: WorkerEnv,
  registry: string,
  object: ArtifactObject,
  defer: (promise: Promise<unknown>) => void,
): Promise<Response> {
  const [, digest, action, n] = PATH.exec(url.pathname)!;
  const authorization = request.headers.get("authorization");
  const say = async (ask: Ask): Promise<Response> => {
    const answer = await object.answer(ask, registry);
    return new Response(request.method === "HEAD" ? null : answer.body, answer);
  };
  if (request.method === "POST" && n !== undefined) {
    const ask = await askOf(request, url, authorityOf(url), registry, "unread");
    if (ask.fault !== null) {
      await request.body?.cancel();
      return say(ask);
    }
    const fault = await takePart(request, env, registry, object, digest!, Number(n));
    return say(fault === null ? ask : { ...ask, ...fault });
  }
  const ask = await askOf(request, url, authorityOf(url), registry);
  if (ask.fault !== null) return say(ask);
  if (request.method === "POST" && action === "complete") {
    const fault = await complete(env, object, authorization, digest!);
    return say(fault === null ? ask : { ...ask, ...fault });
  }
  if (action === undefined && (request.method === "GET" || request.method === "HEAD") && url.search === "") {
    const found = await object.readable(ask, digest!);
    if (!isTold(found)) return say({ ...ask, ...faultOf(found) });
    const served = await serve(request, env, registry, digest!, found.ok, defer);
    if (served instanceof Response) return served;
    const refusal = await say({ ...ask, ...served });
    // RFC 9110 section 15.5.17: how long it is.
    if (refusal.status === 416) refusal.headers.set("content-range", `bytes */${found.ok.size}`);
    return refusal;
  }
  return say(ask);
}

/** One part, from the sender to storage. Null: it is there. */
async function takePart(
  request: Request,
  env: WorkerEnv,
  registry: string,
  object: ArtifactCalls,
  digest: string,
  n: number,
): Promise<Fault | null> {
  const refuse = async (fault: Fault): Promise<Fault> => {
    await request.body?.cancel().catch(() => undefined);
    return fault;
  };
  const wrong = (code: "upload_invalid" | "content_digest_mismatch", detail: string): Fault => ({
    fault: { code, detail },
  });
  const admitted = await object.admitPart(request.headers.get("authorization"), digest, n);
  if (!isTold(admitted)) return refuse(faultOf(admitted));
  const { length, ...place } = admitted.ok;
  if (Number(request.headers.get("content-length") ?? length) !== length) {
    return refuse(wrong("upload_invalid", `Part ${n} has ${length} bytes.`));
  }
  if (request.headers.has("content-encoding")) return refuse(wrong("upload_invalid", "Send it without a coding."));
  let sha256: Bytes;
  try {
    sha256 = parseSha256Digest(request.headers.get("content-digest") ?? "");
  } catch {
    return refuse(wrong("content_digest_mismatch", "A part comes with its Content-Digest, sha-256."));
  }
  if (request.body === null) return wrong("upload_invalid", `Part ${n} has ${length} bytes.`);
  const storage = storageOf(env)!;
  const { readable, matches } = hashed(request.body, length, sha256);
  const put = storage.putPart(place, n, readable, length);
  const [stored, whole] = await Promise.allSettled([put, matches]);
  if (stored.status === "rejected") {
    // Either the sender broke off, or storage did: the sender may try again.
    report("object", "artifact.part_failed", {
      registry,
      meta: { digest, n, cause: String(stored.reason).slice(0, 200) },
    });
    return wrong("upload_invalid", "The part did not come whole. Send it again.");
  }
  if (whole.status === "rejected" || !whole.value) {
    await storage.dropPart(place, stored.value);
    return wrong("content_digest_mismatch", `Part ${n} is not what its Content-Digest says.`);
  }
  const told = await object.partStored(digest, place.upload, n, stored.value);
  if (!isTold(told)) {
    await storage.dropPart(place, stored.value);
    return faultOf(told);
  }
  if (told.ok !== null && told.ok !== stored.value) await storage.dropPart(place, told.ok);
  return null;
}

/** Puts the parts together and reads the whole back. Null: it is what its digest says. */
async function complete(
  env: WorkerEnv,
  object: ArtifactCalls,
  authorization: string | null,
  digest: string,
): Promise<Fault | null> {
  const found = await object.wholeOf(authorization, digest);
  if (!isTold(found)) return faultOf(found);
  if (found.ok.state === "stored") return null;
  const storage = storageOf(env)!;
  const { size, upload, parts } = found.ok;
  // What fails here says nothing of the bytes: the upload stays as it is, and may be completed again.
  const isThere = await storage.complete(found.ok);
  const stream = isThere ? await storage.read(found.ok, 0, size) : null;
  const outcome = stream === null ? "gone" : (await matchesWhole(stream, size, fromHex(digest)!)) ? "whole" : "other";
  const told = await object.settled(digest, upload, parts, outcome);
  if (isTold(told)) {
    if (told.ok === "stored") return null;
    // Given up: nobody can add to it or publish it, and if this breaks off the alarm goes on with it.
    await storage.remove(found.ok);
    await object.removed(digest, upload);
    return outcome === "gone"
      ? { fault: { code: "upload_invalid", detail: "Parts of it are gone from storage. Begin again." } }
      : { fault: { code: "artifact_corrupt", detail: "Its SHA-256 is not the one that it was uploaded under." } };
  }
  return faultOf(told);
}

/** The file, or the range of it that was asked for. */
async function serve(
  request: Request,
  env: WorkerEnv,
  registry: string,
  digest: string,
  found: FoundArtifact,
  defer: (promise: Promise<unknown>) => void,
): Promise<Response | Fault> {
  const { size } = found;
  const sha256 = fromHex(digest)!;
  const headers: Record<string, string> = {
    "content-type": "application/octet-stream",
    "content-disposition": "attachment",
    "content-security-policy": "sandbox; default-src 'none'",
    "x-content-type-options": "nosniff",
    "accept-ranges": "bytes",
    "repr-digest": `sha-256=:${toBase64(sha256)}:`,
    "cache-control": found.isPublic ? "public, max-age=31536000, immutable, no-transform" : "no-store, no-transform",
    ...(found.isPublic ? { ...PUBLIC_READ_HEADERS } : {}),
  };
  let range: Range | null = null;
  if (request.method === "GET") {
    const asked = parseRange(request.headers.get("range"), size);
    if (asked === "unsatisfiable") {
      return { fault: { code: "range_unsatisfiable", detail: `The file has ${size} bytes.` } };
    }
    range = asked;
  }
  if (request.method === "HEAD") {
    return new Response(null, { headers: { ...headers, "content-length": String(size) } });
  }
  const { offset, length } = range ?? { offset: 0, length: size };
  const source = await storageOf(env)!.read(found, offset, length);
  const spoiled = (): void => report("object", "artifact.damaged", { registry, meta: { digest } });
  if (source === null) {
    spoiled();
    return { fault: { code: "artifact_damaged", detail: digest } };
  }
  if (offset === 0 && length === size) {
    const { readable, done } = checked(source, size, sha256, spoiled);
    defer(done);
    const whole = range === null ? {} : { "content-range": `bytes 0-${size - 1}/${size}` };
    return new Response(readable, { status: range === null ? 200 : 206, headers: { ...headers, ...whole } });
  }
  const { readable, done } = passed(source, length);
  defer(done);
  headers["content-range"] = `bytes ${offset}-${offset + length - 1}/${size}`;
  return new Response(readable, { status: 206, headers });
}

/** The object as the Worker calls it. */
export function artifactObject(env: WorkerEnv, registry: string): ArtifactObject {
  const stub = env.VERSION_DO.get(env.VERSION_DO.idFromName(registry)) as unknown as {
    answer: ArtifactObject["answer"];
    artifacts(registry: string, call: keyof ArtifactCalls, ...args: unknown[]): Promise<never>;
  };
  return {
    answer: (ask, name) => stub.answer(ask, name),
    admitPart: (...args) => stub.artifacts(registry, "admitPart", ...args),
    partStored: (...args) => stub.artifacts(registry, "partStored", ...args),
    wholeOf: (...args) => stub.artifacts(registry, "wholeOf", ...args),
    settled: (...args) => stub.artifacts(registry, "settled", ...args),
    removed: (...args) => stub.artifacts(registry, "removed", ...args),
    readable: (...args) => stub.artifacts(registry, "readable", ...args),
  };
}
