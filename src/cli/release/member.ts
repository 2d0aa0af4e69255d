/** One value in JSON of which nothing is known. */

import type { JsonValue } from "../../core/json.ts";

/** What lies at a path of members and indexes; undefined when nothing does. */
export function memberOf(json: JsonValue | undefined, ...path: readonly (string | number)[]): JsonValue | undefined {
  let found = json;
  for (const name of path) {
    if (typeof found !== "object" || found === null || !Object.hasOwn(found, name)) return undefined;
    found = (found as Record<string | number, JsonValue>)[name];
  }
  return found;
}
