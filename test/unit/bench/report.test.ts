/** Sections of docs/measurements.md, and what the benches say of themselves. */

import { describe, expect, test } from "vitest";
import type { Bench, Line } from "../../../bench/bench.ts";
import { sectionOf, textOf, withSection } from "../../../bench/report.ts";
import { lines, type Slice, type Subject, voidReason } from "../../../bench/turns.ts";

const bench: Bench = { name: "one", title: "One", method: "By hand.", run: async () => [] };
const line: Line = { what: "hot | read", baseline: "hello", value: "0.70", aim: "≥ 0.8", met: false, beside: "70 µs" };

describe("a section", () => {
  test("replaces the one of its bench and leaves the rest", () => {
    const first = withSection("# Measurements\n", "one", sectionOf(bench, [line]));
    const both = withSection(first, "two", sectionOf({ ...bench, name: "two" }, []));
    const again = withSection(both, "one", sectionOf(bench, [{ ...line, value: "0.90", met: true }]));
    expect(again).toBe(both.replace("| 0.70 | ≥ 0.8 | missed |", "| 0.90 | ≥ 0.8 | met |"));
    expect(again).toContain("| hot \\| read | hello |");
  });

  test("whose end is lost is not guessed at", () => {
    expect(() => withSection("<!-- bench one -->\n", "one", "x")).toThrow("has no end");
  });
});

const slice = (serverCpu: number, clientCpu: number): Slice => ({ operations: 1, serverCpu, clientCpu, wall: 1 });
const subject = (name: string): Subject => ({
  name,
  pid: 1,
  port: 1,
  connections: 1,
  status: 200,
  request: () => "",
});

describe("a line", () => {
  test("is void when the client costs more than two thirds of the baseline", () => {
    expect(voidReason([slice(3, 2)])).toBeUndefined();
    expect(voidReason([slice(3, 2.1)])).toContain("1.43 times");
    const [found] = lines([subject("hello"), subject("ours")], [[slice(1, 1)], [slice(2, 1)]], { ours: 0.8 });
    expect(found).toMatchObject({ void: expect.stringContaining("1.00 times"), met: false });
    expect(textOf(found!)).toContain("[void]");
  });

  test("sets each subject against the first, round by round", () => {
    const rounds = { hello: [slice(1, 0.1), slice(9, 0.1)], ours: [slice(2, 0.1), slice(18, 0.1)] };
    const [found] = lines([subject("hello"), subject("ours")], [rounds.hello, rounds.ours], { ours: 0.5 });
    expect(found).toMatchObject({ what: "ours", baseline: "hello", value: "0.50 (0.50–0.50)", met: true });
  });

  test("whose quartiles lie on both sides of its aim decides nothing", () => {
    const of = (...costs: number[]) =>
      lines(
        [subject("hello"), subject("ours")],
        [costs.map(() => slice(1, 0.1)), costs.map((cost) => slice(cost, 1))],
        {
          ours: 0.8,
        },
      )[0]!;
    expect(textOf(of(1, 1.25, 2))).toContain("[undecided]");
    expect(textOf(of(1, 1.1, 1.2))).toContain("[met]");
    expect(textOf(of(2, 1.9, 1.5))).toContain("[missed]");
  });
});
