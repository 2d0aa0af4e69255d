/** Carrying a registry from one authority to another: its export out of the one, part by part into the other. */

import { type Bytes, toBase64, utf8 } from "../core/bytes.ts";
import { contentDigest } from "../core/digest.ts";
import { TesError } from "../core/errors.ts";
import { createSha256 } from "../core/hash.ts";
import { parseJson } from "../core/json.ts";
import { MAX_EXPORT_PAGE_BYTES } from "../core/limits.ts";
import { appendLeaf, EMPTY_FRONTIER, type Frontier, frontierRoot, leafHash } from "../core/merkle.ts";
import { type ImportAnswer, parseAnswer } from "../protocol/answers.ts";
import { type ExportHeader, kindOfLine, parseExportBlob, parseExportHeader } from "../protocol/export.ts";
import { HEADERS, MEDIA_TYPES, pathOf } from "../protocol/paths.ts";
import type { RestoreRequest } from "../protocol/requests.ts";
import type { GenesisKeys } from "../protocol/statements.ts";
import type { Settings } from "./options.ts";
import { jsonOf, outageOf, readJson, textOf, verifyResponse } from "./response.ts";
import { type Session, vouchedFor } from "./session.ts";
import { exchange, type RawAnswer } from "./transport.ts";
import { trustKey } from "./trust.ts";

/**
 * The lines of an export, each with its line feed, checked as they come: the statements lead to the header's root, the
 * checkpoint is the log's own, every text is its digest's.
 *
 * @throws import_invalid for an export that is not the log it says it is
 */
export async function* exportLines(session: Session, registry: string): AsyncGenerator<string> {
  const hash = createSha256();
  const lineOf = (line: string): string => {
    const whole = `${line}\n`;
    hash.update(utf8(whole));
    return whole;
  };
  const page = async (path: string): Promise<string[]> => {
    const { response } = await session.ask(path);
    const lines = textOf(response, MEDIA_TYPES.lines).split("\n");
    if (lines.pop() !== "") throw invalid("A page has no end.");
    return lines;
  };

  const [first, ...others] = await page(pathOf.export(registry));
  if (first === undefined || others.length > 0) throw invalid("It does not begin with a header.");
  const header: ExportHeader = parseExportHeader(parseJson(utf8(first)));
  const checkpoint = await session.note(header.checkpoint, 0);
  if (checkpoint.size !== header.size || toBase64(checkpoint.root) !== header.root) {
    throw invalid("Its checkpoint is of another tree.");
  }
  yield lineOf(first);

  let tree: Frontier = EMPTY_FRONTIER;
  while (tree.size < header.size) {
    const lines = await page(pathOf.exportStatements(registry, tree.size, header.size));
    if (lines.length === 0 || tree.size + lines.length > header.size) throw invalid("It has not as many statements.");
    for (const line of lines) {
      tree = appendLeaf(tree, leafHash(utf8(line)));
      yield lineOf(line);
    }
  }
  if (toBase64(frontierRoot(tree)) !== header.root) throw invalid("Its statements do not lead to its root.");
  for (const line of await page(pathOf.exportAnnouncements(registry, header.size))) yield lineOf(line);
  for (let after = ""; ; ) {
    const lines = await page(pathOf.exportBlobs(registry, after, header.size));
    const last = lines.at(-1);
    if (last === undefined) break;
    after = parseExportBlob(parseJson(utf8(last))).blob;
    for (const line of lines) yield lineOf(line);
  }
  yield `${JSON.stringify({ end: hash.hex() })}\n`;
}

/** An authority that a registry is read into. There is no registry there yet whose keys could be pinned. */
export interface ImportTarget {
  /** How far it is, and under which keys that authority would go on: what `registry.moved` has to name. */
  state(): Promise<ImportAnswer>;
  /**
   * Sends lines in parts; what came before a break is not sent again.
   *
   * @returns the last answer: `done` once the end was taken and the whole was checked
   */
  send(lines: AsyncIterable<string>, progress?: (answer: ImportAnswer) => void): Promise<ImportAnswer>;
  /**
   * Opens what was read in as a new epoch. Its answer is checked against the keys that the request itself names, which
   * the recovery key signed.
   */
  restore(request: RestoreRequest, idempotencyKey: string): Promise<void>;
}

/**
 * @throws whatever the target refuses with; its answers are checked against the keys that they name, since only who
 * holds the token's key could have taken the token
 */
export function createImportTarget(settings: Settings): ImportTarget {
  const { registry, url, token } = settings;
  let vouching: Promise<boolean> | undefined;

  /** One exchange whose answer is signed by the keys that `keysOf` finds, in the answer or beside it. */
  const exchanged = async <T>(
    path: string,
    sent: { readonly body: Bytes; readonly type: string; readonly headers?: Readonly<Record<string, string>> } | null,
    read: (raw: RawAnswer) => { readonly answer: T; readonly keys: GenesisKeys },
  ): Promise<T> => {
    const headers: Record<string, string> = { accept: MEDIA_TYPES.json, ...sent?.headers };
    vouching ??= vouchedFor(settings);
    await vouching;
    if (token !== undefined) headers.authorization = `Bearer ${token.reveal()}`;
    if (sent !== null) {
      headers["content-type"] = sent.type;
      headers[HEADERS.contentDigest.toLowerCase()] = contentDigest(sent.body);
    }
    const target = new URL(path, url);
    const method = sent === null ? "GET" : "POST";
    for (let attempt = 1; ; attempt++) {
      try {
        const raw = await exchange({ method, url: target, headers, body: sent?.body }, settings);
        if (raw.header("signature") === null) throw outageOf(raw);
        if (raw.status !== 200) throw await refusalIn(raw);
        const { answer, keys } = read(raw);
        const responseKeys = [await trustKey(keys["response-ed25519"])];
        jsonOf(await verifyResponse(raw, raw.request, { registry, responseKeys }, settings.now()));
        return answer;
      } catch (thrown) {
        const passing = thrown instanceof TesError && thrown.code === "authority_unreachable";
        if (!passing || attempt >= settings.attempts) throw thrown;
        await settings.backOff(attempt + 1);
      }
    }
  };

  const ask = (body?: Bytes): Promise<ImportAnswer> =>
    exchanged(pathOf.import(registry), body === undefined ? null : { body, type: MEDIA_TYPES.lines }, (raw) => {
      const answer = parseAnswer("import", readJson(raw.body), "answer_malformed");
      if (answer.registry !== registry) throw new TesError("answer_malformed", { detail: "It is of another one." });
      return { answer, keys: answer.keys };
    });

  return {
    state: () => ask(),
    async send(lines, progress = () => undefined) {
      let answer = await ask();
      const skip = answer.received;
      let seen = 0;
      let part: string[] = [];
      let bytes = 0;
      const flush = async (): Promise<void> => {
        if (part.length === 0) return;
        answer = await ask(utf8(part.join("")));
        part = [];
        bytes = 0;
        progress(answer);
      };
      for await (const line of lines) {
        if (kindOfLine(line) === "statement" && seen++ < skip) continue;
        const length = utf8(line).length;
        if (bytes + length > MAX_EXPORT_PAGE_BYTES) await flush();
        part.push(line);
        bytes += length;
      }
      await flush();
      return answer;
    },
    async restore(request, idempotencyKey) {
      const headers = { [HEADERS.idempotencyKey.toLowerCase()]: idempotencyKey };
      const sent = { body: utf8(JSON.stringify(request)), type: MEDIA_TYPES.json, headers };
      await exchanged(pathOf.restore(registry), sent, (raw) => ({
        answer: parseAnswer("written", readJson(raw.body), "answer_malformed"),
        keys: request.keys,
      }));
    },
  };
}

/** What a signed refusal says. Nothing vouches for its key here, so that it is shown and not acted on. */
async function refusalIn(raw: Parameters<typeof outageOf>[0]): Promise<TesError> {
  const claim = outageOf(raw);
  const code = claim.facts?.claim;
  const problem = readJson(raw.body) as { readonly detail?: unknown };
  const detail = typeof problem.detail === "string" ? problem.detail : "";
  return typeof code === "string" ? new TesError(code as TesError["code"], { detail }) : claim;
}

function invalid(detail: string): TesError {
  return new TesError("import_invalid", { detail });
}
