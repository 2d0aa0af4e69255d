/** What stands between a person and the authority changes something: the page is red and says why, or shows an outage. */

import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { noBrowser } from "../support/browser.ts";
import { type Between, launch, raise, type Stage, sit, standBetween } from "../support/dashboard.ts";

if (noBrowser !== undefined) console.warn(`Not run: the dashboard behind a proxy, since ${noBrowser}.`);

/** One byte of a body, at a text that is in it. */
function change(body: Buffer, text: string, by: string): Buffer {
  const at = body.indexOf(text);
  if (at < 0) return body;
  const changed = Buffer.from(body);
  changed.write(by, at);
  return changed;
}

describe.skipIf(noBrowser !== undefined)("behind a proxy that meddles", () => {
  let stage: Stage;
  let between: Between;
  let browser: Browser;
  beforeAll(async () => {
    [stage, between] = await Promise.all([raise("dashboard between"), standBetween()]);
    browser = await launch(between.url);
  });
  afterEach(() => {
    between.answers = undefined;
    between.frames = undefined;
    between.cut = false;
  });
  afterAll(async () => {
    await browser?.close();
    await between?.[Symbol.asyncDispose]();
    await stage?.[Symbol.asyncDispose]();
  });

  const open = (hash = "") => sit(browser, `${stage.url}/dash${hash}`);

  test("it changes nothing: all is green, and the socket goes through it", async () => {
    const { page, context, complaints } = await open("#/default/entities/global:main");
    await page.getByText("live", { exact: true }).first().waitFor();
    await page
      .getByText(/^Proven here \d/)
      .first()
      .waitFor();
    expect(complaints).toEqual([]);
    await context.close();
  });

  test.each([
    ["the state", "/v1/default", '"5.0.3"', '"5.0.4"', "digest_mismatch"],
    ["the chain of keys", "/v1/default/keys", '"x":"', '"x":"A', undefined],
    ["a receipt", "/v1/default/log/proof", '"to":"', '"to":"9', "digest_mismatch"],
  ])("one byte of %s is changed: red, with the reason", async (_, path, text, by, code) => {
    if (path.endsWith("proof")) await stage.post("/v1/default/bump", { entity: "agent:scout", scope: "patch" });
    let changed = 0;
    between.answers = (asked, body) => {
      if (asked !== path) return body;
      const other = change(body, text, by);
      if (other !== body) changed++;
      return other;
    };
    const { page, context } = await open("#/default/entities/agent:scout");
    await page.getByText("refused", { exact: true }).first().waitFor();
    expect(changed).toBeGreaterThan(0);
    await page.getByRole("button", { name: /^refused/ }).click();
    const drawer = page.getByRole("complementary", { name: "Evidence" });
    await drawer.getByText("This stays until the page is loaded again.").waitFor();
    if (code !== undefined) await drawer.getByText(code).first().waitFor();
    // It stays when the answers are right again.
    between.answers = undefined;
    await page.getByRole("link", { name: "Keys", exact: true }).click();
    await page.getByText("refused", { exact: true }).first().waitFor();
    // And when another registry was looked at in between.
    await page.evaluate(() => {
      location.hash = "#/nowhere/entities";
    });
    await page.getByRole("heading", { name: /There is no registry named nowhere/ }).waitFor();
    await page.getByRole("link", { name: "TES, nowhere" }).waitFor();
    await page.goBack();
    await page.getByRole("link", { name: "TES, default" }).waitFor();
    await page.getByRole("heading", { name: "Keys", exact: true }).waitFor();
    await page.getByRole("button", { name: /^refused/ }).waitFor();
    await context.close();
  });

  test("one byte of what comes over the socket is changed: red, and the version is not taken over", async () => {
    const { page, context } = await open();
    await page.getByText("live", { exact: true }).first().waitFor();
    const before = await page
      .getByRole("treeitem", { name: /service:billing/ })
      .locator(".version")
      .textContent();
    between.frames = (piece) => change(piece, '"scope":"minor"', '"scope":"major"');
    await stage.post("/v1/default/bump", { entity: "service:billing", scope: "minor" });
    await page.getByText("refused", { exact: true }).first().waitFor();
    expect(
      await page
        .getByRole("treeitem", { name: /service:billing/ })
        .locator(".version")
        .textContent(),
    ).toBe(before);
    await context.close();
  });

  test("the signature is taken off: an outage, and never an answer", async () => {
    between.answers = (path, body, headers) => {
      if (path.startsWith("/v1/")) delete headers.signature;
      return body;
    };
    const { page, context } = await open();
    await page.getByRole("heading", { name: /nothing proves that it was the authority/ }).waitFor();
    expect(await page.getByRole("treeitem").count()).toBe(0);
    expect(await page.getByText("refused", { exact: true }).count()).toBe(0);
    // And by itself it goes on when there are signatures again.
    between.answers = undefined;
    await page.getByText("live", { exact: true }).first().waitFor();
    await context.close();
  });

  test("the connection is cut and comes back: the page says so and is live again", async () => {
    const { page, context } = await open();
    await page.getByText("live", { exact: true }).first().waitFor();
    between.cut = true;
    await page.getByText(/The authority is out of reach/).waitFor();
    await page.getByText("out of reach", { exact: true }).first().waitFor();
    between.cut = false;
    await page.getByText("live", { exact: true }).first().waitFor();
    await context.close();
  });

  test("a page whose code cannot be fetched says so, and is there once the authority is", async () => {
    const { page, context } = await open();
    await page.getByText("live", { exact: true }).first().waitFor();
    between.cut = true;
    await page.getByText(/The authority is out of reach/).waitFor();
    await page.getByRole("link", { name: "Guards", exact: true }).click();
    await page.getByText(/This page could not be fetched/).waitFor();
    await page.getByRole("button", { name: "Try again" }).waitFor();
    between.cut = false;
    await page.getByRole("heading", { name: "Guards", level: 1 }).waitFor();
    await context.close();
  });

  test("a pin in the address: the right one is kept, another is red and stays red after a reload", async () => {
    const { genesis } = (await (await fetch(`${stage.url}/v1/default`)).json()) as { genesis: string };
    const { page, context } = await open(`#pin=${genesis}`);
    await page.getByText("live", { exact: true }).first().waitFor();
    expect(page.url()).not.toContain("pin=");
    await page.getByText(/which a link named/).waitFor();
    await page.getByRole("link", { name: "Keys", exact: true }).click();
    await page.getByText(/Pinned by a link/).waitFor();
    const other = genesis.replace(/^./, (first) => (first === "0" ? "1" : "0"));
    await page.goto(`${stage.url}/dash#/default/entities?pin=${other}`);
    await page.getByRole("heading", { name: /The link names another registry/ }).waitFor();
    await page.getByText(other).waitFor();
    await page.getByText("refused", { exact: true }).first().waitFor();
    await context.close();
    const fresh = await open(`#pin=${other}`);
    await fresh.page.getByRole("heading", { name: /A link named another registry/ }).waitFor();
    for (const hash of [other, genesis]) await fresh.page.getByText(hash).waitFor();
    await fresh.page.reload();
    await fresh.page.getByRole("heading", { name: /A link named another registry/ }).waitFor();
    for (const hash of [other, genesis]) await fresh.page.getByText(hash).waitFor();
    await fresh.context.close();
  });
});
