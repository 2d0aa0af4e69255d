/**
 * Pictures of the dashboard, of a real authority with a believable registry in it, in Debian's Chromium.
 *
 * `npm run screenshots` makes docs/dashboard.png for the README. `npm run screenshots -- --all DIR` takes every page at
 * 360, 768 and 1440 px in both themes, for people to look at.
 */

import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Browser, Page } from "playwright-core";
import { type Declared, launch, openPage, raise, type Stage, signIn } from "../test/e2e/support/dashboard.ts";
import { envelopeOf, publisherOf, setRequest } from "../test/e2e/support/publisher.ts";

const README_PICTURE = join(import.meta.dirname, "../docs/dashboard.png");
const WIDTHS = [360, 768, 1440] as const;
const THEMES = ["dark", "light"] as const;

const ENTITIES: readonly Declared[] = [
  { entity: "global:main", version: "2.4.1" },
  { entity: "service:gateway", version: "2.4.1", strategy: "lockstep", parent: "global:main" },
  { entity: "service:billing", version: "5.0.3", strategy: "linked", parent: "global:main" },
  { entity: "api:billing", version: "3.2.0", strategy: "linked", parent: "service:billing" },
  { entity: "schema:invoices", version: "1.14.0", parent: "api:billing" },
  { entity: "app:desktop", version: "8.1.0-rc.2", parent: "global:main" },
  { entity: "component:updater", version: "8.1.0-rc.2", strategy: "lockstep", parent: "app:desktop" },
  { entity: "component:dashboard", version: "0.9.0", strategy: "linked", parent: "global:main" },
  { entity: "cli:tes", version: "2.4.1", strategy: "lockstep", parent: "global:main" },
  { entity: "agent:scout", version: "0.31.7" },
  { entity: "model:router", version: "12.0.0", parent: "agent:scout" },
  { entity: "config:edge-rules", version: "104.0.2" },
];

const BUMPS: readonly (readonly [entity: string, scope: string, reason?: string])[] = [
  ["service:billing", "patch", "Rounding of half cents"],
  ["global:main", "minor", "November train"],
  ["agent:scout", "patch"],
  ["config:edge-rules", "patch", "Rate limit on /login"],
  ["app:desktop", "prerelease"],
  ["model:router", "minor"],
  ["config:edge-rules", "minor"],
  ["agent:scout", "minor", "Reads PDF"],
  ["global:main", "patch", "Login loop in Safari"],
  ["service:billing", "minor", "VAT for Switzerland"],
];

/** What is shown: the part of the address, and what is done there before the picture. */
const PAGES: readonly (readonly [name: string, address: string, act?: (page: Page) => Promise<void>])[] = [
  ["overview", "entities"],
  ["about", "entities/about"],
  ["entity", "entities/global:main"],
  ["evidence", "entities/service:billing", (page) => page.getByRole("button", { name: /show the evidence/ }).click()],
  [
    "bump",
    "entities/global:main",
    async (page) => {
      await page.getByRole("button", { name: "minor…" }).click();
      await page.getByRole("list", { name: "Plan" }).waitFor();
    },
  ],
  [
    "palette",
    "entities/global:main",
    async (page) => {
      await page.keyboard.press("Control+k");
      await page.keyboard.type("bill");
    },
  ],
  ["pulse", "entities", (page) => page.getByRole("button", { name: /^live/ }).click()],
  ["history", "history"],
  ["diff", "history/diff/14/24"],
  [
    "change",
    "history/diff/14/24",
    async (page) => {
      await page
        .getByRole("button", { name: /show the evidence for/ })
        .first()
        .click();
      await page.getByText("Given by").first().waitFor();
    },
  ],
  ["releases", "releases"],
  ["release", "releases/global:main/2.5.1"],
  ["keys", "keys"],
  ["guards", "guards"],
  ["metrics", "metrics", (page) => page.waitForTimeout(5_000)],
  ["unknown", "entities/global:nobody"],
];

async function furnish(): Promise<Stage> {
  const stage = await raise("screenshots", ENTITIES);
  for (const [entity, scope, reason] of BUMPS) {
    await stage.post("/v1/default/bump", { entity, scope, ...(reason === undefined ? {} : { reason }) });
  }
  const { genesis } = (await (await fetch(`${stage.url}/v1/default`)).json()) as { genesis: string };
  const scope = { registry: "default", genesis, entity: "global:main" };
  const publishers = ["ada", "grace", "edsger"].map(publisherOf);
  const [ada, grace, edsger] = publishers as [(typeof publishers)[0], (typeof publishers)[0], (typeof publishers)[0]];
  await stage.post("/v1/default/publishers/global:main", setRequest(scope, 1, publishers, 2));
  const files = ["linux-x64.tar.zst", "linux-arm64.tar.zst", "darwin-arm64.zip", "windows-x64.msi"].map(
    (name, index) => ({
      name: `tes-${name}`,
      text: name.repeat(9_000 * (index + 1)),
    }),
  );
  const built = (version: string) => ({
    predicate: {
      buildDefinition: {
        buildType: "urn:tes:release:v1",
        externalParameters: { ...scope, version, command: "npm run build" },
        resolvedDependencies: [{ uri: "git+https://git.example/tes@refs/tags/v2.5.1" }],
      },
      runDetails: { builder: { id: "https://ci.example/runner/7" }, metadata: { startedOn: "2026-11-20T09:14:02Z" } },
    },
  });
  await stage.post("/v1/default/releases", {
    envelope: envelopeOf({ ...scope, version: "2.5.0" }, files, [ada, edsger], built("2.5.0")),
  });
  await stage.post("/v1/default/releases/global:main/2.5.0/yank", { reason: "Does not start on Windows 10" });
  await stage.post("/v1/default/releases", {
    envelope: envelopeOf({ ...scope, version: "2.5.1" }, files, [ada, grace], built("2.5.1")),
  });
  return stage;
}

async function seat(browser: Browser, stage: Stage, width: number, colorScheme: "dark" | "light"): Promise<Page> {
  const height = width < 700 ? 780 : 900;
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme,
    deviceScaleFactor: width === 1440 ? 1 : 2,
    reducedMotion: "reduce",
  });
  const { page } = await openPage(context, `${stage.url}/dash`);
  await signIn(page, stage.token({ scope: ["admin"] }));
  return page;
}

async function settle(page: Page): Promise<void> {
  await page.locator("[aria-busy=true]").first().waitFor({ state: "detached" });
  await page.locator("tes-badge .checking").first().waitFor({ state: "detached" });
}

await using stage = await furnish();
const browser = await launch();
try {
  const at = process.argv.indexOf("--all");
  if (at < 0) {
    const page = await seat(browser, stage, 1440, "dark");
    await page.goto(`${stage.url}/dash#/default/entities/global:main`);
    await page
      .getByText(/^Proven here \d/)
      .first()
      .waitFor();
    await settle(page);
    await page.mouse.move(700, 880);
    await page.screenshot({ path: README_PICTURE });
    console.log(README_PICTURE);
  } else {
    const dir = resolve(process.argv[at + 1] ?? "reports/screenshots");
    await mkdir(dir, { recursive: true });
    for (const theme of THEMES) {
      for (const width of WIDTHS) {
        const page = await seat(browser, stage, width, theme);
        for (const [name, address, act] of PAGES) {
          await page.goto(`${stage.url}/dash#/default/${address}`);
          await page.reload();
          await page.getByText("live", { exact: true }).first().waitFor();
          await settle(page);
          await act?.(page);
          await settle(page);
          await page.screenshot({ path: join(dir, `${name}-${width}-${theme}.png`) });
        }
        await page.context().close();
      }
    }
    console.log(dir);
  }
} finally {
  await browser.close();
}
