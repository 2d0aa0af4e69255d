/** Stops with one clear message where npm ran without its install scripts. `npm test` runs this first. */

import { installProblem, missingPrograms } from "./installed.mjs";

const missing = missingPrograms();
if (missing.length > 0) {
  process.stderr.write(installProblem(missing, false));
  process.exitCode = 1;
}
