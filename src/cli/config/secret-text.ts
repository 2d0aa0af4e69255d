/** What a secret looks like in a text, and how it is kept out of everything that is shown. */

import type { Span } from "./tree.ts";

const HEX_KEY = /(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])/gi;
/** Prefixes that the issuers themselves publish so that scanners find them. */
const TOKENS: readonly (readonly [string, RegExp])[] = [
  ["a private key", /-----BEGIN [A-Z ]*PRIVATE KEY-----(?:[\s\S]*?-----END [A-Z ]*PRIVATE KEY-----)?/],
  ["a GitHub token", /\b(?:gh[opsur]_[A-Za-z0-9]{36,}|github_pat_\w{22,})/],
  ["a GitLab token", /\bglpat-[\w-]{20,}/],
  ["an npm token", /\bnpm_[A-Za-z0-9]{36}\b/],
  ["a Slack token", /\bxox[abprs]-[\w-]{10,}/],
  ["a Stripe key", /\b[rs]k_live_\w{16,}/],
];
/** The same, to take every one of them out of a text. */
const EVERY_TOKEN = TOKENS.map(([, pattern]) => new RegExp(pattern, "g"));
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

/** Lines stay lines when what they hold is hidden. */
const NOT_LINE_END = /[^\r\n]/g;

/** `isPublicKeyText` of core/keys.ts, which takes longer to load than an audit takes, so it is handed in where it matters. */
export type KeyTest = (hex: string) => boolean;

const never: KeyTest = () => false;

/** Whether a text holds something that a KeyTest should see. */
export function holdsHexKey(text: string): boolean {
  return text.search(HEX_KEY) >= 0;
}

/** What stands where a secret was. */
export const MASK = "[secret]";

/**
 * What kind of secret a text is, or null.
 *
 * @param name what the text is called: `IMAGE_SHA256` and the like hold digests, which look like keys
 * @param anywhere whether it may stand between other characters, as in a comment
 * @param isPublicKey whether 64 hexadecimal characters are a key that everybody knows, whatever they are called
 */
export function secretKind(text: string, name: string, anywhere: boolean, isPublicKey: KeyTest = never): string | null {
  for (const [kind, pattern] of TOKENS) if (pattern.test(text)) return kind;
  for (const [hex] of text.matchAll(HEX_KEY)) {
    if (isPublicKey(hex)) return "a signing key that is printed in a public document";
    if (!isPublicName(name) && (anywhere || hex.length === text.length)) return "a key: 64 hexadecimal characters";
  }
  return null;
}

/** A text without anything that looks like a secret, whatever it is called. For what quotes a configuration. */
export function maskPatterns(text: string): string {
  let out = text.replace(HEX_KEY, MASK);
  for (const pattern of EVERY_TOKEN) {
    out = out.replace(pattern, (secret) => MASK + secret.replace(NOT_LINE_END, ""));
  }
  return out;
}

/** A text in which some values do not show, and nothing that looks like a secret either. */
export function maskValues(text: string, values: readonly string[]): string {
  let out = text;
  // Longest first: one value may be the beginning of another.
  for (const value of [...values].sort((a, b) => b.length - a.length)) {
    if (value !== "") out = out.replaceAll(value, MASK);
  }
  return maskPatterns(out);
}

/** A text in which some of its places do not show, and nothing that looks like a secret either. Line ends stay. */
export function maskPlaces(text: string, places: readonly Span[]): string {
  let out = "";
  let at = 0;
  for (const { start, end } of [...places].sort((a, b) => a.start - b.start)) {
    if (start < at) continue;
    out += text.slice(at, start) + MASK + text.slice(start, end).replace(NOT_LINE_END, "");
    at = end;
  }
  return maskPatterns(out + text.slice(at));
}

function isPublicName(name: string): boolean {
  const words = name
    .replace(/([a-z])([A-Z])/g, "$1 $2")
    .toLowerCase()
    .split(/[^a-z0-9]+/);
  return words.some((word) => PUBLIC_WORDS.has(word));
}
