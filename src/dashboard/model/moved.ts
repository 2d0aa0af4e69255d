/** What a statement does to the entities that are shown. */

import type { EntityView, Statement } from "../../client/index.ts";

/** The entities after a statement that was proved; the same ones for a statement that moves none. */
export function movedBy(
  before: ReadonlyMap<string, EntityView>,
  statement: Statement,
): ReadonlyMap<string, EntityView> {
  const { seq, at } = statement;
  const entities = new Map(before);
  switch (statement.type) {
    case "version.bumped":
      for (const { entity, to } of statement.changes) {
        const was = entities.get(entity);
        if (was !== undefined) entities.set(entity, { ...was, version: to, seq, at });
      }
      return entities;
    case "entity.declared": {
      const { entity, version, strategy, parent, files, metadata } = statement;
      const labels = metadata === undefined ? {} : { metadata };
      return entities.set(entity, { entity, version, strategy, parent, files, ...labels, seq, at });
    }
    case "entity.retired": {
      const was = entities.get(statement.entity);
      if (was !== undefined) entities.set(statement.entity, { ...was, retired: true, seq, at });
      return entities;
    }
    default:
      return before;
  }
}
