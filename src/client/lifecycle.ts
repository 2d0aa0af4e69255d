/** The part of a client that looks back, and that takes away: history, differences, texts, tokens, registries. */

import { concat, fromBase64, utf8 } from "../core/bytes.ts";
import { TesError } from "../core/errors.ts";
import { sha256Hex } from "../core/hash.ts";
import {
  type BlobAnswer,
  type DiffAnswer,
  type HistoryAnswer,
  parseAnswer,
  type RegistriesAnswer,
} from "../protocol/answers.ts";
import { parseEntityId, parseRegistryName } from "../protocol/ids.ts";
import { DEFAULT_REGISTRY, pathOf } from "../protocol/paths.ts";
import type { MoveRequest, RestoreRequest } from "../protocol/requests.ts";
import type {
  BlobErased,
  EntityRetired,
  RegistryDelisted,
  RegistryMoved,
  RegistryRestored,
  TokenRevoked,
} from "../protocol/statements.ts";
import { jsonOf } from "./response.ts";
import type { Session } from "./session.ts";
import { type LifecycleWrite, statementWriter, type WrittenResult } from "./write.ts";

export interface Lifecycle {
  /** What touched an entity, newest first; `next` of one page is `cursor` for the next. */
  history(id: string, page?: { limit?: number | undefined; cursor?: string | undefined }): Promise<HistoryAnswer>;
  /** The entities that are not the same at two sizes of the log; `to` is now unless given. */
  diff(from: number, to?: number): Promise<DiffAnswer>;
  /** A text that a statement refers to, checked against its digest. @throws blob_unknown, blob_erased, digest_mismatch */
  blob(digest: string): Promise<BlobAnswer>;
  /** The other registries of the deployment. Only `default` has the list. */
  registries(): Promise<RegistriesAnswer["registries"]>;
  /** @throws entity_has_children, entity_unknown */
  retire(id: string, options?: LifecycleWrite & { reason?: string | undefined }): Promise<WrittenResult<EntityRetired>>;
  /** `exp`: when it would have expired, in seconds, if that is known. */
  revoke(token: string, options?: LifecycleWrite & { exp?: number | undefined }): Promise<WrittenResult<TokenRevoked>>;
  eraseBlob(digest: string, options?: LifecycleWrite): Promise<WrittenResult<BlobErased>>;
  /** Takes a registry off the deployment's list. Asked of `default`. */
  delist(name: string, options?: LifecycleWrite): Promise<WrittenResult<RegistryDelisted>>;
  /** Hands the registry over: nothing is written here afterwards. */
  move(to: MoveRequest["to"], options?: LifecycleWrite): Promise<WrittenResult<RegistryMoved>>;
  /** Opens a backup as a new epoch, as the recovery key signed it. */
  restore(request: RestoreRequest, options?: LifecycleWrite): Promise<WrittenResult<RegistryRestored>>;
}

export function createLifecycle(session: Session, registry: string): Lifecycle {
  const read = async (path: string) => jsonOf((await session.ask(path)).response);

  const write = statementWriter(session);

  const needDefault = (): void => {
    if (registry !== DEFAULT_REGISTRY) {
      throw new TesError("invalid_field", { field: "registry", detail: "default keeps the list of registries" });
    }
  };

  return {
    async history(id, page = {}) {
      const path = pathOf.history(registry, parseEntityId(id, "entity").id, page);
      const answer = parseAnswer("history", await read(path), "answer_malformed");
      if (answer.entity !== id) throw new TesError("answer_malformed", { detail: "It speaks of another entity." });
      return answer;
    },
    async diff(from, to) {
      const answer = parseAnswer("diff", await read(pathOf.diff(registry, from, to)), "answer_malformed");
      if (answer.from !== from || (to !== undefined && answer.to !== to)) {
        throw new TesError("answer_malformed", { detail: "It is between other sizes." });
      }
      return answer;
    },
    async blob(digest) {
      const answer = parseAnswer("blob", await read(pathOf.blob(registry, digest)), "answer_malformed");
      const salt = fromBase64(answer.salt);
      if (salt === null || sha256Hex(concat(salt, utf8(answer.text))) !== digest) throw new TesError("digest_mismatch");
      return answer;
    },
    async registries() {
      needDefault();
      return parseAnswer("registries", await read(pathOf.registries()), "answer_malformed").registries;
    },
    retire(id, { reason, ...options } = {}) {
      const path = pathOf.retire(registry, parseEntityId(id, "entity").id);
      const body = reason === undefined ? {} : { reason };
      return write(path, body, "entity.retired", options, (statement) => statement.entity === id);
    },
    revoke(token, { exp, ...options } = {}) {
      const body = exp === undefined ? {} : { exp };
      return write(
        pathOf.revoke(registry, token),
        body,
        "token.revoked",
        options,
        (statement) => statement.token === token && (exp === undefined || statement.exp === exp),
      );
    },
    eraseBlob: (digest, options = {}) =>
      write(pathOf.eraseBlob(registry, digest), {}, "blob.erased", options, (statement) => statement.digest === digest),
    delist(name, options = {}) {
      needDefault();
      const path = pathOf.delist(parseRegistryName(name, "name"));
      return write(path, {}, "registry.delisted", options, (statement) => statement.name === name);
    },
    move: (to, options = {}) =>
      write(pathOf.move(registry), { to }, "registry.moved", options, (statement) => statement.to.url === to.url),
    restore: (request, options = {}) =>
      write(
        pathOf.restore(registry),
        request,
        "registry.restored",
        options,
        (statement) => statement.epoch === request.epoch,
      ),
  };
}
