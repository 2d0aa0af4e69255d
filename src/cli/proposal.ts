/** A first tes.registry.json for a checkout that has none. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseSemver } from "../core/semver.ts";
import type { Proposal } from "./manifests.ts";

/** One entity, `global:main`, at the version that package.json has, or at 0.1.0. */
export async function proposeRegistryFile(root: string, registry: string): Promise<Proposal> {
  const version = await packageVersion(join(root, "package.json"));
  const files = version === null ? [] : [{ path: "package.json" }];
  return {
    file: { registry, entities: [{ id: "global:main", version: version ?? "0.1.0", files }] },
    lines: [version === null ? "No package.json with a version is here." : `package.json is at ${version}.`],
  };
}

async function packageVersion(path: string): Promise<string | null> {
  try {
    const { version } = JSON.parse(await readFile(path, "utf8")) as { version?: unknown };
    if (typeof version !== "string") return null;
    parseSemver(version);
    return version;
  } catch {
    // Absent, unreadable or without a SemVer version: it then carries none.
    return null;
  }
}
