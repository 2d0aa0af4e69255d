/** Looks for secrets in whatever a test printed, sent back or stored, in every form that one could slip out in. */

import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { derive } from "./keys.ts";

/** A secret and the forms of it to look for. */
export interface Secret {
  readonly name: string;
  readonly forms: readonly Buffer[];
}

/** Something that may be searched: a file, an answer, an output. */
export interface Place {
  readonly where: string;
  readonly bytes: Buffer;
}

const PURPOSES = [
  "response-hmac",
  "response-ed25519",
  "log-ed25519",
  "token-hs256",
  "session",
  "csrf",
  "ticket",
  "key-proof",
];

/** 32 bytes as themselves, in hexadecimal of either case, in both kinds of base64, and as a list of numbers. */
export function formsOf(bytes: Buffer): Buffer[] {
  const hex = bytes.toString("hex");
  const texts = [hex, hex.toUpperCase(), bytes.toString("base64").replace(/=+$/, ""), bytes.toString("base64url")];
  return [bytes, ...[...texts, [...bytes].join(","), [...bytes].join(", ")].map((text) => Buffer.from(text))];
}

/** A master key, and every key that is derived from it for a registry. */
export function masterSecrets(name: string, hex: string, registry = "default"): Secret[] {
  return [
    { name, forms: formsOf(Buffer.from(hex, "hex")) },
    ...PURPOSES.map((purpose) => ({ name: `${name}, ${purpose}`, forms: formsOf(derive(hex, purpose, registry)) })),
  ];
}

/** A token: what makes it one is its signature, so that alone is looked for. */
export function tokenSecret(name: string, token: string): Secret {
  return { name, forms: formsOf(Buffer.from(token.split(".")[2]!, "base64url")) };
}

/** `secret in place` for each that is found. */
export function findSecrets(secrets: readonly Secret[], places: Iterable<Place>): string[] {
  const found: string[] = [];
  for (const { where, bytes } of places) {
    for (const { name, forms } of secrets)
      if (forms.some((form) => bytes.includes(form))) found.push(`${name} in ${where}`);
  }
  return found;
}

/** Every file below a directory. */
export async function filesIn(dir: string): Promise<Place[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Promise.all(paths.map(async (path) => ({ where: relative(dir, path), bytes: await readFile(path) })));
}
