/** The checker of histories: it takes what may have been, and refuses what cannot. */

import { describe, expect, test } from "vitest";
import { type Action, idempotencyOf, type JsonObject, type Statement } from "../../independent/call.ts";
import { checkHistory } from "../../independent/history.ts";
import { ADMIN, type Mutable, type MutableCall, newPast, type Past, tokenOf } from "./past.ts";

const bumpOf = (entity: string, more: JsonObject = {}): Action => ({
  kind: "bump",
  body: { entity, scope: "minor", ...more },
});
const CHILD = { entity: "b:child", parent: "a:b", strategy: "lockstep" };
const STATE: Action = { kind: "state" };
const CREATE: Action = { kind: "create", body: { visibility: "public", recovery: { x: "x" } } };
const JOB = tokenOf("job", ["bump:*"]);

/** One call after the other, of every kind. */
function makePast() {
  const past = newPast();
  const does = (action: Action, token = ADMIN, key = `key ${past.calls.length}`) =>
    past.call("default", action, token, key);
  const calls = {
    declared: does({ kind: "declare", body: { entities: [{ entity: "a:b" }, CHILD, { entity: "c:d" }] } }),
    first: does(bumpOf("a:b")),
    read: past.call("default", STATE),
    second: does(bumpOf("a:b"), JOB),
    other: does(bumpOf("c:d")),
    conflict: does(bumpOf("a:b", { expected: "0.1.0" })),
    plan: does(bumpOf("*", { dryRun: true })),
    minted: past.call("default", { kind: "mint", body: { scope: ["read"], expiresIn: 60 } }, ADMIN),
    same: does({ kind: "declare", body: { entities: [{ entity: "a:b" }] } }),
    history: past.call("default", { kind: "history", entity: "b:child", limit: 2 }),
    before: past.call("default", { kind: "entity", entity: "a:b", size: 5 }),
    created: past.call("team", CREATE, ADMIN, "team"),
    inTeam: past.call(
      "team",
      { kind: "declare", body: { entities: [{ entity: "a:b" }] } },
      tokenOf("t", ["admin"], "team"),
      "t",
    ),
    listed: past.call("default", { kind: "registries" }),
    delisted: does({ kind: "delist", name: "team", body: {} }),
    revoked: does({ kind: "revoke", token: "job", body: { exp: 3600 } }),
    late: does(bumpOf("a:b"), JOB),
    retired: does({ kind: "retire", entity: "c:d", body: {} }),
    last: past.call("default", STATE),
  };
  return { past, calls };
}

const check = ({ logs, calls }: Past) => checkHistory(logs, calls);
const logOf = ({ logs }: Past): Mutable<Statement>[] => logs.get("default")!;
const receipt = ({ answer }: MutableCall) => (answer.json as unknown as { receipt: { statement: Statement } }).receipt;
/** Makes two calls last until both have begun. */
const overlap = (one: MutableCall, two: MutableCall) => {
  one.ended = two.ended + 0.5;
};
/** Another call at the end, with an answer of one's own. */
const append = ({ calls }: Past, like: MutableCall, more: Partial<MutableCall>) => {
  const invoked = calls.at(-1)!.ended + 1;
  calls.push({ ...like, invoked, ended: invoked + 1, ...more });
};

type Calls = ReturnType<typeof makePast>["calls"];

test("one thing after the other is what it is", () => {
  const { past } = makePast();
  const { counts, unheard } = check(past);
  expect(unheard).toBe(0);
  expect(Object.fromEntries(counts)).toMatchObject({
    bump: 4,
    "bump version_conflict": 1,
    "bump token_revoked": 1,
    create: 1,
  });
});

describe("what may have been", () => {
  test.each<[string, (past: Past, calls: Calls) => void]>([
    [
      "a read during a write that does not show it yet",
      (_, { first, read }) => {
        Object.assign(read, { invoked: first.invoked + 0.1, ended: first.ended + 0.2 });
        overlap(first, read);
      },
    ],
    [
      "a write that nobody heard of, and that is there",
      (_, { first }) => {
        Object.assign(first, { answer: undefined, ended: undefined });
      },
    ],
    [
      "one that is not there",
      (past, { retired }) => {
        append(past, retired, { key: "lost", answer: undefined as never, ended: undefined as never });
      },
    ],
    [
      "a retry that gives the same again",
      (past, { first, last }) => {
        append(past, first, { answer: { ...first.answer, from: last.answer.from! } });
      },
    ],
    [
      "a refusal that held while the call was on its way",
      (past, { second, conflict }) => {
        // Expected what stood after the first bump, and was told of the second.
        const expected = { ...conflict, action: bumpOf("a:b", { expected: "0.2.0" }), key: "expects" };
        append(past, expected, { invoked: second.invoked - 0.5, ended: conflict.ended });
      },
    ],
    [
      "an answer from memory that is no older than was asked for",
      (past, { read }) => {
        append(past, read, { minSize: read.answer.from!.size });
      },
    ],
    [
      "a registry that is not known yet, and no more",
      (past, { inTeam, created }) => {
        const answer = { status: 404, json: { code: "registry_unknown" } };
        const { token: _, key: __, ...anyone } = inTeam;
        append(past, { ...anyone, action: STATE } as MutableCall, { answer });
        append(past, inTeam, { key: "early", answer, invoked: created.invoked - 0.5, ended: created.ended - 0.5 });
      },
    ],
    [
      "a retry of a revoked token",
      (past, { second, late, last }) => {
        append(past, second, { answer: { ...late.answer, from: last.answer.from! } });
      },
    ],
  ])("%s", (_name, change) => {
    const { past, calls } = makePast();
    change(past, calls);
    expect(() => check(past)).not.toThrow();
  });
});

describe("what cannot have been", () => {
  test.each<[string, RegExp, (past: Past, calls: Calls) => void]>([
    [
      "two answers swapped",
      /stands at 5|the log has/,
      (_, { first, second }) => {
        [first.answer, second.answer] = [second.answer, first.answer];
      },
    ],
    ["a read of what was before an acknowledged write", /speaks of 5/, (past, { read }) => append(past, read, {})],
    [
      "a read at a size of another state",
      /fits nowhere/,
      (past, { last }) => {
        append(past, last, { answer: { ...last.answer, json: { ...last.answer.json, entities: [] } } });
      },
    ],
    [
      "a version given out twice",
      /stands at 5 as/,
      (past, { first, second }) => {
        const changes = receipt(first).statement.changes!;
        const twice = { ...receipt(second).statement, changes };
        logOf(past)[5] = twice;
        second.answer = { ...second.answer, json: { ...second.answer.json, changes, receipt: { statement: twice } } };
      },
    ],
    [
      "an acknowledged write that is lost",
      /not in the log|fits nowhere/,
      (past, { last }) => {
        logOf(past).pop();
        past.calls.splice(past.calls.indexOf(last), 1);
      },
    ],
    [
      "a write that is there twice",
      /a second time/,
      (past, { first }) => {
        const log = logOf(past);
        log.push({ ...receipt(first).statement, seq: log.length, at: log.at(-1)!.at });
      },
    ],
    [
      "a statement that nobody asked for",
      /nobody asked/,
      (past, { first }) => {
        past.calls.splice(past.calls.indexOf(first), 1);
      },
    ],
    [
      "a body that was not sent",
      /another request/,
      (past, { other }) => {
        const { key } = logOf(past)[6]!.idempotency as { key: string };
        logOf(past)[6]!.idempotency = { key, request: "0".repeat(64) };
        expect(receipt(other).statement.seq).toBe(6);
      },
    ],
    [
      "writes in another order than they were made in",
      /shown before it was sent/,
      (past, { second, other }) => {
        const log = logOf(past);
        [log[5], log[6]] = [
          { ...log[6]!, seq: 5, at: log[5]!.at },
          { ...log[5]!, seq: 6, at: log[6]!.at },
        ];
        for (const [call, seq, size] of [
          [second, 6, 7],
          [other, 5, 7],
        ] as const) {
          call.answer = { ...call.answer, json: { ...call.answer.json, receipt: { statement: log[seq]! } } };
          call.answer.from = { registry: "default", size };
        }
      },
    ],
    [
      "a place between two statements of one request",
      /fits nowhere/,
      (past, { declared, read }) => {
        append(past, read, { invoked: declared.invoked + 0.1, ended: declared.ended });
        const answer = {
          ...read.answer,
          json: { ...read.answer.json, size: 2 },
          from: { registry: "default", size: 2 },
        };
        past.calls.at(-1)!.answer = answer;
      },
    ],
    [
      "a conflict with a version that never was",
      /fits nowhere/,
      (_, { conflict }) => {
        conflict.answer.json = { ...conflict.answer.json, facts: { current: "0.9.0" } };
      },
    ],
    [
      "a conflict of before the call",
      /fits nowhere/,
      (past, { conflict, last }) => {
        const expected = { ...conflict, action: bumpOf("a:b", { expected: "0.3.0" }), key: "expects" };
        append(past, expected, { answer: { ...conflict.answer, from: last.answer.from! } });
      },
    ],
    [
      "a refusal of what is in the log",
      /fits nowhere/,
      (past, { first, conflict, last }) => {
        append(past, first, { answer: { ...conflict.answer, from: last.answer.from! } });
      },
    ],
    [
      "a retry that gives another statement",
      /the log has/,
      (past, { first, second, last }) => {
        append(past, first, { answer: { ...second.answer, from: last.answer.from! } });
      },
    ],
    [
      "a write of a revoked token",
      /token_revoked/,
      (past, { late, second }) => {
        const log = logOf(past);
        const changes = [
          { entity: "a:b", from: "0.3.0", to: "0.4.0" },
          { entity: "b:child", from: "0.3.0", to: "0.4.0" },
        ];
        const idempotency = { ...idempotencyOf(late) };
        log.push({ ...receipt(second).statement, seq: log.length, at: log.at(-1)!.at, changes, idempotency });
        Object.assign(late, { answer: undefined, ended: undefined });
      },
    ],
    [
      "a revoked token that is let in",
      /fits nowhere/,
      (_, { late, plan }) => {
        Object.assign(late, { action: plan.action, answer: { ...plan.answer, from: late.answer.from! } });
      },
    ],
    [
      "a token that is refused before it was revoked",
      /fits nowhere/,
      (_, { plan, late }) => {
        Object.assign(plan, { token: JOB, answer: { ...late.answer, from: plan.answer.from! } });
      },
    ],
    [
      "a token with more scopes than were asked for",
      /fits nowhere/,
      (_, { minted }) => {
        Object.assign(minted, { action: { kind: "mint", body: { scope: ["admin"], expiresIn: 60 } } });
      },
    ],
    [
      "a plan of another moment",
      /fits nowhere/,
      (past, { plan, last }) => {
        append(past, plan, { answer: { ...plan.answer, from: last.answer.from! } });
      },
    ],
    [
      "a history without its last entry",
      /fits nowhere|speaks of/,
      (_, { history }) => {
        const entries = (history.answer.json.entries as JsonObject[]).slice(1);
        history.answer.json = { ...history.answer.json, entries };
      },
    ],
    [
      "the past told otherwise",
      /fits nowhere/,
      (_, { before }) => {
        const { entity } = before.answer.json as unknown as { entity: JsonObject };
        before.answer.json = { ...before.answer.json, entity: { ...entity, version: "0.3.0" } };
      },
    ],
    [
      "an answer from memory that is older than was asked for",
      /speaks of 5/,
      (past, { read }) => {
        append(past, read, { minSize: read.answer.from!.size + 1 });
      },
    ],
    [
      "a registry that is unknown while it is listed",
      /it was there/,
      (past, { inTeam, created }) => {
        const { token: _, key: __, ...anyone } = { ...inTeam, action: STATE };
        const answer = { status: 404, json: { code: "registry_unknown" } };
        append(past, anyone as MutableCall, { answer, invoked: created.ended + 0.1, ended: created.ended + 0.2 });
      },
    ],
    ["a delisted registry that takes a write", /it was delisted/, (past, { inTeam }) => append(past, inTeam, {})],
    [
      "a registry that is listed with another genesis",
      /another genesis/,
      (past) => {
        const listing = logOf(past).find(({ type }) => type === "registry.listed")!;
        listing.genesis = "0".repeat(64);
      },
    ],
    [
      "an unsigned answer",
      /unsigned/,
      (_, { first }) => {
        const { from: _from, ...rest } = first.answer;
        first.answer = rest;
      },
    ],
  ])("%s", (_name, message, change) => {
    const { past, calls } = makePast();
    change(past, calls);
    expect(() => check(past)).toThrow(message);
  });
});
