/** Secrets where none may stand. No message repeats a value. */

import type { Worker } from "../model.ts";
import { asObject, asString, entryOf, nodeAt, type Span, stringItems, walk } from "../tree.ts";
import { type AuditContext, quote } from "./context.ts";

/** The names TES itself keeps its master key under. */
const KEY_NAMES = ["VERSION_SIGNING_KEY", "VERSION_SIGNING_KEY_V2"];
const HEX_KEY = /(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])/i;
/** Prefixes that the issuers themselves publish so that scanners find them. */
const TOKENS: readonly (readonly [string, RegExp])[] = [
  ["a private key", /-----BEGIN [A-Z ]*PRIVATE KEY-----/],
  ["a GitHub token", /\b(?:gh[opsur]_[A-Za-z0-9]{36,}|github_pat_\w{22,})/],
  ["a GitLab token", /\bglpat-[\w-]{20,}/],
  ["an npm token", /\bnpm_[A-Za-z0-9]{36}\b/],
  ["a Slack token", /\bxox[abprs]-[\w-]{10,}/],
  ["a Stripe key", /\b[rs]k_live_\w{16,}/],
];
/** Words of a name that say its value is a digest or public, which 64 hexadecimal characters often are. */
const PUBLIC_WORDS = new Set([
  "sha",
  "sha256",
  "sha512",
  "hash",
  "digest",
  "checksum",
  "fingerprint",
  "thumbprint",
  "public",
  "pubkey",
]);

export function checkSecrets(context: AuditContext, gitIgnored: boolean | undefined): void {
  const places: Span[] = [];
  const found = (place: Span): void => void places.push(place);
  const named = checkNames(context, found);
  checkValues(context, named, found);
  checkComments(context, found);
  const first = places.sort((a, b) => a.start - b.start)[0];
  if (gitIgnored === false && first !== undefined) {
    context.report("secret-not-ignored", first, "This file holds a secret, and git does not ignore it.");
  }
}

/** Variables whose name belongs to a secret; returns where their values stand, so that they are not reported twice. */
function checkNames(context: AuditContext, found: (place: Span) => void): Set<number> {
  const required = new Set(context.workers.flatMap((worker) => requiredSecrets(worker)));
  const seen = new Set<number>();
  for (const worker of context.workers) {
    for (const vars of [nodeAt(worker.own, "vars"), nodeAt(worker.own, "previews", "vars")]) {
      for (const [name, entry] of asObject(vars)?.entries ?? []) {
        if (!KEY_NAMES.includes(name) && !required.has(name)) continue;
        const reason = KEY_NAMES.includes(name) ? "is the name of TES's signing key" : "is listed in secrets.required";
        context.report("secret-in-vars", entry.span, `${quote(name)} ${reason}, and stands in vars as plain text.`, {
          env: worker.env,
          className: name,
        });
        seen.add(entry.node.start);
        found(entry.span);
      }
    }
  }
  return seen;
}

function requiredSecrets(worker: Worker): string[] {
  return stringItems(nodeAt(worker.own, "secrets", "required")).map((item) => item.text);
}

function checkValues(context: AuditContext, named: ReadonlySet<number>, found: (place: Span) => void): void {
  walk(context.config.root, (node, path) => {
    const text = asString(node);
    if (text === undefined || named.has(node.start)) return;
    const name = String(path.findLast((part) => typeof part === "string") ?? "");
    const kind = secretKind(text.trim(), isPublicName(name));
    if (kind === null) return;
    const env = path[0] === "env" && path.length > 2 ? String(path[1]) : null;
    context.report("secret-value", node, `The value of ${quote(name)} looks like ${kind}.`, { env });
    found(node);
  });
}

function checkComments(context: AuditContext, found: (place: Span) => void): void {
  for (const comment of context.config.comments) {
    const kind = secretKind(comment.text, isPublicName(comment.text), true);
    if (kind === null) continue;
    context.report("secret-in-comment", comment, `This comment holds what looks like ${kind}.`);
    found(comment);
  }
}

function secretKind(text: string, isPublic: boolean, anywhere = false): string | null {
  for (const [kind, pattern] of TOKENS) if (pattern.test(text)) return kind;
  const hex = HEX_KEY.exec(text);
  if (hex === null || isPublic || (!anywhere && hex[0].length !== text.length)) return null;
  return "a key: 64 hexadecimal characters";
}

function isPublicName(name: string): boolean {
  const words = name
    .replace(/([a-z])([A-Z])/g, "$1 $2")
    .toLowerCase()
    .split(/[^a-z0-9]+/);
  return words.some((word) => PUBLIC_WORDS.has(word));
}

/** Whether a name is one that this Worker's variables hold; used by the fix. */
export function hasVariable(worker: Worker, name: string): boolean {
  return entryOf(nodeAt(worker.own, "vars"), name) !== undefined;
}
