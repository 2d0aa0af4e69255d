/** People at the dashboard of a real authority: what one does, the others see; and nothing that was typed is lost. */

import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { noBrowser } from "../support/browser.ts";
import { launch, openPage, raise, type Stage, signIn, sit } from "../support/dashboard.ts";

if (noBrowser !== undefined) console.warn(`Not run: the dashboard, since ${noBrowser}.`);

const ENTITY = "#/default/entities/global:main";
const SCOPE = ["bump:*", "watch"];

/** Resolves with the page's clock once the tree shows a version beside an entity. */
function shows(page: Page, entity: string, version: string): Promise<number> {
  return page.evaluate(
    ([entity, version]) =>
      new Promise<number>((resolve) => {
        const look = (): void => {
          const tree = document.querySelector("tes-app")?.shadowRoot?.querySelector("tes-tree")?.shadowRoot;
          const line = [...(tree?.querySelectorAll(".line") ?? [])].find(
            (one) => one.querySelector(".id")?.textContent === entity,
          );
          if (line?.querySelector(".version")?.textContent === version)
            resolve(performance.timeOrigin + performance.now());
          else requestAnimationFrame(look);
        };
        look();
      }),
    [entity, version] as const,
  );
}

describe.skipIf(noBrowser !== undefined)("people at the dashboard", () => {
  let stage: Stage;
  let browser: Browser;
  beforeAll(async () => {
    [stage, browser] = await Promise.all([raise("dashboard people"), launch()]);
  });
  afterAll(async () => {
    await browser?.close();
    await stage?.[Symbol.asyncDispose]();
  });

  test("one signs in, sees the plan, bumps; the cascade arrives in another's page; both prove it", async () => {
    const ada = await sit(browser, `${stage.url}/dash${ENTITY}`);
    const grace = await sit(browser, `${stage.url}/dash`);
    await signIn(ada.page, stage.token({ scope: ["bump:*", "watch"] }));
    await grace.page.getByText("live", { exact: true }).first().waitFor();

    await ada.page.getByRole("button", { name: "minor…" }).click();
    const plan = ada.page.getByRole("list", { name: "Plan" });
    await expect.poll(() => plan.getByRole("listitem").allInnerTexts()).toHaveLength(3);
    await plan.getByRole("listitem").filter({ hasText: "service:billing" }).getByText("5.0.3 → 5.1.0").waitFor();
    // The plan wrote nothing.
    expect(await sizeOf(stage.url)).toBe(5);
    await ada.page.getByLabel(/^Reason/).fill("November train");

    const arrived = shows(grace.page, "service:gateway", "2.5.0");
    const clicked = await ada.page.evaluate(() => performance.timeOrigin + performance.now());
    await ada.page.getByRole("button", { name: "Bump 3 entities" }).click();
    const latency = (await arrived) - clicked;
    console.log(`from the click in one page to the cascade in another: ${latency.toFixed(0)} ms`);
    await ada.page.getByText("Written as statement 5, and proven here").waitFor();
    await ada.page.getByRole("button", { name: "Done" }).click();

    await grace.page.getByRole("treeitem", { name: /service:billing.*5\.1\.0.*Proven here/ }).waitFor();
    await grace.page.goto(`${stage.url}/dash${ENTITY}`);
    await grace.page.getByText("November train").first().waitFor();
    expect([...ada.complaints, ...grace.complaints]).toEqual([]);
    await Promise.all([ada.context.close(), grace.context.close()]);
  });

  test("two who bump at once: what was shown is what is done, or it is refused", async () => {
    const people = await Promise.all([0, 1].map(() => sit(browser, `${stage.url}/dash#/default/entities/agent:scout`)));
    for (const { page } of people) {
      await signIn(page, stage.token({ scope: ["bump:*"] }));
      await page.getByRole("button", { name: "Bump…" }).click();
      await page.getByRole("button", { name: "Bump 1 entity" }).waitFor();
    }
    await Promise.all(people.map(({ page }) => page.getByRole("button", { name: "Bump 1 entity" }).click()));
    const ends = await Promise.all(
      people.map(({ page }) =>
        Promise.race([
          page
            .getByText(/Written as statement/)
            .waitFor()
            .then(() => "written"),
          page
            .getByText(/The current version is not the expected one/)
            .waitFor()
            .then(() => "refused"),
        ]),
      ),
    );
    expect(ends.toSorted()).toEqual(["refused", "written"]);
    // Who was refused sees the new plan, and nothing was taken from them.
    const refused = people[ends.indexOf("refused")]!.page;
    await refused.getByText("0.3.1 → 0.3.2").waitFor();
    for (const { complaints, context } of people) {
      expect(complaints).toEqual([]);
      await context.close();
    }
  });

  test("a second tab of one person is signed in, and signing out in one signs out the other", async () => {
    const { page, context } = await sit(browser, `${stage.url}/dash`);
    await signIn(page, stage.token({ scope: ["bump:*", "read"] }));
    const second = await openPage(context, `${stage.url}/dash#/default/metrics`);
    await second.page.getByText("Answers a second").waitFor();
    await page.getByRole("button", { name: "Sign out" }).click();
    await second.page.getByRole("button", { name: "Sign in", exact: true }).first().waitFor();
    await context.close();
  });

  test.each([
    ["its token ran out", async (page: Page) => expire(page, (lifetime) => stage.token({ lifetime, scope: SCOPE }))],
    ["its cookie is gone", async (page: Page) => page.context().clearCookies()],
  ])("a session that ends in the middle of a change loses nothing typed: %s", async (_, end) => {
    const { page, complaints, context } = await sit(browser, `${stage.url}/dash${ENTITY}`);
    const before = await sizeOf(stage.url);
    await signIn(page, stage.token({ scope: SCOPE }));
    await page.getByRole("button", { name: "Bump…" }).click();
    await page.getByRole("button", { name: "Bump 3 entities" }).waitFor();
    await page.getByLabel("Step").selectOption("major");
    await page.getByLabel(/^Reason/).fill("Typed before the session ended");
    await page.getByRole("button", { name: "Bump 3 entities" }).waitFor();
    await end(page);
    await page.getByRole("button", { name: "Bump 3 entities" }).click();
    // The dialog opens above; the change waits below it.
    await page.getByText("Nothing that you typed is lost").waitFor();
    expect(await page.getByLabel(/^Reason/).inputValue()).toBe("Typed before the session ended");
    await page.getByRole("textbox", { name: "Token" }).fill(stage.token({ scope: SCOPE }));
    await page.getByRole("textbox", { name: "Token" }).press("Enter");
    await page.getByText(/Written as statement/).waitFor();
    expect(await sizeOf(stage.url)).toBe(before + 1);
    await page.getByRole("button", { name: "Done" }).click();
    await page.getByText("Typed before the session ended").first().waitFor();
    expect(complaints).toEqual([]);
    await context.close();
  });

  test("offline and back: the page says so, and goes on without a gap", async () => {
    const { page, context, complaints } = await sit(browser, `${stage.url}/dash`);
    await page.getByText("live", { exact: true }).first().waitFor();
    const before = await sizeOf(stage.url);
    await context.setOffline(true);
    await page.getByText("You are offline").waitFor();
    for (let n = 0; n < 3; n++) await stage.post("/v1/default/bump", { entity: "agent:scout", scope: "patch" });
    await context.setOffline(false);
    // What was written meanwhile is in the feed, and so is what was there before.
    const fed = page.locator("tes-overview tes-statements .seq");
    await expect
      .poll(async () => (await fed.allTextContents()).slice(0, 5).map(Number))
      .toEqual([before + 2, before + 1, before, before - 1, before - 2]);
    await page
      .getByRole("treeitem", { name: /agent:scout/ })
      .getByText("0.3.4")
      .waitFor();
    await page.getByRole("link", { name: "History", exact: true }).click();
    const lines = page.getByRole("region", { name: "The log, newest first" });
    await expect
      .poll(async () => (await lines.locator(".seq").allInnerTexts()).slice(0, 4).map(Number))
      .toEqual([before + 2, before + 1, before, before - 1]);
    await page.getByText("live", { exact: true }).first().waitFor();
    expect(complaints).toEqual([]);
    await context.close();
  });

  test("by keyboard alone: find, open, bump, look at the evidence, sign out", async () => {
    const { page, context, complaints } = await sit(browser, `${stage.url}/dash`);
    await page.getByText("live", { exact: true }).first().waitFor();
    const before = await sizeOf(stage.url);
    const command = async (text: string): Promise<void> => {
      await page.keyboard.press("Control+k");
      await page.getByRole("dialog").waitFor();
      await page.keyboard.type(text);
      await page.keyboard.press("Enter");
    };
    await command("sign in");
    await expect.poll(() => inField(page)).toBe("password");
    await page.keyboard.type(stage.token({ scope: ["bump:*", "watch", "read"] }));
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Sign out" }).waitFor();
    await command("agent:scout");
    await page.getByRole("heading", { name: "agent:scout" }).waitFor();
    await command("bump agent:scout");
    await page.getByRole("button", { name: "Bump 1 entity" }).waitFor();
    await page.keyboard.press("Tab");
    while (!(await focused(page)).includes("Bump 1 entity")) await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.getByText(/Written as statement/).waitFor();
    await expect.poll(() => focused(page)).toContain("Done");
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor({ state: "hidden" });
    expect(await sizeOf(stage.url)).toBe(before + 1);
    await command(`#${before}`);
    await page.getByRole("heading", { name: `Evidence for statement ${before}` }).waitFor();
    await expect.poll(() => focused(page)).toContain("Evidence for statement");
    await page.keyboard.press("Escape");
    for (const [key, heading] of [
      ["2", /statements/],
      ["3", "Releases"],
      ["4", "Keys"],
      ["5", "Guards"],
      ["6", "Metrics"],
    ] as const) {
      await page.keyboard.press(key);
      await page.getByRole("heading", { name: heading, level: 1 }).waitFor();
    }
    // A dialog does not outlast the page that it was opened on.
    await page.keyboard.press("Control+k");
    await page.getByRole("dialog").waitFor();
    await page.keyboard.type("#99999");
    await page.getByText("Nothing has that number.").waitFor();
    await page.goBack();
    await page.getByRole("dialog").waitFor({ state: "hidden" });
    await page.getByRole("heading", { name: "Guards", level: 1 }).waitFor();
    await page.keyboard.press("1");
    // The tree: down to the last line, and open it.
    while (!(await focused(page)).includes("agent:scout")) await page.keyboard.press("Tab");
    await page.keyboard.press("Home");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "agent:scout" }).waitFor();
    await command("sign out");
    await page.getByRole("button", { name: "Sign in", exact: true }).first().waitFor();
    expect(complaints).toEqual([]);
    await context.close();
  });
});

/** What has the focus, as text. */
function focused(page: Page): Promise<string> {
  return page.evaluate(() => {
    let active = document.activeElement;
    while (active?.shadowRoot?.activeElement != null) active = active.shadowRoot.activeElement;
    return active?.textContent ?? "";
  });
}

/** The kind of field that has the focus. */
function inField(page: Page): Promise<string | undefined> {
  return page.evaluate(() => {
    let active = document.activeElement;
    while (active?.shadowRoot?.activeElement != null) active = active.shadowRoot.activeElement;
    return active instanceof HTMLInputElement ? active.type : undefined;
  });
}

/**
 * Ends the session of a page by its token, however slow the machine is: in its place comes one whose token lives for a
 * moment, and the moment passes.
 */
async function expire(page: Page, mint: (lifetime: number) => string): Promise<void> {
  for (let lifetime = 2; ; lifetime *= 2) {
    const expires = await page.evaluate(async (token) => {
      const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
      const answer = await fetch("/v1/default/session", { method: "POST", headers, body: "{}" });
      if (!answer.ok) return undefined;
      const session = (await answer.json()) as { expires: number };
      const key = Object.keys(localStorage).find((one) => one.startsWith("tes-session:"))!;
      localStorage.setItem(key, JSON.stringify(session));
      return session.expires;
    }, mint(lifetime));
    // It was over before it was there: a longer one.
    if (expires === undefined) continue;
    await expect.poll(() => Date.now()).toBeGreaterThan(expires);
    return;
  }
}

async function sizeOf(url: string): Promise<number> {
  return ((await (await fetch(`${url}/v1/default`, { headers: { "tes-min-size": "0" } })).json()) as { size: number })
    .size;
}
