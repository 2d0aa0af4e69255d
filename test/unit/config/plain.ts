/** Trees as plain values, to compare with what other parsers and validators say. */

import type { ConfigNode } from "../../../src/cli/config/tree.ts";

export type Plain = null | boolean | number | string | Plain[] | { [key: string]: Plain };

export function plainOf(node: ConfigNode): Plain {
  if (node.kind === "array") return node.items.map(plainOf);
  if (node.kind !== "object") return node.value;
  const out: { [key: string]: Plain } = {};
  for (const [key, { node: inner }] of node.entries) {
    Object.defineProperty(out, key, { value: plainOf(inner), enumerable: true, writable: true, configurable: true });
  }
  return out;
}
