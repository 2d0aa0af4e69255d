/** The names of the protocol: registries, entities, origins. All are ASCII, so that look-alikes cannot exist. */
import { TesError } from "../core/errors.ts";
import { clip } from "./parse.ts";

const REGISTRY = /^[a-z0-9][a-z0-9-]{0,62}$/;
const ENTITY_TYPE = /^[a-z][a-z0-9-]{0,31}$/;
const ENTITY_NAME = /^[a-z0-9][a-z0-9._-]{0,127}$/;
const ORIGIN = /^[a-z0-9.-]+(?:\/[a-z0-9._-]+)*$/;
const MAX_ORIGIN_CHARS = 128;
/** A type, a colon, a name: MAX_ENTITY_TYPE_CHARS + 1 + MAX_ENTITY_NAME_CHARS. */
const MAX_ENTITY_ID_CHARS = 161;
const SCOPE_GLOB = /^[a-z0-9:._*-]+$/;

/** What stands for every entity in a bump. */
export const EVERY_ENTITY = "*";

/** An entity id, taken apart. */
export interface EntityId {
  /** The whole: `type:name`. */
  readonly id: string;
  readonly type: string;
  readonly name: string;
}

export function isRegistryName(text: string): boolean {
  return REGISTRY.test(text);
}

/** @throws invalid_field unless the text is 1 to 63 of `a-z 0-9 -`, not starting with `-`. */
export function parseRegistryName(text: string, field?: string): string {
  if (isRegistryName(text)) return text;
  throw refuse("a registry name is 1 to 63 of a-z, 0-9 and -, and starts with a letter or digit", text, field);
}

/** Whether the text is `type:name`, in small ASCII letters, without `..` and not ending in a dot. */
export function isEntityId(text: string): boolean {
  const colon = text.indexOf(":");
  if (colon < 0 || text.length > MAX_ENTITY_ID_CHARS) return false;
  const name = text.slice(colon + 1);
  return (
    ENTITY_TYPE.test(text.slice(0, colon)) && ENTITY_NAME.test(name) && !name.includes("..") && !name.endsWith(".")
  );
}

/**
 * Takes an entity id apart.
 *
 * @throws invalid_field
 * @example
 * parseEntityId("component:dashboard"); // { id: "component:dashboard", type: "component", name: "dashboard" }
 */
export function parseEntityId(text: string, field?: string): EntityId {
  if (!isEntityId(text)) {
    throw refuse("an entity id is type:name, of a-z, 0-9 and -, in the name also . and _", text, field);
  }
  const colon = text.indexOf(":");
  return { id: text, type: text.slice(0, colon), name: text.slice(colon + 1) };
}

/** Whether the text is a schemeless, host-like path, as docs/formats.md has it. */
export function isOrigin(text: string): boolean {
  return text.length <= MAX_ORIGIN_CHARS && ORIGIN.test(text);
}

/** @throws invalid_field */
export function parseOrigin(text: string, field?: string): string {
  if (isOrigin(text)) return text;
  throw refuse("an origin is a host-like path without a scheme, at most 128 characters", text, field);
}

/** The origin of a registry whose operator names none. */
export function defaultOrigin(registry: string): string {
  return `tes.local/${registry}`;
}

/** Whether the text is a glob over entity ids: their characters, and `*` for any run. `**` is refused: it says no more. */
export function isScopeGlob(text: string): boolean {
  return text.length <= MAX_ENTITY_ID_CHARS && SCOPE_GLOB.test(text) && !text.includes("**");
}

function refuse(rule: string, text: string, field: string | undefined): TesError {
  return new TesError("invalid_field", {
    detail: `${rule}, not ${clip(text)}`,
    ...(field === undefined ? {} : { field }),
  });
}
