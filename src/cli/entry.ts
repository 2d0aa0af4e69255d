/**
 * The command line as a process, in a checkout. The published package has no such file: bin/tes.mjs calls `run` there.
 * (A bundler may answer `import.meta.main` with true in the built file, and everything would run twice.)
 */

import { run } from "./main.ts";

process.exitCode = await run(process.argv.slice(2));
