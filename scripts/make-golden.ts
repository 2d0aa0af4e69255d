/**
 * Makes the golden data of one capability: a data directory as this release writes it, and what it has to say for ever.
 *
 * Run once per capability: bun scripts/make-golden.ts NAME, with the name of a scenario. Directories under test/golden/
 * are never written again: test/e2e/golden.test.ts opens every one of them with the code as it is.
 */

import { cp, mkdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { prepareData, serve } from "../test/e2e/support/authority.ts";
import { GOLDEN_KEYS } from "../test/e2e/support/golden.ts";
import { makePlace } from "../test/e2e/support/place.ts";
import { attestations } from "./golden/attestations.ts";
import { authority } from "./golden/authority.ts";
import { mainJob } from "./golden/main-job.ts";
import { releases } from "./golden/releases.ts";
import type { Scenario } from "./golden/scenario.ts";

const SCENARIOS: Readonly<Record<string, Scenario>> = { "main-job": mainJob, authority, releases, attestations };

async function make(name: string, play: Scenario): Promise<void> {
  const target = join(import.meta.dirname, "..", "test", "golden", name);
  const there = await stat(target).then(
    () => true,
    () => false,
  );
  if (there) throw new Error(`${target} is there, and golden data is never written again`);
  await using place = await makePlace();
  const data = await prepareData(place, GOLDEN_KEYS);
  const served = await serve(place);
  const { facts, files = {} } = await play({ place, url: served.url });
  // What is copied is at rest.
  await served.stop();
  await mkdir(target, { recursive: true });
  await cp(join(data, "do"), join(target, "data", "do"), { recursive: true });
  await writeFile(join(target, "data", "recovery.pub"), `${GOLDEN_KEYS.recovery.x}\n`);
  await writeFile(join(target, "facts.json"), `${JSON.stringify(facts, null, 1)}\n`);
  for (const [file, text] of Object.entries(files)) await writeFile(join(target, file), text);
}

const [name = ""] = process.argv.slice(2);
const play = Object.hasOwn(SCENARIOS, name) ? SCENARIOS[name] : undefined;
if (play === undefined) {
  console.error(`usage: bun scripts/make-golden.ts ${Object.keys(SCENARIOS).join("|")}`);
  process.exitCode = 2;
} else await make(name, play);
