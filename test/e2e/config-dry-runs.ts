/** The real wrangler on texts of the corpus, two at a time, each in a folder of its own beside the entry points. */

import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { type DryRun, dryRun, findWrangler } from "../../src/cli/config/dry-run.ts";
import { readWorkers } from "../../src/cli/config/model.ts";
import { parseConfig } from "../../src/cli/config/parse.ts";
import { CORPUS, type CorpusCase } from "../unit/config/corpus.ts";

const LANES = 2;

/** A line of work that never has more than LANES running. */
export function lanes(): <T>(work: () => Promise<T>) => Promise<T> {
  const ends: Promise<unknown>[] = Array.from({ length: LANES }, () => Promise.resolve());
  let next = 0;
  return (work) => {
    const lane = next++ % LANES;
    const result = ends[lane]!.then(work);
    ends[lane] = result.catch(() => undefined);
    return result;
  };
}

/** The environments a text describes; the top level first, as null. A text that does not parse has the top level only. */
export function targetsOf(file: string, text: string): (string | null)[] {
  const config = parseConfig(file, text);
  // An empty name cannot be targeted: --env="" is the top level.
  return config.ok ? readWorkers(config.root).flatMap(({ env }) => (env === "" ? [] : [env])) : [null];
}

/** Dry runs of a text in place of a case's own, for every environment. */
export async function dryRunText({ file }: CorpusCase, text: string): Promise<DryRun[]> {
  const wrangler = (await findWrangler(join(import.meta.dirname, "wrangler.toml")))!;
  const root = await mkdtemp(join(tmpdir(), "tes-corpus-"));
  try {
    await cp(join(CORPUS, "src"), join(root, "src"), { recursive: true });
    const path = join(root, basename(dirname(file)), basename(file));
    await mkdir(dirname(path));
    await writeFile(path, text);
    const runs: DryRun[] = [];
    for (const env of targetsOf(file, text)) runs.push(await dryRun(wrangler, path, env));
    return runs;
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}
