/** Secrets where none may stand. No message repeats a value. */

import type { Worker } from "../model.ts";
import type { ParsedConfig } from "../parse.ts";
import { type KeyTest, secretKind } from "../secret-text.ts";
import { asObject, asString, type ConfigNode, type Entry, nodeAt, type Span, stringItems, walk } from "../tree.ts";
import { type AuditContext, quote } from "./context.ts";

/** The names TES itself keeps its master key under. */
const KEY_NAMES = ["VERSION_SIGNING_KEY", "VERSION_SIGNING_KEY_V2"];

export function checkSecrets(context: AuditContext, gitIgnored?: boolean, isPublicKey?: KeyTest): void {
  const places: Span[] = [];
  const found = (place: Span): void => void places.push(place);
  const named = namedSecrets(context.workers);
  checkNames(context, named, found);
  checkValues(context, new Set(named.map(({ entry }) => entry.node.start)), found, isPublicKey);
  checkComments(context, found, isPublicKey);
  const first = places.sort((a, b) => a.start - b.start)[0];
  if (gitIgnored === false && first !== undefined) {
    context.report("secret-not-ignored", first, "This file holds a secret, and git does not ignore it.");
  }
}

interface NamedSecret {
  readonly worker: Worker;
  readonly entry: Entry;
  readonly reason: string;
}

/** Variables whose name belongs to a secret. */
export function namedSecrets(workers: readonly Worker[]): NamedSecret[] {
  const required = new Set(workers.flatMap((worker) => requiredSecrets(worker)));
  const named: NamedSecret[] = [];
  for (const worker of workers) {
    for (const vars of [nodeAt(worker.own, "vars"), nodeAt(worker.own, "previews", "vars")]) {
      for (const [name, entry] of asObject(vars)?.entries ?? []) {
        const isKey = KEY_NAMES.includes(name);
        if (!isKey && !required.has(name)) continue;
        const reason = isKey ? "is the name of TES's signing key" : "is listed in secrets.required";
        named.push({ worker, entry, reason });
      }
    }
  }
  return named;
}

/** The values of a configuration that must not be shown: what stands under a secret's name, and what looks like one. */
export function secretNodes(config: ParsedConfig, workers: readonly Worker[]): ConfigNode[] {
  const nodes = new Set<ConfigNode>(namedSecrets(workers).map(({ entry }) => entry.node));
  walk(config.root, (node, path) => {
    const text = asString(node);
    if (text !== undefined && secretKind(text.trim(), nameOf(path), false) !== null) nodes.add(node);
  });
  return [...nodes];
}

function checkNames(context: AuditContext, named: readonly NamedSecret[], found: (place: Span) => void): void {
  for (const { worker, entry, reason } of named) {
    context.report("secret-in-vars", entry.span, `${quote(entry.key)} ${reason}, and stands in vars as plain text.`, {
      env: worker.env,
      className: entry.key,
      // Only a secret that this very Worker requires is held against its variables.
      ...(requiredSecrets(worker).includes(entry.key) ? {} : { answer: null }),
    });
    found(entry.span);
  }
}

/** The names in a Worker's own `[secrets] required`. */
export function requiredSecrets(worker: Worker): string[] {
  return stringItems(nodeAt(worker.own, "secrets", "required")).map((item) => item.text);
}

function checkValues(
  context: AuditContext,
  reported: ReadonlySet<number>,
  found: (place: Span) => void,
  isPublicKey?: KeyTest,
): void {
  walk(context.config.root, (node, path) => {
    const text = asString(node);
    if (text === undefined || reported.has(node.start)) return;
    const name = nameOf(path);
    const kind = secretKind(text.trim(), name, false, isPublicKey);
    if (kind === null) return;
    const env = path[0] === "env" && path.length > 2 ? String(path[1]) : null;
    context.report("secret-value", node, `The value of ${quote(name)} looks like ${kind}.`, { env });
    found(node);
  });
}

function nameOf(path: readonly (string | number)[]): string {
  return String(path.findLast((part) => typeof part === "string") ?? "");
}

function checkComments(context: AuditContext, found: (place: Span) => void, isPublicKey?: KeyTest): void {
  for (const comment of context.config.comments) {
    const kind = secretKind(comment.text, comment.text, true, isPublicKey);
    if (kind === null) continue;
    context.report("secret-in-comment", comment, `This comment holds what looks like ${kind}.`);
    found(comment);
  }
}
