/** CPU time out of /proc/PID/stat. */

import { expect, test } from "vitest";
import { cpuSeconds, parseCpuTicks } from "../../../bench/cpu.ts";

/** proc(5): pid, name, state, then 49 more; utime is the 14th and stime the 15th. */
const stat = (name: string, utime: number, stime: number): string =>
  `4242 (${name}) S 1 4242 4242 0 -1 4194304 12345 99 7 3 ${utime} ${stime} 55 66 20 0 9 0 987654 1000000 2500\n`;

test("user and system time are added, children's are not", () => {
  expect(parseCpuTicks(stat("workerd", 1200, 34))).toBe(1234);
});

test("a name with spaces and parentheses shifts nothing", () => {
  for (const name of ["a b", "x) S 1 2 3", "((", ") ) )"]) expect(parseCpuTicks(stat(name, 7, 5))).toBe(12);
});

test("anything else is refused rather than measured", () => {
  for (const text of ["", "4242 workerd S 1", "4242 (workerd) S 1 2"]) {
    expect(() => parseCpuTicks(text)).toThrow("not a line of /proc/PID/stat");
  }
});

test("this very process spends time", (context) => {
  if (process.platform !== "linux") {
    console.log("CPU time is read from /proc, which only Linux has");
    context.skip();
  }
  const before = cpuSeconds(process.pid);
  const { user, system } = process.cpuUsage();
  // Ten milliseconds a tick, and some time between the two readings.
  expect(Math.abs(before - (user + system) / 1e6)).toBeLessThan(0.5);
});
