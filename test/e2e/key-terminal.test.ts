/** `tes key deploy` at a real terminal: the hidden prompt, every way to say no, and where the key is not afterwards. */

import { readdir, readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { makeProject, type Project } from "./support/cloudflare/project.ts";
import { keyOf } from "./support/keys.ts";
import { filesIn, findSecrets, masterSecrets } from "./support/search.ts";
import { noTerminal } from "./support/terminal.ts";

const KEY = "VERSION_SIGNING_KEY";
const key = keyOf("typed at a terminal").hex;
const missing = noTerminal();
if (missing !== null) console.warn(`Not run: ${missing}.`);

/** Arguments and environments of every process that may be looked at, again and again until it is told to stop. */
function watchProcesses(): { stop(): Promise<Buffer[]> } {
  const seen = new Map<string, Buffer>();
  let on = true;
  const watching = (async () => {
    while (on) {
      for (const pid of await readdir("/proc").catch(() => [])) {
        if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
        for (const name of ["cmdline", "environ"]) {
          const bytes = await readFile(`/proc/${pid}/${name}`).catch(() => null);
          if (bytes !== null) seen.set(`${pid} ${name} ${bytes.length}`, bytes);
        }
      }
    }
  })();
  return {
    async stop() {
      on = false;
      await watching;
      return [...seen.values()];
    },
  };
}

const secretOf = ({ api }: Project) => api.account.active("tes")?.secrets.get(KEY);

test.skipIf(missing !== null)("typed at the hidden prompt it is put, proved, and nowhere else", async () => {
  await using project = await makeProject();
  await project.seed("", {});
  const processes = watchProcesses();
  const terminal = project.sit(["key", "deploy", "--env", ""]);
  await terminal.see("VERSION_SIGNING_KEY for tes (hidden)");
  terminal.type(`${key}\r`);
  await terminal.see("Put VERSION_SIGNING_KEY on tes?");
  terminal.type("y");
  expect(await terminal.exited, terminal.shown).toBe(0);
  const seen = await processes.stop();
  expect(terminal.shown).toContain("no genesis yet");
  expect(secretOf(project)).toBe(key);
  // The stand-in got it, once, and it is the only one.
  expect(project.api.bodies.filter((body) => body.includes(key))).toHaveLength(1);
  const places = [
    { where: "the terminal", bytes: Buffer.from(terminal.shown) },
    { where: "the Workers' log", bytes: Buffer.from(project.edge.log()) },
    ...seen.map((bytes) => ({ where: "a process's arguments or environment", bytes })),
  ];
  // workerd has its secrets in its environment: it is the stand-in's, and on Cloudflare there is none.
  const ofWorkerd = (where: string, bytes: Buffer) =>
    where.startsWith("a process") && bytes.includes(`${KEY}=${key}`) && !bytes.includes("HOME=");
  expect(
    findSecrets(
      masterSecrets("key", key),
      places.filter(({ where, bytes }) => !ofWorkerd(where, bytes)),
    ),
  ).toEqual([]);
  expect(seen.length).toBeGreaterThan(5);
  // wrangler's logs, caches and temporary files all lie in the place: HOME and TMPDIR are there.
  expect(findSecrets(masterSecrets("key", key), await filesIn(project.place.dir))).toEqual([]);
});

test.skipIf(missing !== null)(
  "Ctrl-C, a terminal that goes away, and no: nothing is asked of Cloudflare, nothing is changed",
  async () => {
    await using project = await makeProject();
    await project.seed("", {});
    const upTo = async (prompt: "key" | "confirm") => {
      const terminal = project.sit(["key", "deploy", "--env", ""]);
      await terminal.see("(hidden)");
      if (prompt === "confirm") {
        terminal.type(`${key}\r`);
        await terminal.see("Put VERSION_SIGNING_KEY on tes?");
      }
      return terminal;
    };
    for (const prompt of ["key", "confirm"] as const) {
      const broken = await upTo(prompt);
      broken.type("\u0003");
      expect(await broken.exited, broken.shown).not.toBe(0);
      const gone = await upTo(prompt);
      gone.hangUp();
      expect(await gone.exited).not.toBe(0);
    }
    const no = await upTo("confirm");
    no.type("n");
    expect(await no.exited).toBe(1);
    expect(no.shown).toContain("interrupted");
    const empty = await upTo("key");
    empty.type("\r");
    expect(await empty.exited).toBe(1);
    expect(empty.shown).toContain("input_missing");
    expect(project.api.calls).toEqual([]);
    expect(secretOf(project)).toBeUndefined();
  },
);

test.skipIf(missing !== null)("a Worker that is not there: no makes nothing, yes deploys it with its key", async () => {
  await using project = await makeProject();
  const upTo = async () => {
    const terminal = project.sit(["key", "deploy", "--env", ""]);
    await terminal.see("(hidden)");
    terminal.type(`${key}\r`);
    await terminal.see("Put VERSION_SIGNING_KEY on tes?");
    terminal.type("y");
    await terminal.see("There is no Worker tes. Deploy it now, together with its key?");
    return terminal;
  };
  const no = await upTo();
  no.type("n");
  expect(await no.exited).toBe(1);
  expect(project.api.account.scripts.size).toBe(0);
  const yes = await upTo();
  yes.type("y");
  expect(await yes.exited, yes.shown).toBe(0);
  expect(secretOf(project)).toBe(key);
  expect(findSecrets(masterSecrets("key", key), await filesIn(project.place.dir))).toEqual([]);
});
