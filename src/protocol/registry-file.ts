/** `tes.registry.json`: a publisher's entities, written down beside the files that carry their versions. */
import * as v from "valibot";
import { type ErrorCode, TesError } from "../core/errors.ts";
import type { JsonValue } from "../core/json.ts";
import { MAX_ENTITIES } from "../core/limits.ts";
import { Entity, HexHash, Labels, Registry, Strategy, Version } from "./fields.ts";
import { DeclaredFiles } from "./files.ts";
import { parseWith } from "./parse.ts";
import { DEFAULT_REGISTRY } from "./paths.ts";
import type { Declaration } from "./requests.ts";

export const REGISTRY_FILE_NAME = "tes.registry.json";

const FileEntity = v.strictObject({
  id: Entity,
  version: v.exactOptional(Version),
  strategy: v.exactOptional(Strategy),
  parent: v.exactOptional(v.nullable(Entity)),
  files: v.exactOptional(DeclaredFiles),
  metadata: v.exactOptional(Labels),
});

const RegistryFile = v.strictObject({
  registry: v.exactOptional(Registry, DEFAULT_REGISTRY),
  authority: v.exactOptional(
    v.strictObject({
      url: v.pipe(
        v.string(),
        v.regex(/^https?:\/\/[^/?#@\s]{1,255}$/, "http:// or https:// and a host, nothing behind it"),
      ),
      genesis: v.exactOptional(HexHash),
    }),
  ),
  entities: v.pipe(v.array(FileEntity), v.maxLength(MAX_ENTITIES, `at most ${MAX_ENTITIES} entities`)),
});

/** One entity of the file. `version` is where it starts; once declared, only bumps move it. */
export type RegistryFileEntity = v.InferOutput<typeof FileEntity>;
/**
 * The file. `registry` is `default` unless named. `authority` says where it is kept and which genesis it has, so that
 * whoever has the checkout has the pin.
 */
export type RegistryFile = v.InferOutput<typeof RegistryFile>;

/**
 * Reads the file's JSON and checks what can be checked without the authority: every id once, every parent in the file,
 * no cycle, lockstep with a parent and at its version.
 *
 * @throws invalid_field, parent_unknown, cascade_cycle; `field` is a JSON pointer into the file
 * @example
 * parseRegistryFile({ registry: "default", entities: [{ id: "global:main", version: "0.1.0" }] });
 */
export function parseRegistryFile(json: JsonValue): RegistryFile {
  const file = parseWith(RegistryFile, json);
  const byId = new Map<string, RegistryFileEntity>();
  for (const [i, entity] of file.entities.entries()) {
    if (byId.has(entity.id)) throw refuse("invalid_field", i, "id", `${entity.id} stands twice`);
    byId.set(entity.id, entity);
  }
  for (const [i, entity] of file.entities.entries()) checkParent(i, entity, byId);
  return file;
}

/** The file's entity as what a declaration asks for. */
export function declarationOf({ id, ...rest }: RegistryFileEntity): Declaration {
  return { entity: id, ...rest };
}

function checkParent(i: number, entity: RegistryFileEntity, byId: ReadonlyMap<string, RegistryFileEntity>): void {
  const parent = entity.parent ?? null;
  if (parent === null) {
    if (entity.strategy === "lockstep") throw refuse("invalid_field", i, "strategy", "lockstep needs a parent");
    return;
  }
  const row = byId.get(parent);
  if (row === undefined) throw refuse("parent_unknown", i, "parent", `${parent} is not in this file`);
  const seen = new Set([entity.id]);
  for (let at: string | null = parent; at !== null; at = byId.get(at)?.parent ?? null) {
    if (at === entity.id) throw refuse("cascade_cycle", i, "parent", `${entity.id} would be its own ancestor`);
    if (seen.has(at)) break; // A cycle further up: its own members report it.
    seen.add(at);
  }
  const own = entity.version;
  if (entity.strategy === "lockstep" && own !== undefined && row.version !== undefined && own !== row.version) {
    throw refuse("invalid_field", i, "version", `a lockstep entity is at its parent's version, ${row.version}`);
  }
}

function refuse(code: ErrorCode, i: number, member: string, detail: string): TesError {
  return new TesError(code, { field: `/entities/${i}/${member}`, detail });
}
