/** Who may publish an entity: how a set of keys follows another. Signatures are checked by whoever can wait. */
import { TesError } from "../core/errors.ts";
import type { PublishersSet } from "../protocol/releases.ts";
import type { PublishersSetStatement } from "../protocol/statements.ts";
import type { Patch, PublishersRow, RegistryRow, Rows } from "./rows.ts";

/** A set whose signatures hold: each is its key's, over the very bytes. Whether they suffice is decided here. */
export interface PublishersCommand extends PublishersSet {
  readonly kind: "publishers";
}

/**
 * The next set of publishers. The first one needs a signature of each key that it names, so that nobody names a key
 * that they do not hold. A later one needs those of its new keys, and as many of the present ones as the present
 * threshold says; the registry's recovery key, kept offline, stands for those when they are lost.
 *
 * @throws entity_unknown, publishers_conflict (facts: revision), signatures_insufficient
 */
export function decidePublishers(rows: Rows, registry: RegistryRow, command: PublishersCommand) {
  const { entity, revision, keys, threshold, signatures } = command;
  if (rows.entity(entity) === undefined) throw new TesError("entity_unknown", { detail: `there is no ${entity}` });
  const current = rows.publishers(entity);
  if (current !== undefined && isSame(current, command)) return null;
  checkPublishers(current, registry, command);
  return { type: "publishers.set", entity, revision, keys, threshold, signatures } as const;
}

function isSame(row: PublishersRow, { revision, keys, threshold }: PublishersCommand): boolean {
  return (
    revision === row.revision &&
    threshold === row.threshold &&
    keys.length === row.keys.length &&
    keys.every(({ kid }, i) => kid === row.keys[i]!.kid)
  );
}

/** The rules that hold for every set in a log. @throws as {@link decidePublishers} */
function checkPublishers(current: PublishersRow | undefined, registry: RegistryRow, set: PublishersSet): void {
  const next = (current?.revision ?? 0) + 1;
  if (set.revision !== next) {
    throw new TesError("publishers_conflict", {
      field: "/revision",
      detail: `the next is ${next}`,
      facts: { revision: next },
    });
  }
  if (set.threshold > set.keys.length) {
    throw new TesError("invalid_field", { field: "/threshold", detail: `there are ${set.keys.length} keys` });
  }
  const signed = new Set(set.signatures.map(({ kid }) => kid));
  const present = new Set(current?.keys.map(({ kid }) => kid));
  const unproven = set.keys.find(({ kid }) => !present.has(kid) && !signed.has(kid));
  if (unproven !== undefined) {
    throw new TesError("signatures_insufficient", { detail: `the new key ${unproven.kid} did not sign` });
  }
  if (current === undefined || signed.has(registry.recovery.kid)) return;
  const agreed = current.keys.filter(({ kid }) => signed.has(kid)).length;
  if (agreed < current.threshold) {
    throw new TesError("signatures_insufficient", {
      detail: `${agreed} of the ${current.threshold} that revision ${current.revision} asks for`,
      facts: { signed: agreed, threshold: current.threshold },
    });
  }
}

/** @throws what {@link decidePublishers} throws: for a sound log, nothing */
export function foldPublishers(rows: Rows, registry: RegistryRow, statement: PublishersSetStatement): Patch[] {
  const { entity, revision, keys, threshold, seq, at } = statement;
  const current = rows.publishers(entity);
  checkPublishers(current, registry, statement);
  const revisions = [...(current?.revisions ?? []), seq];
  return [{ table: "publishers", key: entity, value: { entity, revision, keys, threshold, seq, at, revisions } }];
}
