/** Runs the suite where no test framework is: one test after the other, one line of JSON for each. */

import { type SuiteOptions, suite } from "./suite.ts";

/** What became of one test. */
export interface Result {
  readonly name: string;
  readonly ok: boolean;
  readonly error?: string;
}

/** How long one test may take. The slowest takes less than a second on an idle machine. */
const TEST_LIMIT_MS = 20_000;

export async function runSuite(options: Omit<SuiteOptions, "test">, report: (result: Result) => void): Promise<void> {
  const tests: [string, () => void | Promise<void>][] = [];
  suite({ ...options, test: (name, run) => tests.push([name, run]) });
  for (const [name, run] of tests) report(await resultOf(name, run));
}

async function resultOf(name: string, run: () => void | Promise<void>): Promise<Result> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    const limit = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`it took more than ${TEST_LIMIT_MS} ms`)), TEST_LIMIT_MS);
    });
    await Promise.race([run(), limit]);
    return { name, ok: true };
  } catch (thrown) {
    return { name, ok: false, error: thrown instanceof Error ? (thrown.stack ?? String(thrown)) : String(thrown) };
  } finally {
    clearTimeout(timer);
  }
}

/** Stands before each line of results, so that they are told from what the tests print. */
export const RESULT_MARK = "result ";
