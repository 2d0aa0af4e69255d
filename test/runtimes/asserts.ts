/** The few assertions that the suite needs, without a test framework: those do not run everywhere. */

/** Two values of JSON's shape are the same, members in any order. */
export function equal(actual: unknown, expected: unknown, what = "value"): void {
  const [found, wanted] = [render(actual), render(expected)];
  if (found !== wanted) throw new Error(`${what}: ${found}, expected ${wanted}`);
}

export function ok(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`not so: ${what}`);
}

/** The code by which a call or a promise is refused; what it gave instead, when it is not. */
export async function refused(work: Promise<unknown> | (() => unknown), code: string, what = "refusal"): Promise<void> {
  let outcome: string;
  try {
    const given = await (typeof work === "function" ? work() : work);
    outcome = `accepted: ${render(given)}`;
  } catch (thrown) {
    outcome = codeOf(thrown);
  }
  equal(outcome, code, what);
}

function codeOf(thrown: unknown): string {
  if (thrown instanceof Error && "code" in thrown && thrown.name === "TesError") return String(thrown.code);
  return `another error: ${thrown}`;
}

function render(value: unknown): string {
  return (
    JSON.stringify(value, (_, member: unknown) => {
      if (typeof member !== "object" || member === null || Array.isArray(member)) return member;
      return Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)));
    }) ?? String(value)
  );
}
