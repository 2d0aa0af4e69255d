/** What a configuration says, by parsers that the product does not use, and what a mend may change of it. */

import { isDeepStrictEqual } from "node:util";
import { parse as parseToml } from "smol-toml";

type Table = { [key: string]: unknown };

/** The values of a text: smol-toml, which wrangler itself uses, or JSON.parse on a text without comments. */
export function meaningOf(file: string, text: string): Table {
  const body = text.replace(/^\uFEFF/, "");
  return plain(file.endsWith(".toml") ? parseToml(body) : JSON.parse(withoutExtras(body))) as Table;
}

/** smol-toml's tables have no prototype, which a strict comparison takes for a difference. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null || value instanceof Date) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}

/** JSON without comments and trailing commas. */
function withoutExtras(text: string): string {
  const bare = text.replace(/"(?:\\.|[^"\\])*"|\/\/[^\r\n]*|\/\*[\s\S]*?\*\//g, (found) =>
    found[0] === '"' ? found : " ",
  );
  return bare.replace(/"(?:\\.|[^"\\])*"|,(?=\s*[}\]])/g, (found) => (found === "," ? "" : found));
}

/**
 * What is wrong with a fix, or null.
 *
 * Apart from migrations and secrets nothing may differ; nested migrations are gone or all there; every migration that
 * stands in a list was there before, or is a first one for bound classes; secrets are the top level's.
 */
export function meaningFault(before: Table, after: Table): string | null {
  const [top, ...envs] = pairs(before, after);
  for (const [name, old, now] of [top!, ...envs]) {
    const nested = nestedOf(old);
    const left = nestedOf(now);
    if (left !== undefined && !isDeepStrictEqual(left, nested)) return `${name}: some nested migrations are left`;
    const moved = left === undefined ? listOf(nested) : [];
    const own = old.migrations ?? undefined;
    const inherited = listOf(now === top![2] ? own : (own ?? top![2].migrations));
    const unseen = moved.filter(
      (item, i) => ![...inherited, ...moved.slice(0, i)].some((other) => isDeepStrictEqual(item, other)),
    );
    const expected = unseen.length === 0 ? own : [...listOf(own), ...unseen];
    const firsts = (now.migrations as Table[] | undefined)?.[0];
    const isFirst = listOf(expected).length === 0 && listOf(now.migrations).length === 1;
    if (!isDeepStrictEqual(now.migrations ?? undefined, expected) && !(isFirst && isFirstFor(firsts!, before))) {
      return `${name}: migrations ${JSON.stringify(now.migrations)}, expected ${JSON.stringify(expected)}`;
    }
    const required = (top![1].secrets as Table | undefined)?.required;
    if (!isDeepStrictEqual(now.secrets, old.secrets) && !isDeepStrictEqual(now.secrets, { required })) {
      return `${name}: secrets ${JSON.stringify(now.secrets)}`;
    }
    if (!isDeepStrictEqual(rest(old), rest(now))) return `${name}: something else changed`;
  }
  return null;
}

function pairs(before: Table, after: Table): [string, Table, Table][] {
  const envs = Object.entries((before.env ?? {}) as Table).filter(([, value]) => isTable(value)) as [string, Table][];
  const later = (after.env ?? {}) as Table;
  return [
    ["top level", before, after],
    ...envs.map(([env, table]): [string, Table, Table] => [env, table, (later[env] ?? {}) as Table]),
  ];
}

function isTable(value: unknown): value is Table {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function nestedOf(table: Table): unknown {
  return isTable(table.durable_objects) ? (table.durable_objects.migrations ?? undefined) : undefined;
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : isTable(value) ? [value] : [];
}

/** A first migration names classes that the file binds, and nothing else. */
function isFirstFor(migration: Table, whole: Table): boolean {
  const { tag, new_sqlite_classes: classes, ...others } = migration;
  const text = JSON.stringify(whole);
  return (
    tag === "v1" &&
    Object.keys(others).length === 0 &&
    Array.isArray(classes) &&
    classes.length > 0 &&
    classes.every((name) => text.includes(`"class_name":${JSON.stringify(name)}`))
  );
}

/** A worker without what a mend may change; a `durable_objects` that held only migrations counts as none. */
function rest(table: Table): Table {
  const { migrations: _migrations, secrets: _secrets, durable_objects: durable, env, ...others } = table;
  const { migrations: _nested, ...objects } = (
    durable === undefined ? {} : isTable(durable) ? durable : { durable }
  ) as Table;
  const envs = isTable(env)
    ? Object.fromEntries(Object.entries(env).map(([name, value]) => [name, isTable(value) ? true : value]))
    : env;
  return { ...others, objects, envs };
}
