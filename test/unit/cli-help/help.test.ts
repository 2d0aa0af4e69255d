/** Every `--help`: it fits a terminal of 80 columns, and shows an example. */

import { expect, test } from "vitest";
import { run } from "../../../src/cli/main.ts";
import type { CommandIo } from "../../../src/cli/output.ts";

/** What is narrower than the oldest terminal fits every other. */
const COLUMNS = 80;

async function helpOf(...command: string[]): Promise<string> {
  const said: string[] = [];
  const io: CommandIo = {
    stdout: (text) => void said.push(text),
    stderr: (text) => void said.push(text),
    color: false,
    json: false,
    terminal: false,
    interactive: false,
    cwd: import.meta.dirname,
    env: {},
    now: () => 1_800_000_000_000,
  };
  expect(await run([...command, "--help"], io)).toBe(0);
  return said.join("");
}

/** The subcommands that a help lists. */
function namesIn(help: string): string[] {
  const [, list = ""] = /^Commands:\n((?: .*\n)+)/m.exec(help) ?? [];
  return [...list.matchAll(/^ {2}([a-z][a-z-]*)(?:\|[a-z]+)? /gm)]
    .map(([, name]) => name!)
    .filter((name) => name !== "help");
}

/** The help of a command and of all below it, by what one types. */
async function allHelp(...command: string[]): Promise<Map<string, string>> {
  const help = await helpOf(...command);
  const all = new Map([[["tes", ...command].join(" "), help]]);
  for (const name of namesIn(help)) {
    for (const [typed, text] of await allHelp(...command, name)) all.set(typed, text);
  }
  return all;
}

test("every help fits 80 columns, and ends with an example", async () => {
  const all = await allHelp();
  expect([...all.keys()]).toEqual(
    expect.arrayContaining([
      "tes verify",
      "tes registry list",
      "tes release sign",
      "tes key deploy",
      "tes config audit",
    ]),
  );
  expect(all.size).toBeGreaterThan(50);
  const wide = [...all].flatMap(([typed, help]) =>
    help
      .split("\n")
      .filter((line) => [...line].length > COLUMNS)
      .map((line) => `${typed}: ${line}`),
  );
  expect(wide).toEqual([]);
  const bare = [...all].filter(([typed, help]) => !`${help} `.includes(`$ ${typed}`) && !help.includes("Commands:"));
  expect(bare.map(([typed]) => typed)).toEqual([]);
});
