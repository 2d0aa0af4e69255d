/** Which release is meant: `component:app@1.2.3`, or the entity alone for the version that it is at. */

import type { TesClient } from "../../client/client.ts";
import { TesError } from "../../core/errors.ts";
import { parseSemver } from "../../core/semver.ts";
import { parseEntityId } from "../../protocol/ids.ts";

export interface Target {
  readonly entity: string;
  readonly version: string;
}

/** @throws {TesError} `invalid_field`, `semver_invalid` */
export function parseTarget(text: string): { readonly entity: string; readonly version: string | undefined } {
  const at = text.indexOf("@");
  const entity = parseEntityId(at < 0 ? text : text.slice(0, at), "entity").id;
  if (at < 0) return { entity, version: undefined };
  const version = text.slice(at + 1);
  parseSemver(version);
  return { entity, version };
}

/** The same with a version that must stand there. @throws {TesError} `usage` */
export function needVersion(text: string): Target {
  const { entity, version } = parseTarget(text);
  if (version === undefined) throw new TesError("usage", { detail: `Name the version too: ${entity}@1.2.3.` });
  return { entity, version };
}

/** Asks the authority for the version where none is named. @throws {TesError} `entity_unknown` */
export async function resolveTarget(client: TesClient, text: string): Promise<Target> {
  const { entity, version } = parseTarget(text);
  return { entity, version: version ?? (await client.entity(entity)).version };
}

/** Where a release's folder goes unless another is named: `release/component-app-1.2.3`. */
export function folderOf({ entity, version }: Target): string {
  return `release/${entity.replace(":", "-")}-${version}`;
}
