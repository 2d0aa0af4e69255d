import { type ErrorCode, TesError } from "../../../src/core/errors.ts";

/** The code with which something is refused; "accepted" if it is not; anything but a TesError goes on. */
export function refusalOf(work: () => unknown): ErrorCode | "accepted" {
  try {
    work();
  } catch (thrown) {
    if (thrown instanceof TesError) return thrown.code;
    throw thrown;
  }
  return "accepted";
}

/** The same for what takes a promise. */
export async function rejectionOf(work: Promise<unknown>): Promise<ErrorCode | "accepted"> {
  const outcome = await work.then(
    () => () => undefined,
    (thrown: unknown) => () => {
      throw thrown;
    },
  );
  return refusalOf(outcome);
}
