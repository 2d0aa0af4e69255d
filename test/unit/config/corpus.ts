/**
 * The corpus of configurations: test/corpus/config/toml/*.toml and json/*.json{,c}.
 *
 * What an audit has to find stands in the files, on the line where it has to be found: `expect: rule, rule@env`. What
 * looks like a secret stands in no file; placeholders are filled in here.
 */

import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { auditConfig } from "../../../src/cli/config/audit.ts";
import type { Finding } from "../../../src/cli/config/finding.ts";
import { readEntryPoints } from "../../../src/cli/config/load.ts";
import { parseConfig } from "../../../src/cli/config/parse.ts";

export interface CorpusCase {
  /** The file's name without its ending, and its folder: `toml/nested-inline`. */
  readonly name: string;
  readonly file: string;
  readonly text: string;
}

export const CORPUS = join(import.meta.dirname, "..", "..", "corpus", "config");

const label = (text: string): string => createHash("sha256").update(text).digest("hex");
/** Made here and worth nothing, in the forms of real ones. */
export const PLACEHOLDERS: Readonly<Record<string, string>> = {
  HEX64: label("a key of the corpus"),
  GITHUB: `ghp_${label("a token of the corpus").slice(0, 36)}`,
  PEM: `-----BEGIN PRIVATE KEY-----\n${label("a line of the corpus")}\n-----END PRIVATE KEY-----`,
};

export function readCorpus(): CorpusCase[] {
  return ["toml", "json"].flatMap((folder) =>
    readdirSync(join(CORPUS, folder))
      .sort()
      .map((file) => {
        const text = readFileSync(join(CORPUS, folder, file), "utf8");
        return { name: `${folder}/${file.replace(/\.\w+$/, "")}`, file: join(CORPUS, folder, file), text: fill(text) };
      }),
  );
}

function fill(text: string): string {
  // Placeholders stand between double quotes, where both formats write a line end as \\n.
  return text.replace(/\{\{(\w+)\}\}/g, (_, name: string) => PLACEHOLDERS[name]!.replaceAll("\n", "\\n"));
}

/** The findings a text says it has: `line rule@env`, sorted. */
export function expectedFindings(text: string): string[] {
  return text
    .split(/\r?\n/)
    .flatMap((line, at) => {
      const marker = /expect: (.*?)\s*(?:\*\/.*)?$/.exec(line)?.[1];
      return marker === undefined ? [] : marker.split(", ").map((rule) => `${at + 1} ${rule}`);
    })
    .sort();
}

export function shownFindings(findings: readonly Finding[]): string[] {
  return findings.map(({ line, rule, env }) => `${line} ${rule}${env === undefined ? "" : `@${env}`}`).sort();
}

/** What the audit finds, with the entry points that lie beside the corpus. */
export function auditCase({ file, text }: CorpusCase): Finding[] {
  const config = parseConfig(file, text);
  return auditConfig({
    path: file.slice(dirname(CORPUS).length + 1),
    text,
    config,
    exportedClasses: readEntryPoints(file, config),
  });
}
