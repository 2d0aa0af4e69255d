/**
 * wrangler's own config-schema.json, checked against the common tree.
 *
 * `generated/config-schema.json` is that schema without its prose, tied to the pinned wrangler by SHA-256
 * (`npm run config-schema`). It uses few keywords, so a walk over it answers in well under a millisecond and knows
 * the place of every fault; ajv's standalone code for it is 845 KB and takes 12 ms to load
 * (docs/decisions/config-schema.md). A test holds the walk against ajv.
 */

import generated from "./generated/config-schema.json" with { type: "json" };
import { closest } from "./spelling.ts";
import { type ConfigNode, type ObjectNode, type ScalarNode, type Span, walk } from "./tree.ts";

/** The keywords that config-schema.json uses; the compile script refuses any other. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: "object" | "array" | "string" | "number" | "boolean" | "null";
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly enum?: readonly (string | number | boolean)[];
  readonly const?: string | number | boolean;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly multipleOf?: number;
}

/** One place where the configuration departs from the schema. */
export interface SchemaFault {
  readonly kind: "unknown" | "missing" | "type" | "value";
  /** Keys and indexes of the object or value at fault; for `unknown` and `missing` the field's name comes last. */
  readonly path: readonly (string | number)[];
  readonly span: Span;
  /** A sentence part: what was expected. */
  readonly expected: string;
  /** The known field that an unknown one resembles. */
  readonly suggestion?: string;
}

interface SchemaFile {
  readonly wrangler: string;
  readonly sha256: string;
  readonly root: string;
  readonly definitions: Readonly<Record<string, Schema>>;
}

const FILE = generated as unknown as SchemaFile;

/** The wrangler release whose schema this is, and the SHA-256 of its config-schema.json. */
export const SCHEMA_SOURCE = { wrangler: FILE.wrangler, sha256: FILE.sha256 } as const;

type Path = readonly (string | number)[];

/** Every departure from the schema, in the order of the schema's walk. */
export function checkSchema(root: ObjectNode): SchemaFault[] {
  const faults: SchemaFault[] = [];
  check(root, { $ref: FILE.root }, [], faults);
  return faults;
}

/** The names of the fields an environment may have that the schema knows; the top level has these and more. */
export function knownFields(definition: string): readonly string[] {
  return Object.keys(FILE.definitions[definition]?.properties ?? {});
}

function resolve(schema: Schema): Schema {
  let at = schema;
  while (at.$ref !== undefined) at = FILE.definitions[at.$ref] ?? {};
  return at;
}

function check(node: ConfigNode, unresolved: Schema, path: Path, faults: SchemaFault[]): void {
  const schema = resolve(unresolved);
  if (schema.anyOf !== undefined) {
    checkUnion(node, schema.anyOf, path, faults);
    return;
  }
  if (schema.type !== undefined && schema.type !== node.kind) {
    faults.push({ kind: "type", path, span: node, expected: `${article(schema.type)} and not ${article(node.kind)}` });
    return;
  }
  if (node.kind === "object") checkObject(node, schema, path, faults);
  else if (node.kind === "array") {
    const items = schema.items;
    if (items !== undefined) for (const [i, item] of node.items.entries()) check(item, items, [...path, i], faults);
  } else checkScalar(node, schema, path, faults);
}

function checkScalar(node: ScalarNode, schema: Schema, path: Path, faults: SchemaFault[]): void {
  const allowed = schema.const === undefined ? schema.enum : [schema.const];
  if (allowed !== undefined && !allowed.includes(node.value as string)) {
    faults.push({ kind: "value", path, span: node, expected: oneOf(allowed) });
    return;
  }
  if (typeof node.value !== "number") return;
  const { minimum = -Infinity, maximum = Infinity, multipleOf } = schema;
  if (node.value < minimum || node.value > maximum) {
    faults.push({ kind: "value", path, span: node, expected: `between ${minimum} and ${maximum}` });
  } else if (multipleOf !== undefined && !isMultiple(node.value, multipleOf)) {
    faults.push({ kind: "value", path, span: node, expected: `a multiple of ${multipleOf}` });
  }
}

function isMultiple(value: number, of: number): boolean {
  // As ajv does it: the quotient must be an integer as a double.
  return Number.isInteger(value / of);
}

function checkObject(node: ObjectNode, schema: Schema, path: Path, faults: SchemaFault[]): void {
  const known = schema.properties ?? {};
  const missing = new Set((schema.required ?? []).filter((name) => !node.entries.has(name)));
  for (const [key, entry] of node.entries) {
    const property = Object.hasOwn(known, key) ? known[key] : undefined;
    const at = [...path, key];
    if (property !== undefined) {
      // wrangler takes null for an absent field, whatever the schema says.
      if (entry.node.kind !== "null" || schema.required?.includes(key)) check(entry.node, property, at, faults);
    } else if (schema.additionalProperties === false) {
      const suggestion = closest(
        key,
        Object.keys(known).filter((name) => !node.entries.has(name)),
      );
      if (suggestion !== undefined && missing.delete(suggestion)) {
        const expected = `called "${suggestion}", which is required here`;
        faults.push({ kind: "missing", path: at, span: entry.span, expected, suggestion });
      } else {
        const guess = suggestion === undefined ? {} : { suggestion };
        faults.push({ kind: "unknown", path: at, span: entry.span, expected: "", ...guess });
      }
    } else if (typeof schema.additionalProperties === "object") {
      check(entry.node, schema.additionalProperties, at, faults);
    }
  }
  for (const name of missing) {
    faults.push({ kind: "missing", path: [...path, name], span: node, expected: `there: "${name}" is required` });
  }
}

/** Reports against the one branch that was meant: the branch its `type` and `state` select, else the nearest. */
function checkUnion(node: ConfigNode, anyOf: readonly Schema[], path: Path, faults: SchemaFault[]): void {
  const branches = flatten(anyOf);
  const fitting = branches.filter((branch) => branch.type === undefined || branch.type === node.kind);
  if (fitting.length === 0) {
    const kinds = [...new Set(branches.map((branch) => article(branch.type!)))];
    const expected = `${kinds.join(" or ")} and not ${article(node.kind)}`;
    faults.push({ kind: "type", path, span: node, expected });
    return;
  }
  const values = fitting.flatMap((branch) => (branch.const === undefined ? (branch.enum ?? []) : [branch.const]));
  if (node.kind === "string" && values.length > 0 && fitting.every((branch) => branch.const ?? branch.enum)) {
    if (!values.includes(node.value as string))
      faults.push({ kind: "value", path, span: node, expected: oneOf(values) });
    return;
  }
  const candidates = node.kind === "object" ? discriminate(node, fitting, path, faults) : fitting;
  if (candidates === null) return;
  let best: SchemaFault[] | undefined;
  for (const branch of candidates) {
    const found: SchemaFault[] = [];
    check(node, branch, path, found);
    if (found.length === 0) return;
    if (best === undefined || found.length < best.length) best = found;
  }
  faults.push(...(best ?? []));
}

function flatten(anyOf: readonly Schema[]): Schema[] {
  return anyOf.map(resolve).flatMap((branch) => (branch.anyOf === undefined ? [branch] : flatten(branch.anyOf)));
}

/** Keeps the branches that a constant field selects; null when it has a value that no branch knows. */
function discriminate(node: ObjectNode, branches: Schema[], path: Path, faults: SchemaFault[]): Schema[] | null {
  let left = branches;
  for (const key of new Set(branches.flatMap((branch) => Object.keys(branch.properties ?? {})))) {
    const entry = node.entries.get(key);
    if (entry === undefined) {
      // A branch that does not require the field is the one that its absence selects.
      const without = left.filter(
        (branch) => branch.properties?.[key]?.const === undefined || !branch.required?.includes(key),
      );
      if (without.length > 0) left = without;
      continue;
    }
    const constants = left.map((branch) => branch.properties?.[key]?.const);
    if (constants.every((value) => value === undefined)) continue;
    if (constants.some((value) => value === undefined)) continue;
    const selected = left.filter(
      (_, i) => entry.node.kind !== "object" && (entry.node as ScalarNode).value === constants[i],
    );
    if (selected.length === 0) {
      const values = [...new Set(constants as (string | number | boolean)[])];
      faults.push({ kind: "value", path: [...path, key], span: entry.node, expected: oneOf(values) });
      return null;
    }
    left = selected;
  }
  return left;
}

function oneOf(values: readonly (string | number | boolean)[]): string {
  const shown = values.map((value) => JSON.stringify(value));
  return shown.length === 1 ? shown[0]! : `one of ${shown.join(", ")}`;
}

function article(kind: string): string {
  return kind === "null" ? "null" : `${/^[aeiou]/.test(kind) ? "an" : "a"} ${kind}`;
}

/** Whether any value below is a TOML date, which no field of wrangler takes. */
export function findDates(root: ObjectNode): ConfigNode[] {
  const dates: ConfigNode[] = [];
  walk(root, (node) => void (node.kind === "date" && dates.push(node)));
  return dates;
}
