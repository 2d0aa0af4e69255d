/** The dashboard's files, from stand-ins for its assets: which there are, under which headers, and what reports come to. */

import { env, exports } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { MAX_REPORT_BYTES } from "../../src/core/limits.ts";
import { type Asking, ask, codeOf, configure, isSigned, MASTER, ORIGIN, textOf } from "./authority.ts";

const FILES: Readonly<Record<string, string>> = {
  "/index.html": "<!doctype html><title>shell</title>",
  "/assets/main-abc123.js": "console.log(1)",
  "/assets/main-abc123.css": "a{}",
  "/assets/mark-abc123.svg": "<svg/>",
  // What a disk that lists its directories, or one with more on it, would give.
  "/assets/": '["main-abc123.js"]',
  "/assets/.env": "secret",
  "/assets/page.php": "<?php",
  "/secret.html": "not linked",
};
/** What the assets were asked. */
let asked: Request[] = [];

beforeEach(() => {
  configure({ VERSION_SIGNING_KEY: MASTER });
  asked = [];
  Reflect.set(env, "ASSETS", {
    fetch: async (request: Request) => {
      asked.push(request);
      const { pathname } = new URL(request.url);
      const text = FILES[pathname];
      const headers = { "content-type": "application/octet-stream", etag: '"x"', "last-modified": "never" };
      return text === undefined ? new Response("no", { status: 404 }) : new Response(text, { headers });
    },
  });
});
afterEach(() => {
  Reflect.deleteProperty(env, "ASSETS");
  vi.restoreAllMocks();
});

const EVERY = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

describe("files", () => {
  test.each(["/dash", "/dash/"])("%s is the page, and no browser keeps it", async (path) => {
    const answer = await ask(path);
    expect([answer.status, textOf(answer)]).toEqual([200, FILES["/index.html"]]);
    expect(answer.headers).toMatchObject({ ...EVERY, "content-type": "text/html; charset=utf-8" });
    expect(answer.headers["cache-control"]).toBe("no-store, no-transform");
    for (const name of ["etag", "last-modified", "access-control-allow-origin", "set-cookie", "signature"]) {
      expect(answer.headers).not.toHaveProperty(name);
    }
  });

  test.each([
    ["main-abc123.js", "text/javascript; charset=utf-8"],
    ["main-abc123.css", "text/css; charset=utf-8"],
    ["mark-abc123.svg", "image/svg+xml"],
  ])("%s has the type of its name, and browsers keep it for good", async (name, type) => {
    const answer = await ask(`/dash/assets/${name}`);
    expect([answer.status, textOf(answer)]).toEqual([200, FILES[`/assets/${name}`]]);
    expect(answer.headers).toMatchObject({ ...EVERY, "content-type": type });
    expect(answer.headers["cache-control"]).toBe("public, max-age=31536000, immutable, no-transform");
    expect(answer.headers["content-security-policy"]).toContain("default-src 'none'");
  });

  test("HEAD has the headers and no content", async () => {
    const [get, head] = [await ask("/dash"), await ask("/dash", { method: "HEAD" })];
    expect(head.headers).toEqual(get.headers);
    expect([head.status, head.body.length]).toEqual([200, 0]);
  });

  test.each([
    "/dash/index.html",
    "/dash/secret.html",
    "/dash/assets",
    "/dash/assets/",
    "/dash/assets/.env",
    "/dash/assets/page.php",
    "/dash/assets/main",
    "/dash/assets/absent-abc123.js",
    "/dash/assets/deeper/main-abc123.js",
    "/dash/assets/%2e%2e/index.html",
    "/dash/assets/..%2findex.html",
    "/dash/assets/main-abc123.js/",
    "/dash/assets/main-abc123.js%00",
    "/dash/assets//main-abc123.js",
    "/dash//assets/main-abc123.js",
    "/dash/anything",
    "/dashboard",
    "/assets/main-abc123.js",
    "/index.html",
    "/dash%2f",
  ])("there is no %s", async (path) => {
    const answer = await ask(path);
    expect([answer.status, codeOf(answer), isSigned(answer)]).toEqual([404, "route_unknown", false]);
  });

  test.each([
    ["POST", "/dash", "GET, HEAD"],
    ["DELETE", "/dash/assets/main-abc123.js", "GET, HEAD"],
    ["GET", "/dash/csp-report", "POST"],
  ])("%s %s is no way to ask", async (method, path, allow) => {
    const answer = await ask(path, method === "POST" ? { method, body: "x" } : { method });
    expect([answer.status, codeOf(answer), answer.headers.allow]).toEqual([405, "method_not_allowed", allow]);
  });

  test("another host sees none of it", async () => {
    expect(codeOf(await ask("https://evil.test/dash"))).toBe("misdirected_request");
    expect(asked).toEqual([]);
  });

  test("nothing of the request reaches the assets: no range, condition, cookie or token", async () => {
    const headers = { range: "bytes=0-1", "if-none-match": '"x"', cookie: "a=b", authorization: "Bearer x" };
    const answer = await ask("/dash", { headers });
    expect([answer.status, textOf(answer)]).toEqual([200, FILES["/index.html"]]);
    expect(asked.map((request) => [request.method, request.url, [...request.headers]])).toEqual([
      ["GET", "https://assets/index.html", []],
    ]);
  });

  test.each([206, 301, 304, 500])("assets that answer %i have nothing to show", async (status) => {
    const body = status === 304 ? null : "x";
    Reflect.set(env, "ASSETS", { fetch: async () => new Response(body, { status, headers: { location: "/evil" } }) });
    const answer = await ask("/dash");
    expect([answer.status, codeOf(answer)]).toEqual([404, "route_unknown"]);
    expect(answer.headers).not.toHaveProperty("location");
  });
});

describe("the page's policy", () => {
  const directives = async (path: string): Promise<Record<string, string>> => {
    const answer = await exports.default.fetch(new Request(new URL(path, ORIGIN)));
    const policy = answer.headers.get("content-security-policy")!;
    await answer.body?.cancel();
    return Object.fromEntries(
      policy.split("; ").map((each) => [each.split(" ")[0], each.split(" ").slice(1).join(" ")]),
    );
  };

  test("nothing loads but files of this origin, nothing is inline, nobody frames it, nobody else is talked to", async () => {
    expect(await directives("/dash")).toEqual({
      "default-src": "'none'",
      "script-src": "'self'",
      "style-src": "'self'",
      "img-src": "'self'",
      "font-src": "'self'",
      "connect-src": "'self' wss://tes.test",
      "manifest-src": "'self'",
      "base-uri": "'none'",
      "form-action": "'self'",
      "frame-ancestors": "'none'",
      "require-trusted-types-for": "'script'",
      "trusted-types": "lit-html",
      "report-uri": "/dash/csp-report",
    });
  });

  test("the socket that it allows is of the name and port that were asked", async () => {
    expect((await directives("https://tes.test:8443/dash"))["connect-src"]).toBe("'self' wss://tes.test:8443");
    expect((await directives("http://tes.test/dash"))["connect-src"]).toBe("'self' ws://tes.test");
  });
});

describe("reports", () => {
  const report = (json: unknown, headers: Record<string, string> = {}): Asking => ({
    body: typeof json === "string" ? json : JSON.stringify(json),
    headers: { "content-type": "application/csp-report", "sec-fetch-site": "same-origin", ...headers },
  });
  const sent = async (asking: Asking) => {
    const log = vi.spyOn(console, "log").mockImplementation(() => undefined);
    const { status } = await ask("/dash/csp-report", asking);
    const lines = log.mock.calls.map(([line]) => JSON.parse(String(line)));
    log.mockRestore();
    return { status, lines: lines.filter(({ type }) => type === "page.blocked") };
  };

  test("what the policy kept out is a line in the log", async () => {
    const { status, lines } = await sent(
      report({
        "csp-report": {
          "effective-directive": "script-src-elem",
          "blocked-uri": "inline",
          "line-number": 3,
          more: "x",
        },
      }),
    );
    expect(status).toBe(200);
    expect(lines).toMatchObject([
      { scope: "page", meta: { "effective-directive": "script-src-elem", "blocked-uri": "inline", "line-number": 3 } },
    ]);
    expect(Object.keys(lines[0].meta)).toHaveLength(3);
  });

  test.each(["", "{", "[]", "null", '{"csp-report":1}', '{"csp-report":[]}'])(
    "%j is a line that says nothing",
    async (text) => {
      const { status, lines } = await sent(report(text));
      expect([status, lines.length]).toEqual([200, 1]);
    },
  );

  test.each([
    ["of another site", report({}, { "sec-fetch-site": "cross-site" }), 403, "csrf_refused"],
    ["of another type", report({}, { "content-type": "text/plain" }), 415, "unsupported_media_type"],
    ["too long", report("x".repeat(MAX_REPORT_BYTES + 1)), 413, "body_too_large"],
    ["too long, in pieces", { ...report({}), stream: "x".repeat(MAX_REPORT_BYTES + 1) }, 413, "body_too_large"],
  ] as const)("one %s is refused, and nothing is written", async (_name, asking, status, code) => {
    const log = vi.spyOn(console, "log").mockImplementation(() => undefined);
    const answer = await ask("/dash/csp-report", asking);
    expect([answer.status, codeOf(answer)]).toEqual([status, code]);
    expect(log).not.toHaveBeenCalled();
  });

  test("the longest is taken, and a flood of them writes few lines", async () => {
    expect((await sent(report("x".repeat(MAX_REPORT_BYTES)))).status).toBe(200);
    let lines = 0;
    for (let i = 0; i < 100; i++) lines += (await sent(report({}))).lines.length;
    expect(lines).toBeLessThan(60);
  });
});
