/** The guide's page: from KV, with a policy under which nothing runs, loads or frames it. */

import { env } from "cloudflare:workers";
import { expect, test } from "vitest";
import { utf8 } from "../../src/core/bytes.ts";
import { contentDigest } from "../../src/core/digest.ts";
import { GUIDE_KEY, GUIDE_PATH } from "../../src/protocol/guide.ts";
import { ask, codeOf, textOf } from "./authority.ts";

test("the page is what KV holds, in a frame whose one style its policy names by hash", async () => {
  expect(codeOf(await ask(GUIDE_PATH))).toBe("route_unknown");
  await env.KV.put(GUIDE_KEY, "<h1>Hello</h1>\n", { metadata: { sha256: "x" } });
  const page = await ask(GUIDE_PATH);
  expect(page.status).toBe(200);
  expect(page.headers["content-type"]).toBe("text/html; charset=utf-8");
  const text = textOf(page);
  expect(text).toContain("<h1>Hello</h1>");
  expect(text).not.toMatch(/<script|javascript:|\son\w+=|src=|@import|url\(/i);
  const style = /<style>([\s\S]*?)<\/style>/.exec(text)![1]!;
  const hash = /sha-256=:(.*):/.exec(contentDigest(utf8(style)))![1];
  expect(page.headers["content-security-policy"]).toBe(
    `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  );
  // Dark unless the reader's system asks for light.
  expect(style).toMatch(/^:root\{color-scheme:dark light/);
  expect(style).toContain("@media (prefers-color-scheme:light)");
  expect((await ask(GUIDE_PATH, { method: "HEAD" })).body.length).toBe(0);
  expect(codeOf(await ask("/guide/another"))).toBe("route_unknown");
});
