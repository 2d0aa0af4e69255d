/** What a page says of a release beyond its signatures: who left since, what is missing, and addresses that name none. */

import { createPrivateKey } from "node:crypto";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ed25519Kid } from "../../../src/core/keys.ts";
import { noBrowser } from "../support/browser.ts";
import { launch, raise, type Stage, sit } from "../support/dashboard.ts";
import { keyOf } from "../support/keys.ts";
import { envelopeOf, publisherOf, setRequest } from "../support/publisher.ts";

if (noBrowser !== undefined) console.warn(`Not run: releases in the dashboard, since ${noBrowser}.`);

const ENTITY = "service:billing";
const [ada, grace] = [publisherOf("ada"), publisherOf("grace")];

describe.skipIf(noBrowser !== undefined)("a release and its entity", () => {
  let stage: Stage;
  let browser: Browser;
  let scope: { registry: string; genesis: string; entity: string };
  beforeAll(async () => {
    [stage, browser] = await Promise.all([raise("dashboard releases"), launch()]);
    const { genesis } = (await (await fetch(`${stage.url}/v1/default`)).json()) as { genesis: string };
    scope = { registry: "default", genesis, entity: ENTITY };
    await stage.post(`/v1/default/publishers/${ENTITY}`, setRequest(scope, 1, [ada], 1));
    const envelope = envelopeOf({ ...scope, version: "5.0.3" }, [{ name: "billing.tar", text: "b" }], [ada]);
    await stage.post("/v1/default/releases", { envelope });
  });
  afterAll(async () => {
    await browser?.close();
    await stage?.[Symbol.asyncDispose]();
  });

  const open = (where: string) => sit(browser, `${stage.url}/dash#/default/${where}`);

  test("an attestation that it names and that is not there is said", async () => {
    const { page, context, complaints } = await open(`releases/${ENTITY}/5.0.3`);
    await page.getByText(/^Proven here: 1 publisher of 1 signed/).waitFor();
    expect(await page.locator("tes-release .note").count()).toBe(0);
    // No authority of ours takes such a release: what the client finds in one that does is put in place here.
    await page.locator("tes-release").evaluate((element) => {
      const shown = element as unknown as { found: object };
      const missingAttestations = [{ name: "https://cyclonedx.org/bom", sha256: "0".repeat(64) }];
      shown.found = { ...shown.found, missingAttestations };
    });
    const line = page.getByText("An attestation that its provenance names is not here: https://cyclonedx.org/bom");
    await line.waitFor();
    expect(await line.getAttribute("class")).toContain("warn");
    expect(complaints).toEqual([]);
    await context.close();
  });

  test("an address of no release is no alarm, says so, and leads back", async () => {
    const { page, context } = await open(`releases/${ENTITY}/9.9.9`);
    await page.getByText("There is no such release.").waitFor();
    const main = page.getByRole("main");
    expect(await main.locator(".note.refused").count()).toBe(0);
    expect(await main.getByText("Not checked yet").count()).toBe(0);
    await page.getByRole("link", { name: "All releases of this registry" }).click();
    await page.getByRole("heading", { name: "Releases", exact: true }).waitFor();
    await context.close();
  });

  test("the entity's page has its releases and publishers, moves with them, and says when the recovery key took part", async () => {
    const { page, context, complaints } = await open("entities/agent:scout");
    const section = page.getByRole("region", { name: "Releases and publishers" });
    await section.getByText("tes publisher init --entity agent:scout").waitFor();
    const of = { ...scope, entity: "agent:scout" };
    await stage.post("/v1/default/publishers/agent:scout", setRequest(of, 1, [ada], 1));
    await section.getByText("Proven here: revision 1, 1 of 1 has to sign").waitFor();
    await section.getByText("tes release agent:scout dist/*").waitFor();
    expect(await section.getByText("recovery key").count()).toBe(0);
    const envelope = envelopeOf({ ...of, version: "0.3.0" }, [{ name: "scout.tar", text: "s" }], [ada]);
    await stage.post("/v1/default/releases", { envelope });
    await section.getByRole("link", { name: /^0\.3\.0 1 file, 1 publisher/ }).waitFor();
    await stage.post("/v1/default/releases/agent:scout/0.3.0/yank", { reason: "Forgets what it saw" });
    await section.getByText("withdrawn", { exact: true }).waitFor();
    await section.getByText("Forgets what it saw").waitFor();
    const { x, hex } = keyOf("dashboard releases recovery");
    const der = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), Buffer.from(hex, "hex")]);
    const recovery = { kid: ed25519Kid(x), x, key: createPrivateKey({ key: der, format: "der", type: "pkcs8" }) };
    await stage.post(
      "/v1/default/publishers/agent:scout",
      setRequest(of, 2, [grace], 1, [grace, recovery], [[ada], 1]),
    );
    const said = section.getByText(/The registry's recovery key took part in naming them: revision 2, statement/);
    await said.waitFor();
    await section.getByRole("link", { name: /^0\.3\.0/ }).click();
    await page.getByText(/^Withdrawn/).waitFor();
    expect(complaints).toEqual([]);
    await context.close();
  });

  test("a signer who left is named, in a page that was open before", async () => {
    const { page, context, complaints } = await open(`releases/${ENTITY}/5.0.3`);
    await page.getByText(/^Proven here: 1 publisher of 1 signed/).waitFor();
    expect(await page.getByText("any more").count()).toBe(0);
    await stage.post(`/v1/default/publishers/${ENTITY}`, setRequest(scope, 2, [grace], 1, [ada, grace], [[ada], 1]));
    const warning = page.getByText(`Signed by who is no publisher of ${ENTITY} any more, since revision 2: ${ada.kid}`);
    await warning.waitFor();
    expect(await warning.getAttribute("class")).toContain("warn");
    await page.getByRole("listitem").getByText("a publisher no more, as of revision 2").waitFor();
    // It was right when it was made, and is proved all the same.
    expect(await page.getByText(/^Proven here: 1 publisher of 1 signed/).count()).toBe(1);
    expect(complaints).toEqual([]);
    await context.close();
  });
});
