/** What a configuration says, without how it is written; and what a mend makes of it. */

import { type ConfigNode, equalNodes } from "../tree.ts";
import type { Mend } from "./plan.ts";

type Value = ConfigNode;

const NOWHERE = { start: 0, end: 0 } as const;

/** A tree built from plain JSON-like values, to compare with one that was parsed. */
function build(value: string | readonly unknown[] | { readonly [key: string]: unknown }): Value {
  if (typeof value === "string") return { kind: "string", value, ...NOWHERE };
  if (Array.isArray(value)) return { kind: "array", items: value.map((item) => build(item)), ...NOWHERE };
  const entries = Object.entries(value).map(
    ([key, inner]) => [key, { key, span: NOWHERE, node: build(inner as string) }] as const,
  );
  return { kind: "object", entries: new Map(entries), ...NOWHERE };
}

/** The tree that a mend should lead to. The one it starts from stays as it is. */
export function mended(root: Value, mend: Mend): Value {
  const path = mend.env === null ? [] : ["env", mend.env];
  return changeAt(root, path, (worker) => {
    if (mend.kind === "require") return set(worker, "secrets", build({ required: mend.names }));
    if (mend.kind === "create") {
      return set(worker, "migrations", build([{ tag: mend.tag, new_sqlite_classes: mend.classes }]));
    }
    const emptied = changeAt(worker, ["durable_objects"], (durable) => without(durable, "migrations"));
    if (mend.kept.length === 0) return emptied;
    const own = emptied.kind === "object" ? emptied.entries.get("migrations")?.node : undefined;
    const items = own?.kind === "array" ? own.items : [];
    return set(emptied, "migrations", { kind: "array", items: [...items, ...mend.kept], ...NOWHERE });
  });
}

/** Whether a text came out as it should: the same values, whatever the order of the keys. */
export function isMended(before: Value, after: Value, mend: Mend): boolean {
  return equalNodes(withoutEmpty(mended(before, mend), mend), withoutEmpty(after, mend));
}

/** A `durable_objects` that held nothing but migrations may be gone with them, or stay behind empty. */
function withoutEmpty(root: Value, mend: Mend): Value {
  if (mend.kind !== "move") return root;
  return changeAt(root, mend.env === null ? [] : ["env", mend.env], (worker) => {
    const durable = worker.kind === "object" ? worker.entries.get("durable_objects")?.node : undefined;
    return durable?.kind === "object" && durable.entries.size === 0 ? without(worker, "durable_objects") : worker;
  });
}

function changeAt(node: Value, path: readonly string[], change: (node: Value) => Value): Value {
  const [key, ...rest] = path;
  if (key === undefined) return change(node);
  const inner = node.kind === "object" ? node.entries.get(key)?.node : undefined;
  return inner === undefined ? node : set(node, key, changeAt(inner, rest, change));
}

function set(node: Value, key: string, value: Value): Value {
  if (node.kind !== "object") return node;
  const entries = new Map(node.entries);
  entries.set(key, { key, span: NOWHERE, node: value });
  return { ...node, entries };
}

function without(node: Value, key: string): Value {
  if (node.kind !== "object") return node;
  const entries = new Map(node.entries);
  entries.delete(key);
  return { ...node, entries };
}
