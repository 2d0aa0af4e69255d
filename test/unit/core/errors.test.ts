import { readFileSync } from "node:fs";
import { join } from "node:path";
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { ERRORS, type ErrorCode, problemOf, TesError, toTesError } from "../../../src/core/errors.ts";

const ROWS = Object.entries(ERRORS) as [ErrorCode, (typeof ERRORS)[ErrorCode]][];

describe("each row", () => {
  test.each(ROWS)("%s is mapped for every surface", (code, row) => {
    expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/);
    expect(row.status).toBeGreaterThanOrEqual(400);
    expect(row.status).toBeLessThanOrEqual(599);
    expect([1003, 1008, 1009, 1011, 1013]).toContain(row.close);
    expect([1, 2]).toContain(row.exit);
    for (const text of [row.title, row.remedy]) expect(text).toMatch(/^\S[^\n]*[.>]$/);
  });

  test("no two say the same, so that a message leads to one code", () => {
    const titles = ROWS.map(([, { title }]) => title);
    expect(new Set(titles).size).toBe(titles.length);
  });

  test("closes a socket for the reason that HTTP gives", () => {
    for (const [code, { status, close }] of ROWS) {
      if (status === 413) expect(close, code).toBe(1009);
      if (status === 429) expect(close, code).toBe(1013);
      if (status === 503 || status === 507 || code === "internal") expect(close, code).toBe(1011);
      // RFC 6455 section 7.4.1 has a code of its own for a kind of data that is not taken.
      if (code === "frame_binary") expect(close, code).toBe(1003);
      else if (status < 500 && status !== 413 && status !== 429) expect(close, code).toBe(1008);
    }
  });

  test("stands in the alphabetical order of its group", () => {
    const source = readFileSync(join(import.meta.dirname, "../../../src/core/errors.ts"), "utf8");
    const table = source.slice(source.indexOf("export const ERRORS"), source.indexOf("} as const satisfies"));
    const groups = table.split(/^ {2}\/\/ .*$/m).map((group) => [...group.matchAll(/^ {2}([a-z_]+): row\(/gm)]);
    const codes = groups.map((group) => group.map(([, code]) => code!)).filter((group) => group.length > 0);
    expect(codes.flat()).toEqual(Object.keys(ERRORS));
    for (const group of codes) expect(group).toEqual(group.toSorted());
  });
});

test("the union is closed: no other code compiles", () => {
  // @ts-expect-error
  const unknown: ErrorCode = "something_else";
  expect(Object.hasOwn(ERRORS, unknown)).toBe(false);
});

describe("TesError", () => {
  const cause = new Error("hunter2 inside");
  const error = new TesError("version_conflict", {
    detail: "a:b is at 1.0.0.",
    field: "/expected",
    facts: { current: "1.0.0" },
    cause,
  });

  test("is an error with its code, its status, and one sentence for people", () => {
    expect(error).toBeInstanceOf(Error);
    expect(error.name).toBe("TesError");
    expect(error.status).toBe(409);
    expect(error.message).toBe("The current version is not the expected one. a:b is at 1.0.0.");
    expect(new TesError("version_conflict").message).toBe(ERRORS.version_conflict.title);
    expect(error.cause).toBe(cause);
  });

  test("as a problem document is RFC 9457, and says nothing of what happened inside", () => {
    const problem = problemOf(error);
    expect(problem).toEqual({
      type: "urn:tes:error:version_conflict",
      title: "The current version is not the expected one.",
      status: 409,
      code: "version_conflict",
      remedy: "Read the state, decide again, retry with a new key.",
      detail: "a:b is at 1.0.0.",
      field: "/expected",
      facts: { current: "1.0.0" },
    });
    expect(JSON.stringify(problem)).not.toMatch(/hunter2|stack|errors\.test/);
    // Only those who look inside see it.
    expect(inspect(error)).toContain("hunter2");
  });

  test("as a problem document has no member without a value", () => {
    expect(Object.keys(problemOf(new TesError("not_acceptable")))).toEqual([
      "type",
      "title",
      "status",
      "code",
      "remedy",
    ]);
  });

  test.each(ROWS)("%s as a problem document has its row's status", (code, row) => {
    expect(problemOf(new TesError(code))).toMatchObject({ code, status: row.status, title: row.title });
  });
});

describe("toTesError", () => {
  test("leaves ours as it is", () => {
    const error = new TesError("forbidden");
    expect(toTesError(error)).toBe(error);
  });

  test.each([new TypeError("hunter2"), "hunter2", undefined, null, { code: "forbidden" }])(
    "makes %o internal, its cause kept inside",
    (thrown) => {
      const error = toTesError(thrown);
      expect(error.code).toBe("internal");
      expect(error.cause).toBe(thrown);
      expect(JSON.stringify(problemOf(error))).not.toContain("hunter2");
    },
  );
});
