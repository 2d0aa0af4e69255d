/**
 * Finds the one signing key that is printed in a public document, so that tests can offer it without this repository
 * ever holding it. It is told by its hash.
 */

import { isPublicKeyText } from "../src/core/keys.ts";
import { readShared } from "./shared.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Null where the document is not there; the reason is printed then. */
    publicKey: string | null;
  }
}

/** vitest's globalSetup: hands the key to tests that cannot read files themselves. */
export default function setup(project: { provide(name: "publicKey", value: string | null): void }): void {
  const document = readShared("seed/TES-OPS-004-B-4-2.txt");
  const texts = document?.match(/(?<![0-9a-fA-F])[0-9a-fA-F]{64}(?![0-9a-fA-F])/g) ?? [];
  const found = texts.find(isPublicKeyText);
  if (document !== null && found === undefined) throw new Error("The document no longer shows the public key.");
  project.provide("publicKey", found ?? null);
}
