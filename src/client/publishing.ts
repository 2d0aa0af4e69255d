/** The part of a client that publishes: who may, what was released, and what was taken back. */

import { TesError } from "../core/errors.ts";
import type { JsonObject, JsonValue } from "../core/json.ts";
import { parseSemver } from "../core/semver.ts";
import { parseAnswer, type Receipt } from "../protocol/answers.ts";
import { parseEntityId } from "../protocol/ids.ts";
import { pathOf } from "../protocol/paths.ts";
import type { BundlesAnswer, PublishAnswer, ReleaseAnswer, ReleasesAnswer } from "../protocol/release-answers.ts";
import type { PublishersRequest, ReleaseRequest } from "../protocol/release-requests.ts";
import type { PublishersSetStatement, ReleaseUnyanked, ReleaseYanked } from "../protocol/statements.ts";
import type { VerifiedReceipt } from "./receipt.ts";
import {
  type ProvenPublishers,
  type ProvenRelease,
  RELEASE_DOCUMENT_TYPE,
  type ReleaseDocument,
  verifyPublishers,
  verifyReleaseAnswer,
} from "./release.ts";
import { jsonOf } from "./response.ts";
import type { Session } from "./session.ts";
import { type LifecycleWrite, statementWriter, type WrittenResult } from "./write.ts";

/** Who publishes an entity, and how that came, all proved. The last revision is the one that counts; none: nobody yet. */
export interface Publishers {
  readonly entity: string;
  /** 0 when nobody does. */
  readonly revision: number;
  readonly threshold: number;
  readonly keys: PublishersSetStatement["keys"];
  readonly history: readonly ProvenPublishers[];
  /** What proves it to others, one for each revision. */
  readonly receipts: readonly Receipt[];
}

/** A release with what proves it. */
export interface FoundRelease {
  readonly release: ProvenRelease;
  /** To be kept: proves the same offline, to anyone who has the pin. */
  readonly document: ReleaseDocument;
}

/** What publishing came to. */
export interface PublishResult extends Omit<PublishAnswer, "receipts"> {
  readonly receipts: readonly VerifiedReceipt[];
  readonly idempotencyKey: string;
}

export interface Publishing {
  /** @throws entity_unknown */
  publishers(entity: string): Promise<Publishers>;
  /** The next set of publishers, signed as `publishersBytes` says. @throws publishers_conflict, signatures_insufficient */
  setPublishers(
    entity: string,
    request: PublishersRequest,
    options?: LifecycleWrite,
  ): Promise<WrittenResult<PublishersSetStatement>>;
  /** Publishes what the envelope says: all or nothing. @throws release_exists, signatures_insufficient, artifact_missing */
  release(request: ReleaseRequest, options?: LifecycleWrite): Promise<PublishResult>;
  /** @throws release_unknown, blob_erased and all that {@link verifyReleaseAnswer} finds */
  releaseOf(entity: string, version: string): Promise<FoundRelease>;
  /** Newest first. What it says is signed by the authority; `releaseOf` proves one. */
  releases(page?: {
    entity?: string | undefined;
    limit?: number | undefined;
    cursor?: string | undefined;
  }): Promise<ReleasesAnswer>;
  /** The release as its authority shows it, not proved yet. For a page that shows what failed. */
  releaseAnswer(entity: string, version: string): Promise<ReleaseAnswer>;
  /** Sigstore bundles, one for each signature. */
  bundles(entity: string, version: string): Promise<BundlesAnswer["bundles"]>;
  /** The trusted_root.json of the log, for Sigstore's verifiers. */
  trustedRoot(): Promise<JsonObject>;
  /** Withdraws a release. @throws release_unknown */
  yank(
    entity: string,
    version: string,
    options?: LifecycleWrite & { reason?: string | undefined },
  ): Promise<WrittenResult<ReleaseYanked>>;
  unyank(
    entity: string,
    version: string,
    options?: LifecycleWrite & { reason?: string | undefined },
  ): Promise<WrittenResult<ReleaseUnyanked>>;
}

export function createPublishing(session: Session, registry: string): Publishing {
  const read = async (path: string): Promise<JsonValue> => jsonOf((await session.ask(path)).response);
  const write = statementWriter(session);
  /** What goes into a path is what it looks like: a version has no slash. */
  const keyOf = (entity: string, version: string): [string, string, string] => {
    parseSemver(version);
    return [registry, parseEntityId(entity, "entity").id, version];
  };

  const found = async (entity: string, version: string): Promise<{ json: JsonValue; answer: ReleaseAnswer }> => {
    const json = await read(pathOf.release(...keyOf(entity, version)));
    const answer = parseAnswer("release", json, "answer_malformed");
    if (answer.release.entity !== entity || answer.release.version !== version) {
      throw new TesError("answer_malformed", { detail: "It is another release." });
    }
    return { json, answer };
  };

  return {
    async publishers(entity) {
      const path = pathOf.publishers(registry, parseEntityId(entity, "entity").id);
      const answer = parseAnswer("publishers", await read(path), "answer_malformed");
      const history = await verifyPublishers(answer.receipts, entity, await session.trust());
      const current = history.at(-1)?.statement;
      if (answer.entity !== entity || answer.revision !== (current?.revision ?? 0)) {
        throw new TesError("answer_malformed", { detail: "The publishers are not those of its last receipt." });
      }
      return {
        entity,
        revision: current?.revision ?? 0,
        threshold: current?.threshold ?? 0,
        keys: current?.keys ?? [],
        history,
        receipts: answer.receipts,
      };
    },
    setPublishers: (entity, request, options = {}) =>
      write(
        pathOf.publishers(registry, parseEntityId(entity, "entity").id),
        request,
        "publishers.set",
        options,
        (statement) => statement.entity === entity && statement.revision === request.revision,
      ),
    async release(request, { idempotencyKey } = {}) {
      const sent = session.write(request, idempotencyKey);
      const { response, atLeast } = await session.ask(pathOf.releases(registry), sent);
      const { receipts, ...answer } = parseAnswer("publish", jsonOf(response), "answer_malformed");
      const dryRun = request.dryRun === true;
      if (answer.dryRun !== dryRun || (receipts.length === 0) !== dryRun) {
        throw new TesError("answer_malformed", { detail: "A release has receipts, and a dry run has none." });
      }
      const verified: VerifiedReceipt[] = [];
      for (const receipt of receipts as readonly Receipt[]) {
        const one = await session.receipt(receipt, atLeast);
        const { statement } = one;
        if (!("version" in statement) || statement.entity !== answer.entity || statement.version !== answer.version) {
          throw new TesError("proof_invalid", { detail: "What is proved is not what was asked for." });
        }
        verified.push(one);
      }
      return { ...answer, receipts: verified, idempotencyKey: sent.idempotencyKey };
    },
    async releaseOf(entity, version) {
      const { json, answer } = await found(entity, version);
      const { answer: keys, trust } = await session.keys();
      const release = await verifyReleaseAnswer(answer, trust);
      return {
        release,
        document: { mediaType: RELEASE_DOCUMENT_TYPE, keys: keys as unknown as JsonValue, release: json },
      };
    },
    async releaseAnswer(entity, version) {
      return (await found(entity, version)).answer;
    },
    async releases(page = {}) {
      if (page.entity !== undefined) parseEntityId(page.entity, "entity");
      return parseAnswer("releases", await read(pathOf.releases(registry, page)), "answer_malformed");
    },
    async bundles(entity, version) {
      const { receipts } = (await found(entity, version)).answer;
      const made: BundlesAnswer["bundles"][number][] = [];
      // One signer's at a time: every bundle holds its payload whole, and many would not fit one answer.
      for (const { statement } of receipts) {
        const { signer } = statement;
        if (typeof signer !== "string") throw new TesError("answer_malformed", { detail: "A release without signer." });
        const path = pathOf.bundles(...keyOf(entity, version), signer);
        made.push(...parseAnswer("bundles", await read(path), "answer_malformed").bundles);
      }
      return made;
    },
    async trustedRoot() {
      const json = await read(pathOf.trustedRoot(registry));
      parseAnswer("trustedRoot", json, "answer_malformed");
      return json as JsonObject;
    },
    yank(entity, version, { reason, ...options } = {}) {
      const path = pathOf.yank(...keyOf(entity, version));
      return write(
        path,
        reason === undefined ? {} : { reason },
        "release.yanked",
        options,
        (statement) => statement.entity === entity && statement.version === version,
      );
    },
    unyank(entity, version, { reason, ...options } = {}) {
      const path = pathOf.unyank(...keyOf(entity, version));
      return write(
        path,
        reason === undefined ? {} : { reason },
        "release.unyanked",
        options,
        (statement) => statement.entity === entity && statement.version === version,
      );
    },
  };
}
