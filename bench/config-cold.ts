/** The first audit of a process, in milliseconds of CPU time, on stdout. bench/config.ts runs it again and again. */

import { readFileSync } from "node:fs";
import { auditConfig } from "../src/cli/config/audit.ts";

const text = readFileSync(process.argv[2]!, "utf8");
const begun = process.cpuUsage();
auditConfig({ path: "wrangler.toml", text });
const { user, system } = process.cpuUsage(begun);
console.log((user + system) / 1_000);
