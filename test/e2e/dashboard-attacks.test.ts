/**
 * What other pages, other ports and a thief try against a person who is signed in, in a real Chromium against raw
 * workerd. A test fails when the attack works; where there is no browser, the reason is printed.
 */

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { SessionAnswer } from "../../src/client/index.ts";
import type { TestPage } from "./page/page.ts";
import { prepareData } from "./support/authority.ts";
import { noBrowser, openBrowser } from "./support/browser.ts";
import { keyOf, mintToken } from "./support/keys.ts";

declare const page: TestPage;

if (noBrowser !== undefined) console.warn(`Not run: attacks on the dashboard, since ${noBrowser}.`);

const BUN = join(import.meta.dirname, "../../node_modules/.bin/bun");
const signing = keyOf("dashboard attacks");
const recovery = keyOf("dashboard attacks recovery");
const admin = mintToken(signing);
const insider = mintToken(signing, { registry: "hidden", scope: ["read", "watch"] });
const SECRET_ENTITY = "component:unannounced";

interface Seen {
  readonly url: string;
  readonly cookie: string | undefined;
  readonly site: string | undefined;
}

/** For the whole file: what setup.ts clears away after each test are places. */
let dir: string;
let url: string;
let authorityLog = "";
let endAuthority: () => Promise<unknown>;
let context: BrowserContext;
/** A server of somebody else on this machine, what its pages are, and what browsers sent it. */
let evil: Server;
const pages = new Map<string, { readonly html: string; readonly cookie?: string }>();
let seen: Seen[] = [];
/** The same one, as a sibling of the authority (same host, other port) and as another site. */
let sibling: string;
let stranger: string;

const post = async (path: string, token: string, body: object): Promise<void> => {
  const headers = {
    "content-type": "application/json",
    authorization: `Bearer ${token}`,
    "idempotency-key": crypto.randomUUID(),
  };
  const answer = await fetch(`${url}${path}`, { method: "POST", headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
};
const sizeOf = async (): Promise<number> =>
  ((await (await fetch(`${url}/v1/default`)).json()) as { size: number }).size;

async function startAuthority(): Promise<void> {
  const dataDir = await prepareData({ dir }, { signing, recovery });
  const args = [join(import.meta.dirname, "support/page-authority.ts"), dataDir, join(dir, "page")];
  const child = spawn(BUN, args, { stdio: ["ignore", "pipe", "pipe"] });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    authorityLog += text;
  });
  const exited = new Promise((resolve) => child.once("exit", resolve));
  endAuthority = () => {
    child.kill("SIGTERM");
    return exited;
  };
  const first = await Promise.race([
    createInterface(child.stdout)[Symbol.asyncIterator]().next(),
    exited.then(() => Promise.reject(new Error(`no authority: ${authorityLog}`))),
  ]);
  ({ url } = JSON.parse(first.value as string) as { url: string });
}

function startEvil(): Promise<void> {
  evil = createServer((request, response) => {
    const { pathname } = new URL(request.url!, "http://evil");
    seen.push({
      url: request.url!,
      cookie: request.headers.cookie,
      site: request.headers["sec-fetch-site"] as string | undefined,
    });
    const found = pages.get(pathname);
    if (found?.cookie !== undefined) response.setHeader("set-cookie", found.cookie);
    response.setHeader("content-type", "text/html");
    response.end(found?.html ?? "<!doctype html><title>evil</title>");
  });
  return new Promise((resolve) => {
    evil.listen(0, "127.0.0.1", () => {
      const { port } = evil.address() as AddressInfo;
      sibling = `http://127.0.0.1:${port}`;
      stranger = `http://localhost:${port}`;
      resolve();
    });
  });
}

/** The cookie of this authority's sessions in `default`. */
const cookieName = () => `__Host-tes-default.${new URL(url).port}`;

async function openPage(at = `${url}/dash`): Promise<Page> {
  const opened = await context.newPage();
  await opened.goto(at);
  return opened;
}

/** A browser without a past, and a page of the authority in it that is signed in to both registries. */
async function signedIn(registry = "default"): Promise<{ readonly tab: Page; readonly answer: SessionAnswer }> {
  await context.clearCookies();
  const tab = await openPage();
  const token = registry === "default" ? admin : insider;
  const answer = await tab.evaluate(([given, name]) => page.signIn(given!, name!), [token, registry]);
  return { tab, answer };
}
const closeAll = () =>
  Promise.all(
    context
      .pages()
      .slice(1)
      .map((each) => each.close()),
  );
const whoIs = (tab: Page): Promise<unknown> =>
  tab.evaluate(() => page.outcome(async () => (await page.client().readSession()).jti));
const bump = (tab: Page): Promise<unknown> =>
  tab.evaluate(() =>
    page.outcome(async () => (await page.client().bump({ entity: "global:main", scope: "patch" })).changes[0]!.to),
  );

describe.skipIf(noBrowser !== undefined)("a person who is signed in", () => {
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "tes-dashboard-"));
    await startAuthority();
    await startEvil();
    await post("/v1/default/entities", admin, { entities: [{ entity: "global:main", version: "1.0.0" }] });
    const founder = mintToken(signing, { registry: "hidden" });
    await post("/v1/hidden", founder, { visibility: "private", recovery: { x: recovery.x } });
    await post("/v1/hidden/entities", founder, { entities: [{ entity: SECRET_ENTITY, version: "1.0.0" }] });
    context = await openBrowser(join(dir, "browser"));
    // Chromium asks before a page talks to a local server: what is tested here has to hold after a yes, too.
    await context.grantPermissions(["local-network-access"]);
  });
  afterAll(async () => {
    await context?.close();
    evil?.close();
    await endAuthority?.();
    await rm(dir, { recursive: true, force: true });
  });

  test("the cookie is set and sent on plain loopback, no script reads it, and the page works by it", async () => {
    const { tab, answer } = await signedIn();
    const [cookie] = await context.cookies(url);
    expect(cookie).toMatchObject({ name: cookieName(), httpOnly: true, secure: true, sameSite: "Strict", path: "/" });
    expect(await tab.evaluate(() => document.cookie)).toBe("");
    expect(await bump(tab)).toBe("1.0.1");
    expect(await whoIs(tab)).toBe(answer.jti);
    await tab.reload();
    expect(await whoIs(tab)).toBe(answer.jti);
    // Another tab is signed in too: its origin is the same.
    expect(await bump(await openPage())).toBe("1.0.2");
    const renewed = await tab.evaluate(() => page.client().renewSession());
    expect(renewed.csrf).toBe(answer.csrf);
    await tab.evaluate(() => page.client().endSession());
    expect(await context.cookies(url)).toEqual([]);
    expect(await bump(tab)).toBe("session_missing");
    await closeAll();
  });

  test("a live page follows the log by tickets that its session gets", async () => {
    const { tab } = await signedIn();
    const followed = tab.evaluate(async () => {
      const watch = page.client().watch({ since: 0 });
      const types: (string | undefined)[] = [];
      for await (const { statement } of watch) {
        types.push(statement?.type);
        if (types.length === 2) break;
      }
      return types;
    });
    expect(await followed).toEqual(["registry.genesis", "entity.declared"]);
    await closeAll();
  });

  test("another port gets the cookie, as browsers are, and can do nothing with it", async () => {
    await signedIn("hidden");
    seen = [];
    await openPage(sibling);
    const name = cookieName().replace("default", "hidden");
    const cookie = seen[0]!.cookie!;
    expect(cookie).toContain(`${name}=`);
    // A program behind that port forges all that a browser would say.
    const headers = { cookie, origin: url, "sec-fetch-site": "same-origin" };
    for (const csrf of [undefined, "", "x", "A".repeat(43)]) {
      for (const path of ["", "/session", "/entities", "/log/checkpoint"]) {
        const half = csrf === undefined ? {} : { "tes-csrf": csrf };
        const answer = await fetch(`${url}/v1/hidden${path}`, { headers: { ...headers, ...half } });
        expect([401, 403], `${path} ${csrf}`).toContain(answer.status);
        expect(await answer.text()).not.toContain(SECRET_ENTITY);
      }
    }
    // Another site does not even get it.
    seen = [];
    await openPage(stranger);
    expect(seen[0]!.cookie).toBeUndefined();
    await closeAll();
  });

  describe("CSRF", () => {
    /** Sends by itself, as soon as it is loaded. */
    const form = (action: string, type: string, name: string, value: string) =>
      `<!doctype html><form method="post" action="${action}" enctype="${type}">
       <input name='${name}' value='${value}'></form><script>document.forms[0].submit()</script>`;
    const BUMP = "/v1/default/bump";
    const END = "/v1/default/session/end";

    test.each([
      [
        "a form of plain text",
        "text/plain",
        '{"entity":"global:main","scope":"major","x":"',
        '"}',
        ["/bump", BUMP, END, "/v1/default/session", "/v1/default/tokens"],
      ],
      ["a form", "application/x-www-form-urlencoded", "entity", "global:main", [BUMP]],
      ["a form in parts", "multipart/form-data", "entity", "global:main", [BUMP]],
    ] as const)("%s from another port, or another site, changes nothing", async (_name, type, field, value, paths) => {
      const { tab, answer } = await signedIn();
      const before = await sizeOf();
      const attack = await context.newPage();
      for (const from of [sibling, stranger]) {
        for (const path of paths) {
          pages.set("/form", { html: form(`${url}${path}`, type, field, value) });
          const refusal = attack.waitForResponse((response) => response.url() === `${url}${path}`);
          await attack.goto(`${from}/form`);
          // The sibling's form brought the cookie along, the stranger's did not: both are refused before they are read.
          expect([path, (await refusal).status()]).toEqual([path, from === sibling ? 403 : 401]);
          await attack.waitForURL(`${url}${path}`);
        }
      }
      expect(await sizeOf()).toBe(before);
      expect(await whoIs(tab)).toBe(answer.jti);
      await closeAll();
    });

    test("scripts of other origins neither write nor read, whatever they send along", async () => {
      const { tab, answer } = await signedIn();
      const before = await sizeOf();
      const attempts = async ({ target, csrf }: { target: string; csrf: string }): Promise<string[]> => {
        const body = '{"entity":"global:main","scope":"major"}';
        const json = { "content-type": "application/json" };
        const tries: RequestInit[] = [
          { method: "POST", body, mode: "no-cors", credentials: "include" },
          { method: "POST", body, mode: "no-cors", credentials: "include", headers: { "content-type": "text/plain" } },
          { method: "POST", body, credentials: "include", headers: { "content-type": "text/plain" } },
          { method: "POST", body, credentials: "include", headers: json },
          // Were the second half ever to get out: the browser asks first, and is told no.
          { method: "POST", body, credentials: "include", headers: { ...json, "tes-csrf": csrf } },
          { method: "GET", credentials: "include", headers: { "tes-csrf": csrf } },
          { method: "GET", credentials: "include" },
        ];
        const outcomes: string[] = [];
        for (const init of tries) {
          outcomes.push(
            await fetch(`${target}/v1/default/bump`, init).then(
              (response) => `${response.type} ${response.status}`,
              () => "failed",
            ),
          );
        }
        return outcomes;
      };
      for (const from of [sibling, stranger]) {
        const attack = await openPage(from);
        const outcomes = await attack.evaluate(attempts, { target: url, csrf: answer.csrf });
        expect(outcomes, from).toEqual(["opaque 0", "opaque 0", "failed", "failed", "failed", "failed", "failed"]);
        const beacon = await attack.evaluate(
          (target) => navigator.sendBeacon(target, "{}"),
          `${url}/v1/default/session/end`,
        );
        expect(beacon).toBe(true);
      }
      expect(await sizeOf()).toBe(before);
      expect(await whoIs(tab)).toBe(answer.jti);
      await closeAll();
    });

    test("a socket of another origin is nobody, cookie or not", async () => {
      await signedIn("hidden");
      for (const from of [sibling, stranger]) {
        const attack = await openPage(from);
        const said = await attack.evaluate(
          (target) =>
            new Promise<string>((resolve) => {
              const socket = new WebSocket(target, "tes-subproto-v1");
              socket.onmessage = ({ data }) => {
                const frame = JSON.parse(data);
                if (frame.type === "challenge") socket.send('{"type":"anonymous"}');
                else resolve(frame.code ?? frame.type);
              };
              socket.onclose = ({ code }) => resolve(`closed ${code}`);
            }),
          `${url.replace("http", "ws")}/v1/hidden/watch`,
        );
        expect(said).toBe("token_missing");
      }
      await closeAll();
    });
  });

  test("a ticket that was stolen opens nothing elsewhere, and nothing at home any more", async () => {
    const { tab } = await signedIn();
    const target = `${url.replace("http", "ws")}/v1/default/watch`;
    const use = (where: Page, ticket: string): Promise<string> =>
      where.evaluate(
        ([at, given]) =>
          new Promise<string>((resolve) => {
            const socket = new WebSocket(at!, "tes-subproto-v1");
            socket.onmessage = ({ data }) => {
              const frame = JSON.parse(data);
              if (frame.type === "challenge") socket.send(JSON.stringify({ type: "ticket", ticket: given }));
              else resolve(frame.code ?? frame.type);
            };
          }),
        [target, ticket],
      );
    const issue = (): Promise<string> =>
      tab.evaluate(async () => {
        const headers = { "content-type": "application/json", "tes-csrf": localStorage.getItem("tes-csrf")! };
        const body = JSON.stringify({ origin: location.origin });
        const answer = await fetch("/v1/default/tickets", { method: "POST", headers, body });
        return ((await answer.json()) as { ticket: string }).ticket;
      });
    expect(await use(tab, await issue())).toBe("welcome");
    for (const from of [sibling, stranger]) {
      const ticket = await issue();
      expect(await use(await openPage(from), ticket)).toBe("ticket_invalid");
      expect(await use(tab, ticket)).toBe("ticket_invalid");
    }
    await closeAll();
  });

  test("clickjacking: no page frames the dashboard, nor a file of it", async () => {
    await signedIn();
    for (const from of [sibling, stranger]) {
      for (const path of ["/dash", "/dash/assets/page-0.js"]) {
        pages.set("/frame", { html: `<!doctype html><iframe src="${url}${path}"></iframe>` });
        const attack = await context.newPage();
        await attack.goto(`${from}/frame`);
        const [framed] = attack.frames().slice(1);
        // What a browser shows in the place of a page that refuses: it comes a moment after the refusal.
        await expect.poll(() => framed!.url()).toBe("chrome-error://chromewebdata/");
        for (const tag of ["object", "embed"]) {
          const kept = await attack.evaluate(
            ([name, src]) =>
              new Promise<string>((resolve) => {
                const element = document.createElement(name!) as HTMLObjectElement & HTMLEmbedElement;
                element[name === "object" ? "data" : "src"] = src!;
                element.onload = () => resolve("loaded");
                element.onerror = () => resolve("refused");
                document.body.append(element);
              }),
            [tag, `${url}${path}`],
          );
          if (kept === "loaded") {
            await expect.poll(() => attack.frames().at(-1)!.url()).toBe("chrome-error://chromewebdata/");
          }
        }
        await attack.close();
      }
      // By its window it gets nothing either: an opener is cut off.
      const attack = await openPage(from);
      const [popup] = await Promise.all([
        attack.waitForEvent("popup"),
        attack.evaluate((target) => {
          Object.assign(globalThis, { popup: open(target) });
        }, `${url}/dash`),
      ]);
      await popup.waitForLoadState();
      expect(await popup.evaluate(() => opener)).toBeNull();
      await attack.waitForFunction(() => (globalThis as unknown as { popup: Window }).popup.closed);
    }
    await closeAll();
  });

  test("the policy keeps out what an injection would bring, and says so in the log", async () => {
    const { tab } = await signedIn();
    seen = [];
    authorityLog = "";
    const reported = tab.waitForResponse((response) => response.url() === `${url}/dash/csp-report`);
    const outcomes = await tab.evaluate(async (elsewhere) => {
      const said: Record<string, string> = {};
      const attempt = (name: string, work: () => unknown) => {
        try {
          work();
          said[name] = "ran";
        } catch (thrown) {
          said[name] = (thrown as Error).name;
        }
      };
      const violated = new Set<string>();
      document.addEventListener("securitypolicyviolation", (event) => violated.add(event.effectiveDirective));
      attempt("innerHTML", () => {
        document.body.innerHTML += "<img src=x onerror='globalThis.owned = 1'>";
      });
      attempt("script text", () => {
        const script = document.createElement("script");
        script.text = "globalThis.owned = 2";
        document.body.append(script);
      });
      attempt("script elsewhere", () => {
        const script = document.createElement("script");
        script.src = `${elsewhere}/x.js`;
        document.body.append(script);
      });
      // In a turn of the page's own: what a debugger runs may always do it.
      await new Promise<void>((resolve) => {
        setTimeout(() => {
          attempt("eval", () => new Function("globalThis.owned = 3")());
          resolve();
        });
      });
      attempt("a policy of one's own", () =>
        (
          globalThis as unknown as { trustedTypes: { createPolicy(name: string, rules: object): unknown } }
        ).trustedTypes.createPolicy("anything", {}),
      );
      attempt("style", () => {
        const style = document.createElement("style");
        style.textContent = "main { color: rgb(9, 9, 9) }";
        document.head.append(style);
      });
      attempt("base", () => {
        const base = document.createElement("base");
        base.href = elsewhere;
        document.head.append(base);
      });
      const image = new Image();
      const form = document.createElement("form");
      const frame = document.createElement("iframe");
      image.src = `${elsewhere}/image`;
      frame.src = `${elsewhere}/frame`;
      form.action = `${elsewhere}/form`;
      document.body.append(image, form, frame);
      form.submit();
      said.fetch = await fetch(`${elsewhere}/fetch`).then(
        () => "ran",
        () => "failed",
      );
      said.beacon = String(navigator.sendBeacon(`${elsewhere}/beacon`, "x"));
      said.socket = await new Promise<string>((resolve) => {
        const socket = new WebSocket(elsewhere.replace("http", "ws"));
        socket.onopen = () => resolve("ran");
        socket.onerror = () => resolve("failed");
      }).catch((thrown: Error) => thrown.name);
      said.owned = String((globalThis as { owned?: number }).owned);
      said.colour = getComputedStyle(document.querySelector("main")!).color;
      said.base = document.baseURI === location.href ? "kept" : "moved";
      return { said, violated: [...violated].sort() };
    }, sibling);
    expect(outcomes.said).toEqual({
      innerHTML: "TypeError",
      "script text": "TypeError",
      "script elsewhere": "TypeError",
      eval: "EvalError",
      "a policy of one's own": "TypeError",
      style: "ran",
      fetch: "failed",
      beacon: expect.any(String),
      socket: "failed",
      owned: "undefined",
      colour: "rgb(1, 2, 3)",
      base: "kept",
    });
    expect(seen).toEqual([]);
    expect((await reported).status()).toBe(200);
    await expect.poll(() => authorityLog).toMatch(/"type":"page.blocked"/);
    await closeAll();
  });

  describe("fixation", () => {
    test("a cookie that another port planted before sign-in is not the session that comes of it", async () => {
      // The thief's own session, both halves of it.
      const thief = await signedIn();
      const [mine] = await context.cookies(url);
      await closeAll();
      await context.clearCookies();
      const plant = `${mine!.name}=${mine!.value}; Path=/; Secure; HttpOnly; SameSite=Strict`;
      pages.set("/plant", { html: "<!doctype html>", cookie: plant });
      await openPage(`${sibling}/plant`);
      expect((await context.cookies(url)).map(({ value }) => value)).toEqual([mine!.value]);
      const tab = await openPage();
      await tab.evaluate(() => localStorage.clear());
      // The planted one signs nobody in.
      expect(await bump(tab)).toBe("token_missing");
      const victim = await tab.evaluate((token) => page.signIn(token), admin);
      const [kept, ...more] = await context.cookies(url);
      expect(more).toEqual([]);
      expect(kept!.value).not.toBe(mine!.value);
      expect(victim.csrf).not.toBe(thief.answer.csrf);
      await closeAll();
    });

    test("one that is planted afterwards ends the work and never makes it the thief's", async () => {
      await signedIn();
      const [mine] = await context.cookies(url);
      await closeAll();
      const { tab } = await signedIn();
      const before = await sizeOf();
      pages.set("/plant", { html: "<!doctype html>", cookie: `${mine!.name}=${mine!.value}; Path=/; Secure` });
      await openPage(`${sibling}/plant`);
      expect(await bump(tab)).toBe("csrf_refused");
      expect(await sizeOf()).toBe(before);
      // A second one beside it, for a longer path, which would go first: its name keeps browsers from taking that.
      const again = await signedIn();
      pages.set("/beside", {
        html: "<!doctype html>",
        cookie: `${mine!.name}=${mine!.value}; Path=/v1/default; Secure`,
      });
      await openPage(`${sibling}/beside`);
      expect(await context.cookies(`${url}/v1/default`)).toHaveLength(1);
      expect(await whoIs(again.tab)).toBe(again.answer.jti);
      await closeAll();
    });
  });

  test("after signing out, neither going back nor any cache shows what was private", async () => {
    const { tab } = await signedIn("hidden");
    const shown = () => tab.evaluate(() => document.getElementById("shown")!.textContent);
    await tab.evaluate(async () => {
      const entities = await page.client("hidden").entities();
      document.getElementById("shown")!.textContent = entities.map(({ entity }) => entity).join();
    });
    expect(await shown()).toBe(SECRET_ENTITY);
    // By hand too, as a page might that does not use the client.
    const direct = (cache: RequestCache) =>
      tab.evaluate(async (mode) => {
        const headers = { "tes-csrf": localStorage.getItem("tes-csrf") ?? "" };
        const answer = await fetch("/v1/hidden/entities", { headers, cache: mode });
        return `${answer.status} ${await answer.text()}`;
      }, cache);
    expect(await direct("default")).toContain(SECRET_ENTITY);
    await tab.goto(`${url}/healthz`);
    const other = await openPage();
    await other.evaluate(() => page.client("hidden").endSession());
    await tab.goBack();
    expect(tab.url()).toBe(`${url}/dash`);
    expect(await shown()).toBe("nobody is signed in");
    for (const cache of ["force-cache", "only-if-cached", "default"] as const) {
      const answer = await direct(cache).catch(() => "failed");
      expect(answer).not.toContain(SECRET_ENTITY);
    }
    await closeAll();
  });
});
