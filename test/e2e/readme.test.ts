/** The README's output and its example, held against what really happens. */

import { spawn } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { serve } from "./support/authority.ts";
import { makePlace } from "./support/place.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const readme = await readFile(join(ROOT, "README.md"), "utf8");

const blocks = (language: string): string[] =>
  [...readme.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, "gm"))].map(([, block]) => block!);

/** What differs from run to run: times, ports, hashes. */
const settled = (output: string): string =>
  output
    .replaceAll(/ +\d+(?:\.\d+)? m?s {2}/g, "  T  ")
    .replaceAll(/127\.0\.0\.1:\d+/g, "HOST")
    .replaceAll(/[0-9a-f]{16}…|[0-9a-f]{64}/g, "HASH")
    .replaceAll(/log key \S+/g, "log key K");

test("npm start prints what the README shows", async () => {
  await using place = await makePlace();
  const run = place.tes(["start", "--exit", "--port", "0", "--data", join(place.dir, ".tes")], { cwd: ROOT });
  expect(await run.exited).toBe(0);
  const shown = blocks("console")[0]!.replace(/^\$.*\n/, "");
  const printed = run.stdout.slice(0, run.stdout.indexOf("\n\n") + 1).replaceAll(`${place.dir}/`, "");
  expect(settled(printed)).toBe(settled(shown));
});

test("the commands after it print what the README shows", async () => {
  await using place = await makePlace();
  const data = ["--data", join(place.dir, ".tes")];
  expect(await place.tes(["start", "--exit", "--port", "0", ...data], { cwd: ROOT }).exited).toBe(0);
  await serve(place, { data: ".tes" });
  const shown = blocks("console")[1]!
    .split(/^\$ npm run -s tes -- (.*)\n/m)
    .slice(1);
  for (let i = 0; i < shown.length; i += 2) {
    const run = place.tes([...shown[i]!.split(" "), ...data], { cwd: ROOT });
    expect(await run.exited).toBe(0);
    // The two streams come as they please; notes stand on stderr.
    const lines = shown[i + 1]!.split("\n");
    const of = (note: boolean) => lines.filter((line) => line.startsWith("note ") === note).join("\n");
    expect(settled(run.stdout), shown[i]).toBe(settled(of(false)));
    expect(run.stderr.trim(), shown[i]).toBe(of(true));
  }
});

test("the release of the README is what happens", async () => {
  await using place = await makePlace();
  await mkdir(join(place.dir, "dist"));
  await writeFile(join(place.dir, "dist/app.tgz"), "the app\n");
  const entities = [{ id: "component:app", version: "1.4.0", files: [] }];
  await writeFile(join(place.dir, "tes.registry.json"), JSON.stringify({ entities }));
  expect(await place.tes(["init"]).exited).toBe(0);
  await serve(place, { data: ".tes" });
  const block = blocks("console").find((text) => text.startsWith("$ tes publisher init"))!;
  const shown = block.split(/^\$ tes (.*)\n/m).slice(1);
  const masked = (output: string): string =>
    settled(output)
      .replaceAll(`${place.dir}/`, "")
      .replaceAll(/\b[\w-]{43}\b|\b[0-9a-f]{8}\b|\b[0-9a-f]{32}\b|…/g, "PUBLISHER")
      .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "TIME");
  for (let i = 0; i < shown.length; i += 2) {
    const run = place.tes(shown[i]!.split(" "), { env: { TES_PUBLISHER_PASSPHRASE: "correct horse" } });
    expect(await run.exited, run.stderr).toBe(0);
    expect(masked(run.stdout), shown[i]).toBe(masked(shown[i + 1]!));
  }
});

test("the example with the client runs as it stands", async () => {
  await using place = await makePlace();
  await writeFile(join(place.dir, "package.json"), '{"version":"1.2.3"}');
  const init = place.tes(["init", "--json"]);
  expect(await init.exited).toBe(0);
  const { genesis } = JSON.parse(init.stdout) as { genesis: string };
  const authority = await serve(place, { data: ".tes" });
  const source = blocks("ts")[0]!.replace('"./src/', `"${ROOT}/src/`);
  await writeFile(join(place.dir, "example.ts"), source);
  const token = (await readFile(join(place.dir, ".tes/admin.token"), "utf8")).trim();
  const env = { PATH: process.env.PATH, TES_URL: authority.url, TES_PIN: genesis, TES_TOKEN: token };
  const child = spawn("bun", ["example.ts"], { cwd: place.dir, env, stdio: ["ignore", "pipe", "inherit"] });
  expect(await text(child.stdout)).toBe("global:main 1.2.3 -> 1.3.0\nstatement 2 in a log of 3\n");
});
