/** Cases as JSON on standard input, verdicts as JSON on standard output: the verifier in a runtime of its own. */

import { text } from "node:stream/consumers";
import { type SigstoreCase, verifyWithSigstore } from "./sigstore.ts";

const cases = JSON.parse(await text(process.stdin)) as SigstoreCase[];
console.log(JSON.stringify(cases.map(verifyWithSigstore)));
