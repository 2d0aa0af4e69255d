/** The guide's page: its text from KV, its frame from here, dark unless the reader's system is light. */

import { toBase64, utf8 } from "../core/bytes.ts";
import { TesError } from "../core/errors.ts";
import { sha256 } from "../core/hash.ts";
import { GUIDE_KEY } from "../protocol/guide.ts";
import type { Answer } from "./ask.ts";
import type { WorkerEnv } from "./env.ts";
import { unsigned } from "./sign-response.ts";

const STYLE = `:root{color-scheme:dark light;--ground:#0f1117;--text:#dfe3ec;--soft:#9aa3b5;--line:#2a3040;--code:#171b26;--accent:#b78cf0}
@media (prefers-color-scheme:light){:root{--ground:#fff;--text:#1b1f2a;--soft:#5a6478;--line:#d9dee8;--code:#f3f5f9;--accent:#6d3fb5}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:46rem;padding:2rem 1.25rem 4rem;background:var(--ground);color:var(--text);font:1rem/1.6 system-ui,sans-serif}
h1,h2,h3{line-height:1.25}h2{margin-top:2.5rem;border-bottom:1px solid var(--line);padding-bottom:.3rem}
a{color:var(--accent)}
code,pre{font:.9em/1.5 ui-monospace,monospace;background:var(--code);border-radius:.3rem}
code{padding:.1em .3em;overflow-wrap:anywhere}pre{padding:.8rem 1rem;overflow-x:auto;border:1px solid var(--line)}pre code{padding:0;overflow-wrap:normal}
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.4rem .6rem;border-bottom:1px solid var(--line)}th{color:var(--soft)}`;

/** Nothing runs, nothing loads, nothing frames it; one style, named by its hash. */
const POLICY = `default-src 'none'; style-src 'sha256-${toBase64(sha256(utf8(STYLE)))}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

/** `GET /guide/set-version-signing-key`. Unsigned: it is a page for people, and says nothing about versions. */
export async function guideAnswer(env: WorkerEnv): Promise<Answer> {
  // A deployment without KV is possible: the guide is the only thing that needs it.
  const body = (env.KV as KVNamespace | undefined) === undefined ? null : await env.KV.get(GUIDE_KEY);
  if (body === null) throw new TesError("route_unknown", { detail: "The guide is not here yet: tes guide sync." });
  const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="dark light">
<title>Setting VERSION_SIGNING_KEY</title>
<style>${STYLE}</style>
</head>
<body>
${body}</body>
</html>
`;
  return unsigned({
    status: 200,
    type: "text/html; charset=utf-8",
    body: utf8(page),
    headers: {
      "content-security-policy": POLICY,
      "referrer-policy": "no-referrer",
      "cache-control": "public, max-age=300",
    },
  });
}
