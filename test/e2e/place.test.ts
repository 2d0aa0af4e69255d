/** The search that every run of every test goes through finds a key that was printed. */

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { makePlace } from "./support/place.ts";

test("a key that was printed and lies in a file is found", async () => {
  const place = await makePlace();
  const run = place.tes(["key", "generate"]);
  expect(await run.exited).toBe(0);
  await writeFile(join(place.dir, "printed.key"), run.stdout);
  await expect(place[Symbol.asyncDispose]()).rejects.toThrow("was printed by: key generate");
});
