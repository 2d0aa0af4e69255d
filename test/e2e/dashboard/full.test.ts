/** The very full page: hundreds of entities, a long log. A few lines are drawn, and any is found. */

import { describe, expect, test } from "vitest";
import { noBrowser } from "../support/browser.ts";
import { type Declared, FAMILY, launch, raise, sit } from "../support/dashboard.ts";

if (noBrowser !== undefined) console.warn(`Not run: the very full dashboard, since ${noBrowser}.`);

/** Entities of every kind of depth, `count` of them. */
const crowd = (count: number): Declared[] =>
  Array.from({ length: count }, (_, n) => ({
    entity: `component:part-${String(n).padStart(3, "0")}`,
    version: `1.${n}.0`,
    strategy: n % 3 === 0 ? "linked" : "independent",
    parent: n < 10 ? "global:main" : `component:part-${String(Math.floor(n / 10)).padStart(3, "0")}`,
  }));

describe.skipIf(noBrowser !== undefined)("a very full registry", () => {
  test("500 entities and thousands of statements: a few lines are drawn, any is found, the log is read in pages", async () => {
    await using full = await raise("dashboard full", [...FAMILY, ...crowd(500)]);
    const bump = { entity: "agent:scout", scope: "patch" };
    for (let round = 0; round < 20; round++) {
      await Promise.all(Array.from({ length: 50 }, () => full.post("/v1/default/bump", bump)));
    }
    const size = 1 + FAMILY.length + 500 + 1_000;
    const browser = await launch();
    const { page, complaints } = await sit(browser, `${full.url}/dash`);
    await page.getByText("504 entities").waitFor();
    expect(await page.getByRole("treeitem").count()).toBeLessThan(60);
    await page.getByLabel("Filter entities").fill("part-499");
    await page.getByText("part-499").click();
    await page.getByRole("heading", { name: "component:part-499" }).waitFor();
    await page
      .getByText(/^Proven here \d/)
      .first()
      .waitFor({ state: "attached" });
    await page.goto(`${full.url}/dash#/default/history`);
    await page.getByLabel("Position").fill("3");
    await page.getByRole("button", { name: "Go", exact: true }).click();
    await page.getByRole("region", { name: "The log, newest first" }).getByText("service:billing").waitFor();
    expect(await page.getByRole("region", { name: "The log, newest first" }).getByRole("button").count()).toBeLessThan(
      60,
    );
    await page.getByRole("button", { name: "Read the whole log here" }).click();
    await page.getByText(`${size.toLocaleString("en")} statements read, 504 entities agree`).waitFor();
    expect(complaints).toEqual([]);
    await browser.close();
  });
});
