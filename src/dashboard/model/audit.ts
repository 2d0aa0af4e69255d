/** Reading a whole log in this browser, and comparing what it leads to with what the authority says. */

import type { EntityView, TesClient, Watched } from "../../client/index.ts";

export interface Difference {
  readonly entity: string;
  /** Undefined: the log, or the answer, has no such entity. */
  readonly log: string | undefined;
  readonly answer: string | undefined;
}

export interface Audited {
  readonly statements: number;
  readonly entities: number;
  readonly differences: readonly Difference[];
  /** Statements of kinds that this page does not know: they were proved, and not read. */
  readonly unknown: number;
}

/** The part of the state that a page compares: the version of each entity. A restore may raise versions by rules of its own. */
export interface Fold {
  readonly versions: Map<string, string>;
  unknown: number;
  restored: boolean;
}

export function foldInto(fold: Fold, { statement }: Pick<Watched, "statement">): void {
  switch (statement?.type) {
    case undefined:
      fold.unknown++;
      break;
    case "entity.declared":
      fold.versions.set(statement.entity, statement.version);
      break;
    case "version.bumped":
      for (const { entity, to } of statement.changes) fold.versions.set(entity, to);
      break;
    case "registry.restored":
      fold.restored = true;
      break;
  }
}

/** @param entities what the authority answered for the log at that very size */
export function compare({ versions }: Fold, entities: readonly EntityView[]): Difference[] {
  const answered = new Map(entities.map(({ entity, version }) => [entity, version]));
  return [...new Set([...versions.keys(), ...answered.keys()])]
    .filter((entity) => versions.get(entity) !== answered.get(entity))
    .sort()
    .map((entity) => ({ entity, log: versions.get(entity), answer: answered.get(entity) }));
}

/**
 * Reads every statement below `size`, each proved, and compares the versions they lead to with the signed state at that
 * size.
 *
 * @throws what the client finds
 */
export async function auditLog(
  client: TesClient,
  size: number,
  signal: AbortSignal,
  progress: (read: number) => void,
): Promise<Audited> {
  const fold: Fold = { versions: new Map(), unknown: 0, restored: false };
  if (size > 0) {
    for await (const one of client.watch({ since: 0, signal })) {
      foldInto(fold, one);
      progress(one.index + 1);
      if (one.index + 1 >= size) break;
    }
  }
  signal.throwIfAborted();
  const { entities } = await client.state(size);
  const differences = fold.restored ? [] : compare(fold, entities);
  return { statements: size, entities: entities.length, differences, unknown: fold.unknown };
}
