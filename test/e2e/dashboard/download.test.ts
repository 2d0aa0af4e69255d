/** Files of releases, downloaded through the page: checked while they come, and handed out only when they are right. */

import { readFile } from "node:fs/promises";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createClient } from "../../../src/client/index.ts";
import { noBrowser } from "../support/browser.ts";
import { type Between, launch, raise, type Stage, signIn, sit, standBetween } from "../support/dashboard.ts";
import { keyOf } from "../support/keys.ts";
import { envelopeOf, publisherOf, setRequest, type TestFile } from "../support/publisher.ts";

if (noBrowser !== undefined) console.warn(`Not run: downloads in the dashboard, since ${noBrowser}.`);

const ENTITY = "global:main";
const BYTES = new TextEncoder().encode("the file, as its publishers signed it\n".repeat(40_000));
const FILES: readonly TestFile[] = [
  { name: "tool.bin", bytes: BYTES, stored: true },
  { name: "son's & größer.tar", text: "small", stored: true },
  { name: "elsewhere.zip", text: "not here" },
];

/** Uploads and releases, as a publisher would. */
async function publish(stage: Stage, registry: string): Promise<void> {
  const token = stage.token({ registry });
  const client = createClient({ url: stage.url, registry, token, trustFirst: true });
  if (registry !== "default") await client.declare([{ entity: ENTITY, version: "2.4.1" }]);
  const { genesis } = await client.trust();
  const scope = { registry, genesis, entity: ENTITY };
  const ada = publisherOf("ada");
  await client.setPublishers(ENTITY, setRequest(scope, 1, [ada], 1));
  for (const { bytes, text, stored } of FILES) {
    if (stored !== true) continue;
    const content = new Uint8Array(bytes ?? new TextEncoder().encode(text));
    const sha256 = Buffer.from(await crypto.subtle.digest("SHA-256", content)).toString("hex");
    await client.upload({ sha256, size: content.length, read: async (from, to) => content.slice(from, to) });
  }
  await client.release({ envelope: envelopeOf({ ...scope, version: "2.4.1" }, FILES, [ada]) });
}

describe.skipIf(noBrowser !== undefined)("a file of a release", () => {
  let stage: Stage;
  let between: Between;
  let browser: Browser;
  beforeAll(async () => {
    [stage, between] = await Promise.all([raise("dashboard download"), standBetween()]);
    browser = await launch(between.url);
    const opened = await fetch(`${stage.url}/v1/hidden`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        authorization: `Bearer ${stage.token()}`,
        "idempotency-key": "open",
      },
      body: JSON.stringify({ visibility: "private", recovery: { x: keyOf("hidden recovery").x } }),
    });
    expect(opened.status).toBe(201);
    await publish(stage, "default");
    await publish(stage, "hidden");
  });
  afterEach(() => {
    between.answers = undefined;
  });
  afterAll(async () => {
    await browser?.close();
    await between?.[Symbol.asyncDispose]();
    await stage?.[Symbol.asyncDispose]();
  });

  /** @param picker whether the browser writes files piece by piece; where, is the browser's own private storage */
  const open = async (registry: string, picker: boolean) => {
    const person = await sit(browser, "about:blank");
    await person.page.addInitScript((isThere) => {
      if (!isThere) Reflect.deleteProperty(globalThis, "showSaveFilePicker");
      else {
        Object.assign(globalThis, {
          showSaveFilePicker: async ({ suggestedName }: { suggestedName: string }) => {
            const root = await navigator.storage.getDirectory();
            return root.getFileHandle(suggestedName, { create: true });
          },
        });
      }
    }, picker);
    await person.page.goto(`${stage.url}/dash#/${registry}/releases/${ENTITY}/2.4.1`);
    if (registry !== "default") {
      await person.page.getByRole("heading", { name: "This registry is read by holders of a token." }).waitFor();
      await signIn(person.page, stage.token({ registry, scope: ["read", "watch"] }));
    }
    await person.page.getByText(/^Proven here: 1 publisher/).waitFor();
    return person;
  };
  const lineOf = (page: Page, name: string) => page.getByRole("row").filter({ hasText: name });
  /** What lies in the browser's storage under a name. */
  const writtenAs = (page: Page, name: string): Promise<string> =>
    page.evaluate(async (named) => {
      const root = await navigator.storage.getDirectory();
      return (await (await root.getFileHandle(named)).getFile()).text();
    }, name);

  test("of a private registry comes with the session, is checked on the way, and is handed out whole", async () => {
    const { page, context, complaints } = await open("hidden", false);
    expect(await lineOf(page, "tool.bin").getByRole("link").count()).toBe(0);
    const given = page.waitForEvent("download");
    await lineOf(page, "tool.bin").getByRole("button", { name: "Download and check tool.bin" }).click();
    const file = await given;
    await lineOf(page, "tool.bin").getByText("Saved: it is the file that was signed").waitFor();
    expect(file.suggestedFilename()).toBe("tool.bin");
    expect(Buffer.compare(await readFile(await file.path()), BYTES)).toBe(0);
    expect(
      await lineOf(page, "elsewhere.zip")
        .getByRole("button", { name: /Download/ })
        .count(),
    ).toBe(0);
    expect(complaints).toEqual([]);
    await context.close();
  });

  test("where the browser writes files, it is written as it comes; of a public registry beside the plain link", async () => {
    const { page, context, complaints } = await open("default", true);
    await lineOf(page, "tool.bin").getByRole("link", { name: "plain link, unchecked" }).waitFor();
    await lineOf(page, "tool.bin")
      .getByRole("button", { name: /Download and check/ })
      .click();
    await lineOf(page, "tool.bin").getByText("Saved: it is the file that was signed").waitFor();
    expect(await writtenAs(page, "tool.bin")).toBe(new TextDecoder().decode(BYTES));
    await lineOf(page, "son's")
      .getByRole("button", { name: /Download and check/ })
      .click();
    await lineOf(page, "son's").getByText("Saved: it is the file that was signed").waitFor();
    expect(await writtenAs(page, "son's & größer.tar")).toBe("small");
    expect(complaints).toEqual([]);
    await context.close();
  });

  test.each([
    ["kept in memory", false],
    ["written as it comes", true],
  ])("one byte is changed on the way, %s: red, and nothing is handed out", async (_, picker) => {
    let changed = 0;
    between.answers = (path, body) => {
      if (!path.startsWith("/v1/hidden/artifacts/")) return body;
      changed++;
      const other = Buffer.from(body);
      other[body.length - 7]! ^= 1;
      return other;
    };
    const { page, context } = await open("hidden", picker);
    const given: unknown[] = [];
    page.on("download", (one) => given.push(one));
    await lineOf(page, "tool.bin")
      .getByRole("button", { name: /Download and check/ })
      .click();
    await lineOf(page, "tool.bin")
      .getByText(/not the file that was signed\. Nothing was saved/)
      .waitFor();
    await page.getByRole("button", { name: /^refused/ }).waitFor();
    expect(changed).toBe(1);
    expect(given).toEqual([]);
    if (picker) expect(await writtenAs(page, "tool.bin")).toBe("");
    // When it comes as it is, it is handed out; that something was refused stays.
    between.answers = undefined;
    await lineOf(page, "tool.bin").getByRole("button", { name: /Again/ }).click();
    await lineOf(page, "tool.bin").getByText("Saved: it is the file that was signed").waitFor();
    await page.getByRole("button", { name: /^refused/ }).waitFor();
    await context.close();
  });

  test("a session that is over: it asks to sign in, and then gives it", async () => {
    const { page, context } = await open("hidden", true);
    await context.clearCookies();
    await lineOf(page, "tool.bin")
      .getByRole("button", { name: /Download and check/ })
      .click();
    await lineOf(page, "tool.bin")
      .getByText(/given to who is signed in with the scope read/)
      .waitFor();
    await lineOf(page, "tool.bin").getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("textbox", { name: "Token" }).fill(stage.token({ registry: "hidden", scope: ["read"] }));
    await page.getByRole("textbox", { name: "Token" }).press("Enter");
    await page.getByText(/^Proven here: 1 publisher/).waitFor();
    await lineOf(page, "tool.bin")
      .getByRole("button", { name: /Again|Download/ })
      .click();
    await lineOf(page, "tool.bin").getByText("Saved: it is the file that was signed").waitFor();
    await context.close();
  });
});
