/** The page itself: what it weighs, how soon it is of use, whether everyone can use it, and that text stays text. */

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { gzipSync } from "node:zlib";
import type { AxeResults } from "axe-core";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createClient } from "../../../src/client/index.ts";
import { noBrowser } from "../support/browser.ts";
import { launch, raise, type Stage, settled, signIn, sit, standBetween, textOf } from "../support/dashboard.ts";
import { envelopeOf, publisherOf, setRequest } from "../support/publisher.ts";

if (noBrowser !== undefined) console.warn(`Not run: the dashboard page, since ${noBrowser}.`);

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const MAX_COLD_BYTES = 150_000;
const MAX_COLD_MS = 1_000;
const SCRIPT = `<img src=x onerror="window.ran=1"><script>window.ran=1</script>\${window.ran=1}javascript:window.ran=1`;
const STORED = createHash("sha256").update("stored here").digest("hex");
const PAGES = [
  "entities",
  "entities/about",
  "entities/global:main",
  "history",
  "history/diff/1/6",
  "releases",
  "releases/global:main/2.5.0",
  "keys",
  "guards",
  "metrics",
];

describe.skipIf(noBrowser !== undefined)("the page", () => {
  let stage: Stage;
  let browser: Browser;
  beforeAll(async () => {
    [stage, browser] = await Promise.all([raise("dashboard page"), launch()]);
    await stage.post("/v1/default/entities", {
      entities: [
        {
          entity: "component:labelled",
          version: "1.0.0",
          strategy: "independent",
          parent: null,
          files: [{ path: "a/<b>x</b>.json" }],
          metadata: { note: SCRIPT.slice(0, 200) },
        },
      ],
    });
    await stage.post("/v1/default/bump", { entity: "global:main", scope: "minor", reason: SCRIPT });
    await stage.post("/v1/default/entities/component:labelled/retire", {});
    const { genesis } = (await (await fetch(`${stage.url}/v1/default`)).json()) as { genesis: string };
    const scope = { registry: "default", genesis, entity: "global:main" };
    const [ada, grace] = [publisherOf("ada"), publisherOf("grace")];
    await stage.post("/v1/default/publishers/global:main", setRequest(scope, 1, [ada, grace], 2));
    const client = createClient({ url: stage.url, token: stage.token(), trustFirst: true });
    const stored = new TextEncoder().encode("stored here");
    await client.upload({ sha256: STORED, size: stored.length, read: async () => stored });
    const files = [
      { name: "tes & son'.tar", text: "a" },
      { name: "stored.tar", bytes: stored, stored: true },
    ];
    const release = envelopeOf({ ...scope, version: "2.5.0" }, files, [ada, grace], {
      predicate: {
        buildDefinition: {
          buildType: "urn:tes:release:v1",
          externalParameters: { ...scope, version: "2.5.0", command: SCRIPT },
        },
        runDetails: { builder: { id: SCRIPT } },
      },
    });
    await stage.post("/v1/default/releases", { envelope: release });
    await stage.post("/v1/default/releases/global:main/2.5.0/yank", {});
    await stage.post("/v1/default/releases/global:main/2.5.0/unyank", {});
  });
  afterAll(async () => {
    await browser?.close();
    await stage?.[Symbol.asyncDispose]();
  });

  const goTo = async (page: Page, where: string): Promise<void> => {
    await page.goto(`${stage.url}/dash#/default/${where}`);
    await page
      .locator("main")
      .locator("tes-overview, tes-entity, tes-history, tes-releases, tes-keys, tes-guards, tes-metrics")
      .first()
      .waitFor({ state: "attached" });
    await settled(page);
  };

  test("a cold load stays under 150 kB compressed, asks nobody else, and is of use within a second", async () => {
    await using between = await standBetween();
    const weights: number[] = [];
    between.answers = (_, body) => {
      weights.push(gzipSync(body).length);
      return body;
    };
    const reader = await launch(between.url);
    const { page } = await sit(reader, "about:blank");
    page.on("request", (request) => expect(new URL(request.url()).origin).toBe(stage.url));
    await page.goto(`${stage.url}/dash`);
    await page.getByRole("treeitem").first().waitFor();
    await page.getByText("live", { exact: true }).first().waitFor();
    await page.locator("tes-tree tes-badge .checking").first().waitFor({ state: "detached" });
    const weight = weights.reduce((sum, bytes) => sum + bytes, 0);
    await reader.close();
    const times: number[] = [];
    // The machine that tests has other work too: one of five has to be the page's own time.
    while (times.length < 5 && !times.some((ms) => ms < MAX_COLD_MS)) {
      const fresh = await launch();
      const { page } = await sit(fresh, `${stage.url}/dash`);
      await page.getByRole("treeitem").first().waitFor();
      times.push(await page.evaluate(() => performance.now()));
      await fresh.close();
    }
    const shown = times.map((ms) => ms.toFixed(0)).join(", ");
    console.log(`cold load: ${weight} bytes gzip in ${weights.length} answers, of use after ${shown} ms`);
    expect(weight).toBeLessThan(MAX_COLD_BYTES);
    expect(Math.min(...times)).toBeLessThan(MAX_COLD_MS);
  });

  test.each([
    ["dark", 1440],
    ["light", 1440],
    ["light", 360],
  ] as const)("axe finds nothing serious on any page, %s at %d px", async (colorScheme, width) => {
    const axe = readFileSync(AXE, "utf8");
    // The page's own policy lets no such script in: it comes in beside it, as the browser's tools do.
    const { page, context } = await sit(browser, `${stage.url}/dash`, {
      colorScheme,
      bypassCSP: true,
      viewport: { width, height: 800 },
    });
    await signIn(page, stage.token({ scope: ["admin"] }));
    await page.evaluate(axe);
    const look = async (where: string): Promise<string[]> => {
      const { violations } = await page.evaluate(() =>
        (globalThis as unknown as { axe: { run(options: object): Promise<AxeResults> } }).axe.run({
          resultTypes: ["violations"],
        }),
      );
      return violations
        .filter(({ impact }) => impact === "serious" || impact === "critical")
        .map(
          ({ id, nodes }) =>
            `${where}: ${id} ${nodes
              .map(({ target, failureSummary }) => `${target.flat().join(" ")} ${failureSummary}`)
              .slice(0, 3)
              .join(" | ")}`,
        );
    };
    const found: string[] = [];
    for (const where of PAGES) {
      await goTo(page, where);
      found.push(...(await look(where)));
    }
    await goTo(page, "history/diff/1/6");
    await page.getByRole("button", { name: /show the evidence for global:main/ }).click();
    await page.getByText("Given by").first().waitFor();
    found.push(...(await look("the evidence for both sides")));
    await goTo(page, "entities/global:main");
    await page.getByRole("button", { name: "Bump…" }).click();
    await page.getByRole("list", { name: "Plan" }).waitFor();
    found.push(...(await look("bump")));
    await page.keyboard.press("Escape");
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox").waitFor();
    found.push(...(await look("palette")));
    expect(found).toEqual([]);
    await context.close();
  });

  test("what people and the authority wrote is text: no script runs, and the policy has nothing to report", async () => {
    const reports: string[] = [];
    const { page, context, complaints } = await sit(browser, "about:blank");
    page.on("request", (request) => {
      if (request.url().endsWith("/dash/csp-report")) reports.push(request.postData() ?? "");
    });
    await page.addInitScript(() => {
      addEventListener("securitypolicyviolation", (event) =>
        console.error(`policy: ${JSON.stringify(event, ["violatedDirective", "blockedURI"])}`),
      );
    });
    await page.goto(`${stage.url}/dash`);
    await signIn(page, stage.token({ scope: ["admin"] }));
    for (const where of [...PAGES, "entities/component:labelled", `entities/${encodeURIComponent(SCRIPT)}`]) {
      await goTo(page, where);
    }
    await goTo(page, "entities/global:main");
    await page.getByText("<img src=x onerror=").first().waitFor();
    await goTo(page, "releases/global:main/2.5.0");
    await expect.poll(() => textOf(page)).toContain("tes & son'.tar");
    await page.getByText("<script>window.ran=1</script>").first().waitFor();
    await goTo(page, "guards");
    await page.getByLabel("The log's JSON").fill(`{"format":"${SCRIPT.replaceAll('"', "'")}"}`);
    await page.getByText("The execution log is not what was written").first().waitFor();
    expect(await page.evaluate(() => "ran" in window)).toBe(false);
    expect(reports).toEqual([]);
    expect(complaints).toEqual([]);
    await context.close();
  });

  test("a long reason is clamped where it stands, and opens on demand", async () => {
    const reason = `${"line\n".repeat(40)}z${"\u0300".repeat(60)}`;
    const { receipt } = (await stage.post("/v1/default/bump", { entity: "agent:scout", scope: "patch", reason })) as {
      receipt: { statement: { seq: number } };
    };
    expect(receipt).toBeDefined();
    const { page, context } = await sit(browser, `${stage.url}/dash#/default/entities/agent:scout`);
    const text = page.locator("main tes-reason .text").first();
    await text.waitFor();
    expect((await text.boundingBox())!.height).toBeLessThan(150);
    const drawer = page.getByRole("complementary", { name: "Evidence" });
    await drawer.getByRole("button", { name: "more", exact: true }).click();
    await drawer.getByRole("button", { name: "less", exact: true }).waitFor();
    expect((await drawer.locator("tes-reason .text").boundingBox())!.height).toBeGreaterThan(400);
    await context.close();
  });

  test("an address that names no two sizes says so, and leads back to the log", async () => {
    const { page, context } = await sit(browser, `${stage.url}/dash#/default/history/diff/999/-1`);
    await page.getByText("The address names nothing of this log: history/diff/999/-1").waitFor();
    expect(await page.getByRole("region", { name: "The log, newest first" }).count()).toBe(0);
    await page.getByRole("status").getByRole("link", { name: "Back to the log" }).click();
    await page.getByRole("region", { name: "The log, newest first" }).waitFor();
    await goTo(page, "history/diff/6/1");
    await page.getByRole("heading", { name: "From 1 to 6" }).waitFor();
    await context.close();
  });

  test("the first readings stand at their own times", async () => {
    const { page, context } = await sit(browser, "about:blank");
    await page.addInitScript(() => {
      const drawn: string[] = [];
      Object.assign(globalThis, { drawn });
      const { fillText } = CanvasRenderingContext2D.prototype;
      CanvasRenderingContext2D.prototype.fillText = function (text, ...place) {
        if (/^\d\d:\d\d:\d\d$/.test(text)) drawn.push(text);
        return fillText.call(this, text, ...place);
      };
    });
    await page.goto(`${stage.url}/dash`);
    await signIn(page, stage.token({ scope: ["read"] }));
    await goTo(page, "metrics");
    const drawn = () => page.evaluate(() => (globalThis as unknown as { drawn: string[] }).drawn);
    await expect.poll(async () => (await drawn()).length).toBeGreaterThan(2);
    const [first, second, third] = await drawn();
    expect(new Set([first, second, third]).size).toBe(3);
    await context.close();
  });

  test("at 360 px the theme is turned beside the pages, the log's lines say the whole, and words are no buttons", async () => {
    const { page, context } = await sit(browser, `${stage.url}/dash`, {
      viewport: { width: 360, height: 780 },
      colorScheme: "dark",
    });
    await page.getByRole("button", { name: "Light theme" }).click();
    await page.getByRole("button", { name: "Dark theme" }).waitFor();
    expect(await page.evaluate(() => document.documentElement.dataset.theme)).toBe("light");
    await goTo(page, "history");
    const cut = await page
      .locator("tes-history .what")
      .evaluateAll((all) =>
        all
          .filter((one) => one.scrollWidth > one.clientWidth + 1 || one.scrollHeight > one.clientHeight + 1)
          .map(({ textContent }) => textContent),
      );
    expect(cut).toEqual([]);
    await goTo(page, "metrics");
    const word = page.locator("tes-metrics .empty p code");
    await word.waitFor();
    expect(await word.evaluate((element) => getComputedStyle(element).borderTopWidth)).toBe("0px");
    await context.close();
  });

  test("a version of any length stays in its column", async () => {
    const version = `1.0.0-${"x".repeat(58)}`;
    await stage.post("/v1/default/entities", {
      entities: [
        { entity: "component:long", version, strategy: "independent", parent: null, files: [] },
        { entity: "component:longer", version, strategy: "linked", parent: "component:long", files: [] },
      ],
    });
    for (const width of [360, 1240]) {
      const { page, context } = await sit(browser, `${stage.url}/dash#/default/entities/component:long`, {
        viewport: { width, height: 900 },
      });
      await page.locator("tes-entity .history button .what").first().waitFor();
      const over = await page.locator("tes-entity .history .what, tes-entity .cascade code").evaluateAll((all) =>
        all
          .filter((one) => {
            const range = document.createRange();
            range.selectNodeContents(one);
            return range.getBoundingClientRect().right > one.getBoundingClientRect().right + 1;
          })
          .map(({ tagName, parentElement }) => `${parentElement?.tagName} ${tagName}`),
      );
      expect([width, over]).toEqual([width, []]);
      await context.close();
    }
  });

  test.each([360, 768])("at %d px nothing is wider than the page", async (width) => {
    const { page, context } = await sit(browser, `${stage.url}/dash`, { viewport: { width, height: 780 } });
    await signIn(page, stage.token({ scope: ["admin"] }));
    for (const where of PAGES) {
      await goTo(page, where);
      // The frame hides what sticks out, so each part is measured.
      const wide = await page.evaluate(() => {
        const parts = document
          .querySelector("tes-app")!
          .shadowRoot!.querySelectorAll(".bar > *, main, main > *, .drawer");
        return Math.max(...[...parts].map((part) => Math.max(part.getBoundingClientRect().right, part.scrollWidth)));
      });
      expect([where, Math.round(wide)]).toEqual([where, expect.toSatisfy((found: number) => found <= width)]);
    }
    await context.close();
  });
});
