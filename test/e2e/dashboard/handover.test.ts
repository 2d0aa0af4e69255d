/** A registry is restored, or goes over to other keys, while people look at it: whatever page they are on, they see it. */

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { noBrowser } from "../support/browser.ts";
import { type Between, launch, raise, type Stage, sit, standBetween } from "../support/dashboard.ts";

if (noBrowser !== undefined) console.warn(`Not run: a restore under the eyes of the dashboard, since ${noBrowser}.`);

const PAGES = ["entities", "entities/agent:scout", "history", "releases", "keys", "guards", "metrics"];

describe.skipIf(noBrowser !== undefined)("a registry changes its keys", () => {
  let between: Between;
  let browser: Browser;
  beforeAll(async () => {
    between = await standBetween();
    browser = await launch(between.url);
  });
  afterAll(async () => {
    await browser?.close();
    await between?.[Symbol.asyncDispose]();
  });

  const open = (stage: Stage, hash: string) => sit(browser, `${stage.url}/dash#/default/${hash}`);
  const patch = { entity: "agent:scout", scope: "patch" };
  /** Nobody reaches the authority while its place is taken by another. */
  const behindTheirBacks = async (work: () => Promise<void>): Promise<void> => {
    between.cut = true;
    await work();
    between.cut = false;
  };

  test("restored under another key: every page says so at once, calmly, and goes on with the log that there is", async () => {
    await using stage = await raise("dashboard restored");
    const backup = await stage.backup();
    await stage.post("/v1/default/bump", patch);
    const lost = await stage.backup();
    const people = await Promise.all(["entities/agent:scout", "history", "guards"].map((hash) => open(stage, hash)));
    for (const { page } of people) await page.getByText("live", { exact: true }).first().waitFor();
    await people[0]!.page.getByRole("treeitem", { name: /agent:scout.*0\.3\.1/ }).waitFor();

    await behindTheirBacks(async () => {
      await stage.replace("dashboard restored, other key");
      await stage.restore(backup, lost);
    });
    for (const { page } of people) {
      await page
        .getByText("Restored from a backup, epoch 2: the recovery key's signature was verified here.")
        .waitFor();
      await page.getByText(/It goes on from size 5 under other keys\. Of the log before it, up to size 6/).waitFor();
      await page.getByText("live", { exact: true }).first().waitFor();
    }
    const [{ page }, history] = people as [(typeof people)[0], (typeof people)[0]];
    // Of the log that is gone nothing is shown any more.
    await page.getByRole("treeitem", { name: /agent:scout.*0\.3\.0/ }).waitFor();
    await history.page.getByRole("heading", { name: "6 statements" }).waitFor();
    // It goes on, and is followed.
    await stage.post("/v1/default/bump", { ...patch, scope: "minor" });
    await page.getByRole("treeitem", { name: /agent:scout.*0\.4\.0/ }).waitFor();
    for (const hash of PAGES) {
      await page.evaluate((to) => {
        location.hash = to;
      }, `#/default/${hash}`);
      await page.getByText(/^Restored from a backup, epoch 2/).waitFor();
    }
    // It stays over a reload, until a person has taken note; then it is gone for good, in the other tab too.
    await page.reload();
    await page.getByText(/^Restored from a backup, epoch 2/).waitFor();
    await page.getByRole("status").getByRole("link", { name: "Keys", exact: true }).click();
    await page.getByText("Restored under the recovery key").waitFor();
    await page.getByRole("button", { name: "Understood" }).click();
    await page.getByText(/^Restored from a backup, epoch 2/).waitFor({ state: "hidden" });
    await page.reload();
    await page.getByText("live", { exact: true }).first().waitFor();
    await expect.poll(() => page.getByText(/^Restored from a backup, epoch 2/).count()).toBe(0);
    for (const one of people) {
      expect(one.complaints).toEqual([]);
      await expect.poll(() => one.page.getByText("refused", { exact: true }).count()).toBe(0);
      await one.context.close();
    }
  });

  test("a restore that did not know of what this browser saw: red on every page, and nothing of it is shown", async () => {
    await using stage = await raise("dashboard restored wrongly");
    const backup = await stage.backup();
    await stage.post("/v1/default/bump", patch);
    const { page, context } = await open(stage, "guards");
    await page.getByText("live", { exact: true }).first().waitFor();
    await behindTheirBacks(async () => {
      await stage.replace("dashboard restored wrongly, other key");
      await stage.restore(backup);
    });
    await page
      .getByText(/restored by somebody who did not know of all that this browser saw/)
      .first()
      .waitFor();
    for (const hash of PAGES) {
      await page.evaluate((to) => {
        location.hash = to;
      }, `#/default/${hash}`);
      await page.getByRole("button", { name: /^refused/ }).waitFor();
      await page
        .getByRole("alert")
        .getByText(/restored by somebody/)
        .waitFor();
    }
    expect(await page.getByText(/^Restored from a backup/).count()).toBe(0);
    await context.close();
  });

  test("another authority takes the place, with a registry of its own: red", async () => {
    await using stage = await raise("dashboard usurped");
    const { page, context } = await open(stage, "releases");
    await page.getByText("live", { exact: true }).first().waitFor();
    await behindTheirBacks(() => stage.replace("dashboard usurped, other key", "its own"));
    await page.getByRole("button", { name: /^refused/ }).waitFor();
    await page
      .getByRole("alert")
      .getByText(/not the registry that this browser knows under that name/)
      .waitFor();
    await context.close();
  });

  test("handed over to other keys at the same address: said on every page, and the log goes on without a gap", async () => {
    await using stage = await raise("dashboard rekeyed");
    const { page, context, complaints } = await open(stage, "entities");
    await page.getByText("live", { exact: true }).first().waitFor();
    const moved = await stage.move(stage.url, "dashboard rekeyed, other key");
    // By the statement in the feed already, while the old keys still sign.
    await page
      .getByText("Other keys sign from statement 6 on: the signature of the keys before was verified here.")
      .waitFor();
    await behindTheirBacks(async () => {
      await stage.replace("dashboard rekeyed, other key");
      await stage.receive(moved);
    });
    await page.getByText("live", { exact: true }).first().waitFor();
    await stage.post("/v1/default/bump", patch);
    await page.getByRole("treeitem", { name: /agent:scout.*0\.3\.1.*Proven here/ }).waitFor();
    await page.getByText(/^Other keys sign from statement 6 on/).waitFor();
    await expect.poll(() => page.getByText("refused", { exact: true }).count()).toBe(0);
    expect(complaints).toEqual([]);
    await context.close();
  });

  test("gone to another address: who looks sees where, and so does who comes later", async () => {
    await using stage = await raise("dashboard moved away");
    const { page, context } = await open(stage, "history");
    await page.getByText("live", { exact: true }).first().waitFor();
    await stage.move("https://new.example", "dashboard moved away, other key");
    const notice = /^This registry went to https:\/\/new\.example: the signature of the keys before was verified here/;
    await page.getByText(notice).waitFor();
    await context.close();
    const later = await open(stage, "entities");
    await later.page.getByText(notice).waitFor();
    await later.page.getByText("Nothing more is written here.").waitFor();
    await later.context.close();
  });
});
