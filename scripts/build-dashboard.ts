/** Builds the dashboard into dist/dash, or the directory named on the command line. Run: npm run build:dashboard. */

import { rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { buildDashboard } from "../src/cli/local/dashboard.ts";

const target = resolve(process.argv[2] ?? join(import.meta.dirname, "../dist/dash"));
rmSync(target, { recursive: true, force: true });
await buildDashboard(target);
