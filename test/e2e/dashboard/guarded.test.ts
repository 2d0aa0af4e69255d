/** What not everyone may see, and what a lock wrote down: private registries, several of them, execution logs. */

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ExecutionLog, executionLogDigest } from "../../../src/protocol/execution-log.ts";
import { noBrowser } from "../support/browser.ts";
import { launch, raise, type Stage, signIn, sit, textOf } from "../support/dashboard.ts";
import { keyOf } from "../support/keys.ts";

if (noBrowser !== undefined) console.warn(`Not run: the dashboard of private registries, since ${noBrowser}.`);

const SECRET = "component:unannounced";

describe.skipIf(noBrowser !== undefined)("what is guarded", () => {
  let stage: Stage;
  let browser: Browser;
  const insider = (lifetime = 3600) =>
    stage.token({ registry: "hidden", scope: ["read", "watch", "bump:*"], lifetime });
  beforeAll(async () => {
    [stage, browser] = await Promise.all([raise("dashboard guarded"), launch()]);
    const x = keyOf("hidden recovery").x;
    const headers = { "content-type": "application/json", authorization: `Bearer ${stage.token()}` };
    const opened = await fetch(`${stage.url}/v1/hidden`, {
      method: "POST",
      headers: { ...headers, "idempotency-key": "open" },
      body: JSON.stringify({ visibility: "private", recovery: { x } }),
    });
    expect(opened.status).toBe(201);
    const declared = await fetch(`${stage.url}/v1/hidden/entities`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "idempotency-key": "declare",
        authorization: `Bearer ${stage.token({ registry: "hidden" })}`,
      },
      body: JSON.stringify({
        entities: [{ entity: SECRET, version: "7.7.7", strategy: "independent", parent: null, files: [] }],
      }),
    });
    expect(declared.status).toBe(200);
  });
  afterAll(async () => {
    await browser?.close();
    await stage?.[Symbol.asyncDispose]();
  });

  test("a private registry shows nothing to strangers, all to an insider, and nothing again after signing out", async () => {
    const { page, context, complaints } = await sit(browser, `${stage.url}/dash#/hidden/entities`);
    await page.getByRole("heading", { name: "This registry is read by holders of a token." }).waitFor();
    expect(await textOf(page)).not.toContain("unannounced");
    await signIn(page, insider());
    await page.getByRole("treeitem", { name: /unannounced.*7\.7\.7.*Proven here/ }).waitFor();
    await page.getByText("live", { exact: true }).first().waitFor();
    await page.reload();
    await page.getByRole("treeitem", { name: /unannounced/ }).waitFor();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("heading", { name: "This registry is read by holders of a token." }).waitFor();
    expect(await textOf(page)).not.toContain("unannounced");
    await page.goBack();
    await page.goForward();
    await page.getByRole("heading", { name: "This registry is read by holders of a token." }).waitFor();
    expect(await textOf(page)).not.toContain("unannounced");
    expect(complaints).toEqual([]);
    await context.close();
  });

  test("a token that may only read keeps its session: the page says that the live feed needs another scope", async () => {
    const { page, context } = await sit(browser, `${stage.url}/dash#/hidden/entities`);
    await page.getByRole("heading", { name: "This registry is read by holders of a token." }).waitFor();
    await signIn(page, stage.token({ registry: "hidden", scope: ["read"] }));
    await page.getByText(/live feed needs the scope watch/).waitFor();
    await page.getByRole("treeitem", { name: /unannounced.*7\.7\.7/ }).waitFor();
    await page.getByText("no live feed", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Sign out" }).waitFor();
    await page.reload();
    await page.getByText(/live feed needs the scope watch/).waitFor();
    await page.getByRole("button", { name: "Sign out" }).waitFor();
    await context.close();
  });

  test("registries are switched in the bar, each with its own session", async () => {
    const { page, context, complaints } = await sit(browser, `${stage.url}/dash`);
    await signIn(page, stage.token({ scope: ["read", "watch"] }));
    await page.getByLabel("Registry").selectOption("hidden");
    await page.getByRole("heading", { name: "This registry is read by holders of a token." }).waitFor();
    await page.getByRole("button", { name: "Sign out" }).waitFor({ state: "hidden" });
    await signIn(page, insider());
    await page.getByRole("treeitem", { name: /unannounced/ }).waitFor();
    await page.getByLabel("Registry").selectOption("default");
    await page.getByRole("treeitem", { name: /agent:scout/ }).waitFor();
    await page.getByRole("button", { name: "Sign out" }).waitFor();
    expect(await textOf(page)).not.toContain("unannounced");
    expect(complaints).toEqual([]);
    // A registry that nobody lists stands in the choice for as long as it is looked at.
    await page.evaluate(() => {
      location.hash = "#/nowhere/entities";
    });
    await page.getByRole("heading", { name: /There is no registry named nowhere/ }).waitFor();
    await expect.poll(() => page.getByLabel("Registry").inputValue()).toBe("nowhere");
    await page.goBack();
    await page.getByRole("treeitem", { name: /agent:scout/ }).waitFor();
    await expect.poll(() => page.getByLabel("Registry").inputValue()).toBe("default");
    // With all that the bar can hold, on the narrowest screen, what the pulse says is whole.
    await page.setViewportSize({ width: 360, height: 780 });
    const right = async (): Promise<number> => {
      const box = await page.locator("tes-pulse button").boundingBox();
      return Math.round(box!.x + box!.width);
    };
    await page.getByText("live", { exact: true }).first().waitFor();
    await expect.poll(right).toBeLessThanOrEqual(360);
    await context.setOffline(true);
    await page.getByText("out of reach", { exact: true }).first().waitFor();
    await expect.poll(right).toBeLessThanOrEqual(360);
    await context.close();
  });

  test("a session that may only bump follows a public log like anyone", async () => {
    const { page, context, complaints } = await sit(browser, `${stage.url}/dash`);
    await signIn(page, stage.token({ scope: ["bump:*"] }));
    await page.reload();
    await page.getByRole("button", { name: "Sign out" }).waitFor();
    await page.getByText("live", { exact: true }).first().waitFor();
    await page.getByRole("link", { name: "Metrics", exact: true }).click();
    await page.getByText(/read by holders of a token with the scope/).waitFor();
    expect(complaints).toEqual([]);
    await context.close();
  });

  test("an execution log is opened, followed while it is written, and replayed against the live authority", async () => {
    const { keys, genesis } = (await (await fetch(`${stage.url}/v1/default/keys`)).json()) as {
      keys: { kid: string; use: string }[];
      genesis: object;
    };
    expect(genesis).toBeDefined();
    const keyid = keys.find(({ use }) => use === "response-ed25519")!.kid;
    const state = (await (await fetch(`${stage.url}/v1/default`)).json()) as { genesis: string; size: number };
    const logOf = (change: Partial<ExecutionLog>): string => {
      const body: Omit<ExecutionLog, "digest"> = {
        format: "tes-execution-log-v1",
        status: "complete",
        target: { config: "wrangler.toml", env: "production", worker: "tes", url: stage.url, registry: "default" },
        tools: { tes: "0.1.0", runtime: "bun 1.4.5", wrangler: "4.164.0" },
        started: "2026-11-20T09:00:00.000Z",
        phases: [
          {
            name: "key proof",
            result: "the Worker holds it",
            at: "2026-11-20T09:00:02.000Z",
            ms: 812,
            commands: [],
            files: [],
            findings: [],
          },
        ],
        key: { keyid, slot: "VERSION_SIGNING_KEY", source: "env", kept: "in the file named" },
        genesis: state.genesis,
        recovery: null,
        bump: {
          entity: "global:main",
          answer: "dry run, 3 entities",
          provenance: `source env, log size ${state.size}`,
        },
        risks: ["The recovery key is in one place."],
        ...change,
      };
      return JSON.stringify({ ...body, digest: executionLogDigest(body) });
    };
    const { page, context, complaints } = await sit(browser, "about:blank");
    // The file that a person picks, as the browser hands it over; it changes while the page looks.
    let written = logOf({ status: "running", phases: [] });
    await page.exposeFunction("readLog", () => written);
    await page.addInitScript(() => {
      const { readLog } = globalThis as unknown as { readLog(): Promise<string> };
      Object.assign(globalThis, {
        showOpenFilePicker: async () => [
          {
            getFile: async () => {
              const text = await readLog();
              return new File([text], "lock.json", { lastModified: text.length });
            },
          },
        ],
      });
    });
    await page.goto(`${stage.url}/dash#/default/guards`);
    await page.getByText("The key comes from the environment").waitFor();
    await page.getByRole("button", { name: "Open a log…" }).click();
    await page.getByText("running: not all phases are done").waitFor();
    written = logOf({});
    await page.getByRole("heading", { name: "key proof" }).waitFor();
    await page.getByText("complete", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Replay against this authority" }).click();
    await page.getByText("Nothing contradicts it.").waitFor();
    await expect.poll(() => page.getByText("Holds", { exact: true }).count()).toBe(5);

    const paste = page.getByLabel("The log's JSON");
    await paste.fill(logOf({ key: { keyid: "x".repeat(43), slot: "VERSION_SIGNING_KEY", source: "env", kept: "-" } }));
    await page.getByRole("button", { name: "Replay against this authority" }).click();
    await page.getByText("2 claims do not hold.").waitFor();
    await paste.fill(written.replace("dry run", "wet run"));
    await page
      .getByRole("alert")
      .getByText(/does not have the digest/)
      .waitFor();
    expect(complaints).toEqual([]);
    await context.close();
  });
});
