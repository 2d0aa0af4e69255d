/**
 * Measures, prints what was found, and with --write puts it into docs/measurements.md.
 *
 *   npm run bench -- [name…] [--quick] [--write] [--worker FILE]
 */

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Bench, FULL, QUICK } from "./bench.ts";
import { config } from "./config.ts";
import { growth } from "./growth.ts";
import { keys, signatures } from "./primitives.ts";
import { reads } from "./reads.ts";
import { sectionOf, textOf, withSection } from "./report.ts";
import { size } from "./size.ts";
import { start } from "./start.ts";
import { transfer } from "./transfer.ts";
import { writes } from "./writes.ts";

const BENCHES: readonly Bench[] = [reads, writes, signatures, keys, start, size, growth, transfer, config];

const DOCUMENT = join(import.meta.dirname, "..", "docs", "measurements.md");

/** The whole takes some five minutes; what was not begun by then is left out, so that it ends within ten. */
const BEGIN_LIMIT_SECONDS = 480;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: "boolean" }, write: { type: "boolean" }, worker: { type: "string" } },
});
const unknown = positionals.filter((name) => !BENCHES.some((bench) => bench.name === name));
if (unknown.length > 0) {
  console.error(`No bench ${unknown.join(", ")}. There are: ${BENCHES.map(({ name }) => name).join(", ")}.`);
  process.exit(2);
}
const chosen = positionals.length === 0 ? BENCHES : BENCHES.filter(({ name }) => positionals.includes(name));
const effort = values.quick === true ? QUICK : FULL;
const begun = performance.now();
const elapsed = (): number => (performance.now() - begun) / 1_000;
const note = (text: string): void => console.error(`… ${text}`);
let failed = false;
for (const bench of chosen) {
  if (elapsed() > BEGIN_LIMIT_SECONDS) {
    console.log(`\n${bench.title}: left out, this machine is too busy. Run it alone: npm run bench -- ${bench.name}`);
    continue;
  }
  console.log(`\n${bench.title}`);
  try {
    const found = await bench.run({ effort, note, worker: values.worker });
    for (const line of found) console.log(`  ${textOf(line)}`);
    if (values.write === true) {
      await writeFile(DOCUMENT, withSection(await readFile(DOCUMENT, "utf8"), bench.name, sectionOf(bench, found)));
    }
  } catch (thrown) {
    failed = true;
    console.error(thrown);
  }
}
console.log(`\n${Math.round(elapsed())} s${effort.quick ? ", quick: not for the record" : ""}`);
// Sockets of a failed line may still be open.
process.exit(failed ? 1 : 0);
