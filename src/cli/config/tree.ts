/** One shape for TOML and JSONC: values with the place where each was written. Offsets are UTF-16 code units. */

export interface Span {
  readonly start: number;
  readonly end: number;
}

export interface ObjectNode extends Span {
  readonly kind: "object";
  readonly entries: Map<string, Entry>;
}

export interface ArrayNode extends Span {
  readonly kind: "array";
  readonly items: ConfigNode[];
}

export interface ScalarNode extends Span {
  readonly kind: "string" | "number" | "boolean" | "null" | "date";
  readonly value: string | number | boolean | null;
}

export type ConfigNode = ObjectNode | ArrayNode | ScalarNode;

export interface Entry {
  readonly key: string;
  /** The key's own characters; for a TOML table, the segment of the first header that names it. */
  readonly span: Span;
  readonly node: ConfigNode;
}

export function asObject(node: ConfigNode | undefined): ObjectNode | undefined {
  return node?.kind === "object" ? node : undefined;
}

export function asArray(node: ConfigNode | undefined): ArrayNode | undefined {
  return node?.kind === "array" ? node : undefined;
}

export function asString(node: ConfigNode | undefined): string | undefined {
  return node?.kind === "string" ? (node.value as string) : undefined;
}

/** The entry of a key; undefined also for null, which wrangler takes for absent. */
export function entryOf(node: ConfigNode | undefined, key: string): Entry | undefined {
  const entry = asObject(node)?.entries.get(key);
  return entry === undefined || entry.node.kind === "null" ? undefined : entry;
}

export function nodeAt(node: ConfigNode | undefined, ...path: readonly string[]): ConfigNode | undefined {
  let at = node;
  for (const key of path) at = entryOf(at, key)?.node;
  return at;
}

/** The strings of an array, with their nodes; anything else in it is left out. */
export function stringItems(node: ConfigNode | undefined): { readonly text: string; readonly node: ScalarNode }[] {
  const out: { text: string; node: ScalarNode }[] = [];
  for (const item of asArray(node)?.items ?? []) {
    if (item.kind === "string") out.push({ text: item.value as string, node: item });
  }
  return out;
}

/** A text that two nodes share exactly when equalNodes holds: for sets of values. */
export function valueKey(node: ConfigNode): string {
  if (node.kind === "array") return `[${node.items.map(valueKey).join()}]`;
  if (node.kind !== "object")
    return `${node.kind} ${Object.is(node.value, -0) ? "-0" : JSON.stringify(String(node.value))}`;
  const entries = [...node.entries].map(([key, { node: inner }]) => `${JSON.stringify(key)}:${valueKey(inner)}`);
  return `{${entries.sort().join()}}`;
}

/** Whether two nodes hold the same value, wherever they stand. The order of keys does not count. */
export function equalNodes(a: ConfigNode, b: ConfigNode): boolean {
  if (a.kind === "object") {
    if (b.kind !== "object" || a.entries.size !== b.entries.size) return false;
    for (const [key, entry] of a.entries) {
      const other = b.entries.get(key);
      if (other === undefined || !equalNodes(entry.node, other.node)) return false;
    }
    return true;
  }
  if (a.kind === "array") {
    return (
      b.kind === "array" &&
      a.items.length === b.items.length &&
      a.items.every((item, i) => equalNodes(item, b.items[i]!))
    );
  }
  return b.kind === a.kind && Object.is((b as ScalarNode).value, a.value);
}

/** Every node below and including this one, with the keys and indexes that lead to it. */
export function walk(node: ConfigNode, visit: (node: ConfigNode, path: readonly (string | number)[]) => void): void {
  const stack: { node: ConfigNode; path: readonly (string | number)[] }[] = [{ node, path: [] }];
  for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
    visit(at.node, at.path);
    if (at.node.kind === "object") {
      for (const [key, entry] of at.node.entries) stack.push({ node: entry.node, path: [...at.path, key] });
    } else if (at.node.kind === "array") {
      for (const [i, item] of at.node.items.entries()) stack.push({ node: item, path: [...at.path, i] });
    }
  }
}
