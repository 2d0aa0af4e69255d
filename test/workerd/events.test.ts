/** What the authority says of itself while it works (docs/operations.md). */

import { afterEach, expect, test, vi } from "vitest";
import { configure, declare, ENTITY_ID, MASTER, openRegistry, post, restart } from "./authority.ts";
import { connect, ending, enter } from "./socket-client.ts";

afterEach(() => void vi.restoreAllMocks());

test("a registry's day, line by line, without a secret", async () => {
  const lines: string[] = [];
  vi.spyOn(console, "log").mockImplementation((line: string) => void lines.push(line));
  vi.spyOn(console, "error").mockImplementation((line: string) => void lines.push(line));
  configure({ VERSION_SIGNING_KEY: MASTER });
  const token = await openRegistry("events");
  const { jti } = JSON.parse(atob(token.split(".")[1]!)) as { jti: string };
  await declare("events", token, [ENTITY_ID]);
  await post("/v1/events/bump", { entity: ENTITY_ID, scope: "minor", reason: "a text of ours" }, { token });
  await enter("events", token);
  const hostile = await connect("events");
  hostile.send("{");
  await ending(hostile);
  await restart("events");
  await post("/v1/events/bump", { entity: ENTITY_ID, scope: "minor" }, { token: `${token.slice(0, -2)}AA` });

  const events = lines.map((line) => JSON.parse(line)).filter(({ registry }) => registry === "events");
  const common = { id: "0x6001", color: "#9D4EDD", domain: "version", registry: "events", at: expect.any(Number) };
  const log = { ...common, scope: "log", actor: jti, meta: {} };
  const opened = { ...common, scope: "registry", type: "registry.opened", ref: "env" };
  expect(events).toEqual([
    { ...log, type: "registry.genesis", ref: "public", index: 0 },
    { ...opened, meta: { slot: "VERSION_SIGNING_KEY", size: 1 } },
    { ...log, type: "entity.declared", ref: ENTITY_ID, index: 1, duration: expect.any(Number) },
    { ...log, type: "version.bumped", ref: ENTITY_ID, index: 2, duration: expect.any(Number) },
    { ...common, scope: "socket", type: "socket.welcomed", ref: "proof", actor: jti, meta: { sockets: 1 } },
    { ...common, scope: "socket", type: "socket.closed", ref: "json_invalid", meta: { sockets: 1 } },
    { ...opened, meta: { slot: "VERSION_SIGNING_KEY", size: 3 } },
  ]);
  const all = lines.join("\n");
  for (const secret of [MASTER, token, token.split(".")[2]!, "a text of ours"]) expect(all).not.toContain(secret);
});
