/** A passphrase at a real terminal: asked for twice when a key is made, once when it is used, and shown nowhere. */

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { makePlace } from "./support/place.ts";
import { noTerminal, openTerminal } from "./support/terminal.ts";

const LAUNCHER = join(import.meta.dirname, "..", "..", "bin", "tes.mjs");
const PASSPHRASE = "typed and shown nowhere";
const missing = noTerminal();
if (missing !== null) console.warn(`Not run: ${missing}.`);

test.skipIf(missing !== null)("a key is made under the passphrase that was typed twice, and opened by it", async () => {
  await using place = await makePlace();
  const env = { PATH: process.env.PATH, HOME: join(place.dir, "home"), TMPDIR: join(place.dir, "tmp") };
  const sit = () =>
    openTerminal([process.execPath, LAUNCHER, "publisher", "key", "--key", "p.key"], { cwd: place.dir, env });
  const other = sit();
  await other.see("New passphrase");
  other.type(`${PASSPHRASE}\r`);
  await other.see("once more");
  other.type("something else\r");
  expect(await other.exited).toBe(1);
  expect(other.shown).toContain("passphrase_wrong");
  expect(await readdir(place.dir)).not.toContain("p.key");

  const made = sit();
  await made.see("New passphrase");
  made.type(`${PASSPHRASE}\r`);
  await made.see("once more");
  made.type(`${PASSPHRASE}\r`);
  expect(await made.exited, made.shown).toBe(0);
  expect(made.shown).toContain("made");

  const used = sit();
  await used.see("Passphrase of");
  used.type(`${PASSPHRASE}\r`);
  expect(await used.exited, used.shown).toBe(0);
  expect(used.shown).toContain("kept");

  // The prompt is for the person, also where the public key goes into a file.
  const shell = `'${process.execPath}' '${LAUNCHER}' publisher key --key p.key --public > p.pub`;
  const redirected = openTerminal(["sh", "-c", shell], { cwd: place.dir, env });
  await redirected.see("Passphrase of");
  redirected.type(`${PASSPHRASE}\r`);
  expect(await redirected.exited, redirected.shown).toBe(0);
  expect(await readFile(join(place.dir, "p.pub"), "utf8")).toBe(await readFile(join(place.dir, "p.key.pub"), "utf8"));
  for (const { shown } of [other, made, used, redirected]) expect(shown).not.toContain(PASSPHRASE);
});
