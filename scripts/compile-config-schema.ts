/**
 * Writes src/cli/config/generated/config-schema.json from the pinned wrangler's config-schema.json.
 *
 * Run: bun scripts/compile-config-schema.ts. Prose goes, `$ref`s become plain names, and a keyword that the walk in
 * src/cli/config/schema.ts does not know stops it.
 */

import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "..");
const PROSE = new Set([
  "description",
  "markdownDescription",
  "default",
  "deprecated",
  "examples",
  "allowTrailingCommas",
]);
const KNOWN = new Set([
  "$ref",
  "additionalProperties",
  "anyOf",
  "const",
  "enum",
  "items",
  "maximum",
  "minimum",
  "multipleOf",
  "properties",
  "required",
  "type",
]);
const PREFIX = "#/definitions/";

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
type JsonObject = { readonly [key: string]: Json };

/** The compiled text for the given bytes of config-schema.json. */
export function compileConfigSchema(source: string, wrangler: string): string {
  const schema = JSON.parse(source) as JsonObject;
  const definitions = schema.definitions as JsonObject;
  const [top] = schema.allOf as readonly JsonObject[];
  const compiled = {
    wrangler,
    sha256: createHash("sha256").update(source).digest("hex"),
    root: name(top?.$ref),
    definitions: Object.fromEntries(Object.entries(definitions).map(([key, value]) => [key, compile(value, key)])),
  };
  return `${JSON.stringify(compiled)}\n`;
}

function name(ref: Json | undefined): string {
  if (typeof ref !== "string" || !ref.startsWith(PREFIX)) throw new Error(`unexpected $ref: ${JSON.stringify(ref)}`);
  return decodeURIComponent(ref.slice(PREFIX.length));
}

function compile(schema: Json, at: string): Json {
  if (typeof schema !== "object" || schema === null || Array.isArray(schema)) {
    if (typeof schema === "boolean") return schema;
    throw new Error(`not a schema: ${at}`);
  }
  const out: Record<string, Json> = {};
  for (const [key, value] of Object.entries(schema as JsonObject)) {
    if (PROSE.has(key)) continue;
    if (!KNOWN.has(key)) throw new Error(`unknown keyword "${key}" at ${at}: teach src/cli/config/schema.ts first`);
    if (key === "$ref") out[key] = name(value);
    else if (key === "properties") {
      const properties = Object.entries(value as JsonObject);
      out[key] = Object.fromEntries(properties.map(([field, inner]) => [field, compile(inner, `${at}.${field}`)]));
    } else if (key === "anyOf") out[key] = (value as readonly Json[]).map((inner, i) => compile(inner, `${at}|${i}`));
    else if (key === "items" || key === "additionalProperties") out[key] = compile(value, `${at}.${key}`);
    else out[key] = value;
  }
  return out;
}

if (import.meta.main) {
  const wrangler = join(ROOT, "node_modules/wrangler");
  const { version } = JSON.parse(readFileSync(join(wrangler, "package.json"), "utf8")) as { version: string };
  const source = readFileSync(join(wrangler, "config-schema.json"), "utf8");
  writeFileSync(join(ROOT, "src/cli/config/generated/config-schema.json"), compileConfigSchema(source, version));
}
