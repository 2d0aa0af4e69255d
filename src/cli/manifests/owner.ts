/** What an entity's git tags may be called: by its id, and by the packages whose manifests it lists. */

import { TesError } from "../../core/errors.ts";
import type { EntityFile } from "../../protocol/files.ts";
import { openFiles } from "../files/open.ts";
import type { TagOwner } from "../tags.ts";
import { nameOf } from "./manifest.ts";

/** As much of an entity as its tags depend on. */
export interface TaggedEntity {
  readonly id: string;
  readonly parent?: string | null | undefined;
  readonly files?: readonly EntityFile[] | undefined;
}

/**
 * Whose tags to look for. Tags without a name (`v1.2.3`) belong to the entity that has no parent, when there is just one.
 *
 * @param dir where the entity's files are given from
 * @param all every entity of the registry
 * @param form the form of its tags where the publisher says so, checked by `parseTagForm`
 */
export async function tagOwnerOf(
  dir: string,
  entity: TaggedEntity,
  all: readonly TaggedEntity[],
  form?: string,
): Promise<TagOwner> {
  const checkout = await openFiles(dir);
  const names: string[] = [];
  for (const { path, pattern } of entity.files ?? []) {
    if (pattern !== undefined) continue;
    try {
      const name = nameOf(await checkout.open(path));
      if (name !== undefined) names.push(name);
    } catch (error) {
      // A file that cannot be read is reported where it is written.
      if (!(error instanceof TesError)) throw error;
    }
  }
  const short = names.map((name) => name.split("/").at(-1)!);
  const roots = all.filter(({ parent }) => parent === null || parent === undefined);
  const bare = roots.length === 1 && roots[0]!.id === entity.id;
  const own = entity.id.slice(entity.id.indexOf(":") + 1);
  return { names: [...new Set([...names, ...short, own])], bare, ...(form === undefined ? {} : { form }) };
}
