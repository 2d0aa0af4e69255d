/**
 * One long session with everything that goes right and wrong in it; then all that was printed, answered and stored is
 * searched for the keys and tokens it used. Only the files made for a secret may hold it.
 */

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { prepareData, type Served, serve } from "./support/authority.ts";
import { declaration } from "./support/bumps.ts";
import { openWire, type Sent } from "./support/http.ts";
import { keyOf, mintToken } from "./support/keys.ts";
import { makePlace, type Place } from "./support/place.ts";
import { filesIn, findSecrets, masterSecrets, type Secret, tokenSecret } from "./support/search.ts";
import { readObjects } from "./support/storage.ts";

const other = keyOf("secrets other");

/** Arguments of the processes, which any user of the machine can read. */
const argumentsOf = async ({ pids }: Served): Promise<string> =>
  (
    await Promise.all(Object.values(pids).map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")))
  ).join();

/** Sends all kinds of requests that carry a token. @returns every answer, with its headers, as text */
async function talk({ url }: Served, tokens: Readonly<Record<string, string>>): Promise<string[]> {
  using wire = openWire(url);
  const answers: string[] = [];
  let sent = 0;
  const send = async (path: string, token: string, { body, headers = {}, ...rest }: Sent = {}) => {
    const write = body === undefined ? {} : { "content-type": "application/json", "idempotency-key": `talk-${sent++}` };
    const request = { ...rest, headers: { authorization: `Bearer ${token}`, ...write, ...headers } };
    const reply = await wire.send(path, body === undefined ? request : { ...request, method: "POST", body });
    answers.push(`${reply.status} ${JSON.stringify(reply.headers)} ${reply.text}`);
  };
  const { path, body } = declaration("talk");
  const bump = { body: JSON.stringify({ entity: "global:main", scope: "minor" }) };
  for (const token of Object.values(tokens)) {
    await send("/v1/default", token);
    await send(path, token, { body });
    await send("/v1/default/bump", token, bump);
    await send("/v1/default/bump", token, { body: token });
    await send("/v1/default/bump", token, { body: JSON.stringify({ entity: token, scope: token }) });
    await send(`/v1/default/entities/${token}`, token);
    await send(`/v1/default?token=${token}`, token);
    await send(`/v1/${token}/bump`, token, bump);
    await send("/v1/default/bump", token, { ...bump, headers: { "idempotency-key": token } });
    await send("/v1/default", token, { headers: { "tes-nonce": token } });
    await send("/v1/default", token, { headers: { authorization: `Basic ${token}` } });
  }
  return answers;
}

/** A session with keys from files: the whole main job, every command, crashes, and what is refused. */
async function sessionWithFiles(place: Place): Promise<{ secrets: Secret[]; answers: string[] }> {
  await writeFile(join(place.dir, "package.json"), '{"name":"x","version":"1.0.0"}\n');
  const run = async (...args: string[]): Promise<number> => place.tes(args, { env: { TES_DEBUG: "1" } }).exited;
  expect(await run("start", "--exit", "--port", "0")).toBe(0);
  expect(await run("init", "--json")).toBe(0);
  expect(await run("token", "mint", "--scope", "bump:*", "--out", "ci.token")).toBe(0);
  await run("token", "inspect", "ci.token", "--key-file", ".tes/signing.key");

  const keyText = (name: string) => readFile(join(place.dir, name), "utf8").then((text) => text.trim());
  const [signing, recovery, admin, ci] = await Promise.all(
    [".tes/signing.key", ".tes/recovery.key", ".tes/admin.token", "ci.token"].map(keyText),
  );
  const master = { ...other, hex: signing! };
  const tokens = {
    admin: admin!,
    ci: ci!,
    expired: mintToken(master, { lifetime: -60 }),
    elsewhere: mintToken(master, { registry: "elsewhere" }),
    reader: mintToken(master, { scope: ["read"] }),
    foreign: mintToken(other),
  };

  let authority = await serve(place, { data: ".tes", env: { TES_DEBUG: "1" } });
  const answers = [await argumentsOf(authority)];
  answers.push(...(await talk(authority, tokens)));
  for (const args of [["doctor"], ["verify"], ["entity", "list"], ["bump", "global:main", "patch", "--no-write"]]) {
    await run(...args);
    await run(...args, "--json");
  }
  // Wrong in ways that make an error speak of a key, a token, or a file that holds one.
  await run("bump", "global:main", "patch", "--token-file", ".tes/signing.key");
  await run("token", "inspect", ".tes/recovery.key");
  await run("token", "mint", "--scope", "admin", "--key-file", "ci.token", "--out", "no.token");
  // And typed in the wrong place.
  await run("token", "mint", "--scope", signing!, "--out", "no.token");
  await run("token", "inspect", admin!);
  await run("verify", "--token-file", admin!);
  await run("bump", "global:main", signing!);
  for (const typed of [[signing!], ["--port", signing!], ["--key-file", signing!], [`--${signing}`]]) {
    await run("serve", "--data", "none", ...typed);
    await run("serve", "--data", "none", ...typed, "--json");
  }
  authority.kill("workerd");
  await authority.run.exited;
  authority = await serve(place, { data: ".tes" });
  answers.push(...(await talk(authority, tokens)));
  await authority.stop();

  // Another key in its place, and texts that are nearly keys.
  const file = join(place.dir, ".tes/signing.key");
  await writeFile(file, `${other.hex}\n`);
  authority = await serve(place, { data: ".tes", env: { TES_DEBUG: "1" } });
  answers.push(...(await talk(authority, tokens)));
  await authority.stop();
  for (const text of [signing!.slice(1), `${signing}0`, ` ${signing}`, `${signing!.slice(1)}g`]) {
    await place.tes(["serve", "--data", ".tes"], { env: { TES_DEBUG: "1", VERSION_SIGNING_KEY: text } }).exited;
  }
  await writeFile(file, `${signing}\n`);

  const secrets = [
    ...masterSecrets("signing key", signing!),
    ...masterSecrets("other key", other.hex),
    ...masterSecrets("recovery key", recovery!),
    ...Object.entries(tokens).map(([name, token]) => tokenSecret(`token ${name}`, token)),
  ];
  return { secrets, answers };
}

/** A session with the key that the object makes for itself, which by design lies in its storage and nowhere else. */
async function sessionWithStoredKey(place: Place): Promise<{ secrets: Secret[]; answers: string[] }> {
  const dir = await prepareData(place, { data: "own", recovery: keyOf("secrets recovery") });
  const authority = await serve(place, { data: "own" });
  const answers = await talk(authority, { foreign: mintToken(other) });
  await authority.stop();
  const tables = [...(await readObjects(dir)).values()].find((object) => object.has("signing_key"))!;
  const hex = String(tables.get("signing_key")![0]!.hex);
  const token = mintToken({ ...other, hex });
  const again = await serve(place, { data: "own" });
  answers.push(await argumentsOf(again), ...(await talk(again, { token })));
  await again.stop();
  return { secrets: [...masterSecrets("stored key", hex), tokenSecret("token", token)], answers };
}

const HOLDERS = ["signing key in .tes/signing.key", "recovery key in .tes/recovery.key"];
const TOKEN_HOLDERS = ["token admin in .tes/admin.token", "token ci in ci.token"];

test("nothing printed, answered or stored holds a key or a token, but the file made for it", async () => {
  await using place = await makePlace();
  const sessions = [await sessionWithFiles(place), await sessionWithStoredKey(place)];
  const secrets = sessions.flatMap((session) => session.secrets);
  const printed = place.runs.map(({ child, stdout, stderr }) => ({
    where: `the output of ${child.spawnargs.slice(2).join(" ")}`,
    bytes: Buffer.from(stdout + stderr),
  }));
  const answered = sessions.flatMap(({ answers }) =>
    answers.map((text) => ({ where: `the answer ${text}`, bytes: Buffer.from(text) })),
  );
  // Both sessions did what they were for: there is something to be found in each place.
  expect(answered.filter(({ where }) => where.startsWith("the answer 200")).length).toBeGreaterThan(10);
  for (const code of ["token_invalid", "token_expired", "forbidden", "invalid_field", "signing_key_mismatch"]) {
    expect(answered.some(({ bytes }) => bytes.includes(`"code":"${code}"`))).toBe(true);
  }
  expect(printed.some(({ bytes }) => bytes.includes("key_format"))).toBe(true);

  expect(findSecrets(secrets, [...printed, ...answered])).toEqual([]);

  const stored = findSecrets(secrets, await filesIn(place.dir));
  const inObject = /^stored key in own(-copy-\d+)?\/(do\/tes-VersionManagementDO\/)?[0-9a-f]{64}\.sqlite(-wal)?$/;
  expect(stored.filter((found) => !inObject.test(found)).sort()).toEqual([...HOLDERS, ...TOKEN_HOLDERS].sort());
  expect(stored.some((found) => inObject.test(found))).toBe(true);
});
