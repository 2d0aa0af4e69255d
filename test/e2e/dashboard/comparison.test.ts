/** Two positions of the log, compared: both sides are proved in the browser, and the drawer says how. */

import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { noBrowser } from "../support/browser.ts";
import { type Between, launch, raise, type Stage, sit, standBetween } from "../support/dashboard.ts";

if (noBrowser !== undefined) console.warn(`Not run: comparisons in the dashboard, since ${noBrowser}.`);

describe.skipIf(noBrowser !== undefined)("two positions of the log", () => {
  let stage: Stage;
  let between: Between;
  let browser: Browser;
  beforeAll(async () => {
    [stage, between] = await Promise.all([raise("dashboard comparison"), standBetween()]);
    browser = await launch(between.url);
    for (let n = 0; n < 2; n++) await stage.post("/v1/default/bump", { entity: "agent:scout", scope: "patch" });
    await stage.post("/v1/default/entities", {
      entities: [{ entity: "agent:late", version: "1.0.0", strategy: "independent", parent: null, files: [] }],
    });
    await stage.post("/v1/default/entities/agent:scout/retire", {});
    // So many after it that the feed, which proves what it brings, does not reach back to what is compared.
    const other = { entity: "service:billing", scope: "patch" };
    await Promise.all(Array.from({ length: 50 }, () => stage.post("/v1/default/bump", other)));
  });
  afterAll(async () => {
    await browser?.close();
    await between?.[Symbol.asyncDispose]();
    await stage?.[Symbol.asyncDispose]();
  });

  const lineOf = (page: Page, entity: string) => page.getByRole("row").filter({ hasText: entity });

  test("both sides of a line are proved, each by its statement, against one log", async () => {
    const { page, context, complaints } = await sit(browser, `${stage.url}/dash#/default/history/diff/6/7`);
    await lineOf(page, "agent:scout").getByText("Proven here").waitFor();
    await page.getByText("Both sizes are beginnings of the one log that this browser follows").waitFor();
    await lineOf(page, "agent:scout").getByRole("button").click();
    const drawer = page.getByRole("complementary", { name: "Evidence" });
    await drawer.getByRole("heading", { name: "Evidence for both sides" }).waitFor();
    const sides = drawer.getByRole("listitem");
    await sides.filter({ hasText: "At size 6" }).getByText("0.3.1", { exact: true }).waitFor();
    await sides.filter({ hasText: "At size 6" }).getByText("Given by statement 5").waitFor();
    await sides.filter({ hasText: "At size 7" }).getByText("0.3.2", { exact: true }).waitFor();
    await sides.filter({ hasText: "At size 7" }).getByText("Given by statement 6").waitFor();
    await sides.filter({ hasText: "One log" }).getByText("the log of 7 begins with that of 6").waitFor();
    await expect.poll(() => drawer.getByText("Holds", { exact: true }).count()).toBe(3);
    await drawer.getByText("tes log diff 6 7").waitFor();
    // From a side to the whole evidence for its statement.
    await sides.filter({ hasText: "At size 6" }).getByRole("button", { name: "statement 5" }).click();
    await drawer.getByRole("heading", { name: "Evidence for statement 5" }).waitFor();
    expect(complaints).toEqual([]);
    await context.close();
  });

  test("what was not there is said in words; what was retired is held to what gave it its version", async () => {
    const { page, context, complaints } = await sit(browser, `${stage.url}/dash#/default/history/diff/5/9`);
    const late = lineOf(page, "agent:late");
    await late.getByText("not there yet").waitFor();
    await late.getByText("Newer side proven here").waitFor();
    await late.getByRole("button").click();
    const drawer = page.getByRole("complementary", { name: "Evidence" });
    await drawer.getByText(/It was not there yet\. So the authority signs/).waitFor();
    await drawer.getByText("Not checked", { exact: true }).waitFor();
    const scout = lineOf(page, "agent:scout");
    await scout.getByText("retired").waitFor();
    await scout.getByText("Proven here").waitFor();
    await scout.getByRole("button").click();
    await drawer.getByText("retired by statement 8").waitFor();
    await drawer.getByText("Given by statement 6").waitFor();
    expect(complaints).toEqual([]);
    await context.close();
  });

  test("the older side's proof is changed on the way: that line is red, and so is the page", async () => {
    let changed = 0;
    between.answers = (path, body) => {
      if (path !== "/v1/default/log/proof" || !body.includes('"seq":5,')) return body;
      changed++;
      return Buffer.from(body.toString().replace('"to":"0.3.1"', '"to":"0.3.9"'));
    };
    const { page, context } = await sit(browser, `${stage.url}/dash#/default/history/diff/6/7`);
    await lineOf(page, "agent:scout").getByText("Refused").waitFor();
    expect(changed).toBeGreaterThan(0);
    await page.getByText("refused", { exact: true }).first().waitFor();
    between.answers = undefined;
    await context.close();
  });
});
