import { beforeEach, describe, expect, test, vi } from "vitest";
import {
  type Connection,
  memoryPins,
  type TesError,
  type Watched,
  type WatchOptions,
} from "../../../src/client/index.ts";
import type { JsonObject } from "../../../src/core/json.ts";
import { CLIENT_PING_MS, FIRST_RETRY_DELAY_MS, MAX_RECONNECT_DELAY_MS } from "../../../src/core/limits.ts";
import { bumpOf, makeRegistry, type TestRegistry } from "./registry.ts";
import { clientOf, type TestClient } from "./setup.ts";
import { type Behaviour, TOKEN, type WatchAuthority, watchAuthority } from "./watch-authority.ts";

let registry: TestRegistry;
let behaviour: Behaviour;
let authority: WatchAuthority;
let client: TestClient;
let connections: Connection[];

const bump = (to: TestRegistry = registry) => {
  const at = to.statements.length;
  return to.add(...bumpOf(`1.${at}.0`, `1.${at + 1}.0`, `request ${at}`));
};

beforeEach(async () => {
  registry = await makeRegistry("watch");
  for (let i = 0; i < 4; i++) bump();
  behaviour = { registry };
  authority = watchAuthority(behaviour);
  client = clientOf(registry);
  connections = [];
});

const watch = (options: WatchOptions = {}) =>
  client.client.watch({ makeSocket: authority.makeSocket, onConnection: (one) => connections.push(one), ...options });

/** The next statements, by index. */
async function take(watching: AsyncGenerator<Watched, void, void>, count: number): Promise<number[]> {
  const indexes: number[] = [];
  while (indexes.length < count) indexes.push((await watching.next()).value!.index);
  return indexes;
}

/** The code with which watching ends. */
const failureOf = (watching: AsyncGenerator<Watched, void, void>): Promise<string> =>
  watching.next().then(
    ({ value }) => `statement ${value?.index}`,
    (thrown: TesError) => thrown.code,
  );

describe("watching", () => {
  test("gives every statement once, read and proved, and what comes after it", async () => {
    const watching = watch({ since: 0 });
    const taken = take(watching, 5);
    const { line, since } = await authority.subscription();
    expect(since).toBe(0);
    await line.event(0, 2);
    await line.event(2);
    expect(await taken).toEqual([0, 1, 2, 3, 4]);
    bump();
    await line.event(5);
    const { value } = await watching.next();
    expect(value).toMatchObject({ index: 5, statement: { type: "version.bumped", seq: 5 }, checkpoint: { size: 6 } });
    await watching.return();
    expect(connections).toEqual([{ state: "connected", next: 0, size: 5 }]);
  });

  test("begins with what is written from now on, unless it is told otherwise", async () => {
    const watching = watch();
    const first = watching.next();
    const { line, since } = await authority.subscription();
    expect(since).toBe(5);
    bump();
    await line.event(5);
    expect((await first).value?.index).toBe(5);
  });

  test("proves the token and wants the authority to know it too", async () => {
    client = clientOf(registry, { token: TOKEN, store: memoryPins() });
    const taken = take(watch({ since: 3 }), 2);
    const { line } = await authority.subscription();
    await line.event(3);
    expect(await taken).toEqual([3, 4]);
    expect(line.received[0]?.type).toBe("proof");
    expect(JSON.stringify(line.received)).not.toContain(TOKEN.split(".")[2]);
    expect(line.received[1]).toMatchObject({ type: "subscribe", n: 1 });
  });

  test("uses a ticket where it gets one", async () => {
    const ticket = "A".repeat(43);
    const taken = take(watch({ since: 4, ticket: async () => ticket }), 1);
    const { line } = await authority.subscription();
    await line.event(4);
    await taken;
    expect(line.received[0]).toEqual({ type: "ticket", ticket });
  });

  test("passes over what it does not know, and gives statements of types that came later", async () => {
    registry.add({ type: "later.type", entity: "a:b" } as never);
    const watching = watch({ since: 5 });
    const next = watching.next();
    const { line } = await authority.subscription();
    line.say({ type: "later", x: 1 });
    line.say({ type: "pong" });
    await line.event(5);
    expect((await next).value).toMatchObject({ index: 5, statement: undefined, json: { type: "later.type" } });
  });

  test("remembers how far it got, so that no one can go back behind it", async () => {
    const taken = take(watch({ since: 0 }), 5);
    await (await authority.subscription()).line.event(0);
    await taken;
    expect(await client.store.load("https://tes.test/default")).toMatchObject({ size: 5 });
  });

  test("acknowledges when a quarter of the window is used, and not for each event", async () => {
    const big = registry.add({ type: "later.type", text: "x".repeat(60_000) } as never);
    registry.add({ type: "later.type", text: "y".repeat(60_000) } as never);
    const watching = watch({ since: 4 });
    const taken = take(watching, 3);
    const { line } = await authority.subscription();
    await line.event(4, 5);
    await line.event(5, 6);
    await line.event(6, 7);
    await taken;
    const more = watching.next();
    bump();
    await line.event(7);
    await more;
    expect(line.received.slice(2)).toEqual([{ type: "ack", index: big.seq + 1 }]);
  });

  test("pings every half minute, so that no proxy drops what is idle", async () => {
    const set = vi.spyOn(globalThis, "setInterval");
    const watching = watch({ since: 4 });
    const taken = take(watching, 1);
    await (await authority.subscription()).line.event(4);
    await taken;
    expect(set.mock.calls.map(([, ms]) => ms)).toEqual([CLIENT_PING_MS]);
    set.mockRestore();
    await watching.return();
  });

  test("ends when it is told to, while it waits too", async () => {
    const stop = new AbortController();
    const watching = watch({ signal: stop.signal });
    const next = watching.next();
    await authority.subscription();
    stop.abort();
    expect(await next).toEqual({ done: true, value: undefined });
    behaviour.refuses = true;
    const later = new AbortController();
    client = clientOf(registry, { delay: () => new Promise(() => later.abort()) });
    expect(await watch({ signal: later.signal }).next()).toEqual({ done: true, value: undefined });
  });
});

describe("an outage", () => {
  test("is waited out, and nothing is missed or repeated", async () => {
    const watching = watch({ since: 0 });
    const taken = take(watching, 5);
    const first = await authority.subscription();
    await first.line.event(0);
    expect(await taken).toEqual([0, 1, 2, 3, 4]);
    const next = take(watching, 2);
    first.line.close();
    bump();
    bump();
    const second = await authority.subscription();
    expect(second.since).toBe(5);
    await second.line.event(5);
    expect(await next).toEqual([5, 6]);
    expect(connections.map(({ state }) => state)).toEqual(["connected", "waiting", "connected"]);
  });

  test("what had arrived before it is given before it is noticed", async () => {
    const watching = watch({ since: 0 });
    const taken = take(watching, 5);
    const { line } = await authority.subscription();
    await line.event(0);
    line.close();
    expect(await taken).toEqual([0, 1, 2, 3, 4]);
    expect(connections).toHaveLength(1);
  });

  test.each(["internal", "rate_limited", "ack_timeout", "session_silent", "a_code_of_later"])(
    "%s: connects again",
    async (code) => {
      const watching = watch({ since: 4 });
      const taken = take(watching, 1);
      const { line } = await authority.subscription();
      line.say({ type: "error", code, title: "", remedy: "" });
      const second = await authority.subscription();
      await second.line.event(4);
      expect(await taken).toEqual([4]);
    },
  );

  test.each(["token_expired", "token_revoked", "forbidden", "proof_refused", "frame_forged"])(
    "%s is none: it ends",
    async (code) => {
      const failure = failureOf(watch({ since: 4 }));
      const { line } = await authority.subscription();
      line.say({ type: "error", code, title: "", remedy: "" });
      expect(await failure).toBe(code);
    },
  );

  test("longer and longer, up to half a minute, and never in step", async () => {
    const stop = new AbortController();
    const delays: number[] = [];
    client = clientOf(registry, {
      delay: async (ms) => {
        delays.push(ms);
        if (delays.length === 14) stop.abort();
      },
    });
    behaviour.refuses = true;
    await watch({ signal: stop.signal }).next();
    for (const [n, delay] of delays.entries()) {
      const most = Math.min(MAX_RECONNECT_DELAY_MS, FIRST_RETRY_DELAY_MS * 2 ** n);
      expect(delay).toBeGreaterThanOrEqual(most / 2);
      expect(delay).toBeLessThanOrEqual(most);
    }
    expect(new Set(delays.slice(9)).size).toBeGreaterThan(1);
  });

  test("is noticed when pings have no answer", async () => {
    const silent = watchAuthority(behaviour);
    const stop = new AbortController();
    const mute: WatchOptions["makeSocket"] = (url, protocols) => {
      const socket = silent.makeSocket(url, protocols);
      const send = socket.send.bind(socket);
      return Object.assign(socket, { send: (text: string) => text.includes("ping") || send(text) });
    };
    const watching = watch({ makeSocket: mute, pingMs: 5, signal: stop.signal });
    const next = watching.next();
    await silent.subscription();
    await silent.subscription();
    expect(connections.slice(0, 2)).toMatchObject([
      { state: "connected" },
      { state: "waiting", error: { code: "authority_unreachable", detail: "Two pings had no answer within 10 ms." } },
    ]);
    stop.abort();
    expect(await next).toEqual({ done: true, value: undefined });
  });
});

describe("an authority that is not to be followed", () => {
  const fork = async (): Promise<TestRegistry> => {
    const other = await makeRegistry("watch");
    for (let i = 0; i < 4; i++) other.add(...bumpOf("9.0.0", "9.1.0", `other ${i}`));
    return other;
  };

  test("another log behind the same genesis, told from the start", async () => {
    await client.client.checkpoint();
    behaviour.registry = await fork();
    expect(await failureOf(watch({ since: 0 }))).toBe("checkpoint_inconsistent");
  });

  test("another log after an outage", async () => {
    const watching = watch({ since: 0 });
    const taken = take(watching, 5);
    const { line } = await authority.subscription();
    await line.event(0);
    await taken;
    behaviour.registry = await fork();
    bump(behaviour.registry);
    client.on("/v1/default/log/consistency", async (request) => {
      const body = {
        from: 5,
        size: 6,
        proof: behaviour.registry.proof(5, 6),
        checkpoint: await behaviour.registry.note(),
      };
      return registry.answer(request, { body, size: 6 });
    });
    const failure = failureOf(watching);
    line.close();
    expect(await failure).toBe("checkpoint_inconsistent");
  });

  test("another log told to those who are connected already", async () => {
    const watching = watch({ since: 5 });
    const failure = failureOf(watching);
    const { line } = await authority.subscription();
    behaviour.registry = await fork();
    bump(behaviour.registry);
    await line.event(5);
    expect(await failure).toBe("checkpoint_inconsistent");
  });

  test("a log that was set back", async () => {
    const watching = watch({ since: 0 });
    const taken = take(watching, 5);
    const { line } = await authority.subscription();
    await line.event(0);
    await taken;
    const older = await makeRegistry("watch");
    for (let i = 0; i < 2; i++) bump(older);
    behaviour.registry = older;
    const failure = failureOf(watching);
    line.close();
    expect(await failure).toBe("checkpoint_stale");
  });

  test("a log shorter than what it is asked to pass over", async () => {
    expect(await failureOf(watch({ since: 6 }))).toBe("checkpoint_stale");
  });

  type Lie = (line: { say(frame: JsonObject): void; event(from: number, to?: number): Promise<void> }) => Promise<void>;
  const changed = async (say: (frame: JsonObject) => void, change: (frame: JsonObject) => JsonObject) => {
    const statements = registry.statements.slice(1) as unknown as JsonObject[];
    say(change({ type: "event", from: 1, statements, checkpoint: await registry.note() }));
  };

  test.each<[string, Lie, string]>([
    ["leaves statements out", (line) => line.event(2), "statements_skipped"],
    [
      "sends one twice",
      async (line) => {
        await line.event(1, 3);
        await line.event(2, 4);
      },
      "statement 1",
    ],
    ["goes back", (line) => line.event(0), "statements_skipped"],
    [
      "sends an event of nothing",
      (line) => changed(line.say, (frame) => ({ ...frame, statements: [] })),
      "statements_skipped",
    ],
    [
      "changes a statement",
      (line) =>
        changed(line.say, (frame) => ({
          ...frame,
          statements: (frame.statements as JsonObject[]).map((one) => ({ ...one, by: "me" })),
        })),
      "checkpoint_inconsistent",
    ],
    [
      "swaps two statements",
      (line) =>
        changed(line.say, (frame) => ({ ...frame, statements: (frame.statements as JsonObject[]).toReversed() })),
      "proof_invalid",
    ],
    [
      "shows a checkpoint of another size",
      async (line) => {
        const note = await registry.note(4);
        await changed(line.say, (frame) => ({ ...frame, checkpoint: note }));
      },
      "proof_invalid",
    ],
    [
      "shows a checkpoint that nobody signed",
      (line) =>
        changed(line.say, (frame) => ({
          ...frame,
          checkpoint: String(frame.checkpoint).replace("— tes.test", "— xes.test"),
        })),
      "note_invalid",
    ],
    ["answers in bytes", async (line) => line.say("x" as never), "answer_malformed"],
  ])("%s", async (_name, lie, code) => {
    const watching = watch({ since: 1 });
    const failure = failureOf(watching);
    const { line } = await authority.subscription();
    await lie(line);
    expect(await failure).toBe(code);
    if (!code.startsWith("statement ")) return;
    await take(watching, 1);
    expect(await failureOf(watching)).toBe("statements_skipped");
  });

  test("a frontier that is not the log's", async () => {
    const other = await fork();
    bump(other);
    bump();
    const watching = watch({ since: 3 });
    const failure = failureOf(watching);
    const { line } = await authority.subscription();
    await line.event(3);
    expect(await failure).toBe("statement 3");
    behaviour.registry = other;
    client = clientOf(registry, { store: memoryPins() });
    behaviour.challenge = { checkpoint: await registry.note() };
    const deceived = failureOf(watch({ since: 3 }));
    const second = await authority.subscription();
    second.line.say({
      type: "event",
      from: 3,
      statements: registry.statements.slice(3) as never,
      checkpoint: await registry.note(),
    });
    expect(await deceived).toBe("checkpoint_inconsistent");
  });

  test.each<[string, JsonObject]>([
    ["registry", { registry: "other" }],
    ["authority", { authority: "elsewhere.test" }],
  ])("a challenge of another %s, as a relay would pass it on", async (_name, challenge) => {
    behaviour.challenge = challenge;
    expect(await failureOf(watch())).toBe("authority_unproven");
    expect(authority.lines[0]?.received).toEqual([]);
  });

  test("the client's own proof sent back, and none at all", async () => {
    client = clientOf(registry, { token: TOKEN });
    behaviour.reflects = true;
    expect(await failureOf(watch())).toBe("authority_unproven");
  });
});
