/** What a bench is, and the lines it reports. `bench/main.ts` runs those that are registered there. */

/** How long things may take: `quick` shows that a bench works, `full` is what docs/measurements.md holds. */
export interface Effort {
  readonly quick: boolean;
  /** Rounds of baseline and subjects in turn. */
  readonly rounds: number;
  /** CPU seconds that a process spends in one slice of a round; ticks of /proc are 10 ms. */
  readonly sliceCpuSeconds: number;
  /** Ends a slice on a machine too busy to spend that. */
  readonly sliceLimitSeconds: number;
}

export const FULL: Effort = { quick: false, rounds: 7, sliceCpuSeconds: 0.5, sliceLimitSeconds: 2.5 };
export const QUICK: Effort = { quick: true, rounds: 3, sliceCpuSeconds: 0.1, sliceLimitSeconds: 1 };

/** One row of a report. All of it is text for people. */
export interface Line {
  readonly what: string;
  readonly baseline?: string;
  /** With its spread, where there is one. */
  readonly value: string;
  readonly aim?: string;
  /** Whether the aim is reached; undefined where there is none, or the rounds lie on both sides of it. */
  readonly met?: boolean;
  /** What was seen beside it: throughput, other figures. */
  readonly beside?: string;
  /** Why the line counts for nothing. */
  readonly void?: string;
}

export interface BenchContext {
  readonly effort: Effort;
  /** A source file to run in place of src/worker/worker.ts: another state of the code. */
  readonly worker?: string | undefined;
  /** Told what is being measured. */
  readonly note: (text: string) => void;
}

export interface Bench {
  readonly name: string;
  readonly title: string;
  /** One paragraph for docs/measurements.md: how the figures come about. */
  readonly method: string;
  readonly run: (context: BenchContext) => Promise<Line[]>;
}
