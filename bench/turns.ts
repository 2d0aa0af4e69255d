/** Subjects measured in turn, so that what else happens on the machine falls on all of them alike. */

import { setTimeout as sleep } from "node:timers/promises";
import type { Effort, Line } from "./bench.ts";
import { cpuSeconds } from "./cpu.ts";
import { type LoadOptions, openLoad } from "./load.ts";
import { figure, type Spread, shareOf, spreadOf, withSpread } from "./statistics.ts";

/** Something that a server does again and again. */
export interface Subject extends LoadOptions {
  readonly name: string;
  readonly pid: number;
  /** Done before each slice, uncounted. */
  readonly warm?: () => Promise<unknown>;
  /** Operations behind one request, where the server repeats them itself. */
  readonly perRequest?: number;
}

/** What one slice of load came to. CPU and wall in seconds for each operation. */
export interface Slice {
  readonly operations: number;
  readonly serverCpu: number;
  readonly clientCpu: number;
  readonly wall: number;
}

/** A client that could not do this many times what the baseline does would be what is measured. */
const MIN_CLIENT_HEADROOM = 1.5;
const POLL_MS = 15;

async function slice(subject: Subject, effort: Effort): Promise<Slice> {
  await subject.warm?.();
  const load = await openLoad(subject);
  const server = cpuSeconds(subject.pid);
  const client = process.cpuUsage();
  const begun = performance.now();
  load.start();
  do await sleep(POLL_MS);
  while (
    cpuSeconds(subject.pid) - server < effort.sliceCpuSeconds &&
    performance.now() - begun < effort.sliceLimitSeconds * 1_000
  );
  await load.stop();
  const { user, system } = process.cpuUsage(client);
  const operations = load.answered * (subject.perRequest ?? 1);
  return {
    operations,
    serverCpu: (cpuSeconds(subject.pid) - server) / operations,
    clientCpu: (user + system) / 1e6 / operations,
    wall: (performance.now() - begun) / 1_000 / operations,
  };
}

/** Slices by subject, in the order given: one slice each to warm up, then the rounds. */
export async function measure(subjects: readonly Subject[], effort: Effort): Promise<Slice[][]> {
  const slices: Slice[][] = subjects.map(() => []);
  for (const subject of subjects) await slice(subject, effort);
  for (let round = 0; round < effort.rounds; round++) {
    for (const [i, subject] of subjects.entries()) slices[i]!.push(await slice(subject, effort));
  }
  return slices;
}

/** Why nothing counts when the client is too slow for this baseline; undefined when it is not. */
export function voidReason(baseline: readonly Slice[]): string | undefined {
  const server = spreadOf(baseline.map(({ serverCpu }) => serverCpu)).median;
  const client = spreadOf(baseline.map(({ clientCpu }) => clientCpu)).median;
  const headroom = server / client;
  if (headroom >= MIN_CLIENT_HEADROOM) return undefined;
  return `the client tops out at ${figure(headroom)} times the baseline`;
}

/** Lines that set each later subject against the first; `aims` by subject name, as a share of the baseline. */
export function lines(
  subjects: readonly Subject[],
  slices: readonly (readonly Slice[])[],
  aims: Readonly<Record<string, number>> = {},
): Line[] {
  const [baseline] = slices;
  const first = subjects[0]!;
  const reason = first.perRequest === undefined ? voidReason(baseline!) : undefined;
  const costs = (of: readonly Slice[]) => of.map(({ serverCpu }) => serverCpu);
  return subjects.slice(1).map((subject, i) => {
    const own = slices[i + 1]!;
    const share = shareOf(costs(baseline!), costs(own));
    const aim = aims[subject.name];
    return {
      what: subject.name,
      baseline: first.name,
      value: withSpread(share),
      ...(aim === undefined ? {} : { aim: `≥ ${aim}`, ...metBy(share, aim) }),
      beside: `${microseconds(own)} against ${microseconds(baseline!)} µs of CPU${rates(subject, own, baseline!)}`,
      ...(reason === undefined ? {} : { void: reason }),
    };
  });
}

/** Half of the rounds on either side of an aim decide nothing. */
function metBy({ low, high }: Spread, aim: number): Pick<Line, "met"> {
  if (low >= aim) return { met: true };
  return high < aim ? { met: false } : {};
}

const microseconds = (slices: readonly Slice[]): string =>
  figure(spreadOf(slices.map(({ serverCpu }) => serverCpu * 1e6)).median);

function rates({ perRequest }: Subject, own: readonly Slice[], baseline: readonly Slice[]): string {
  if (perRequest !== undefined) return "";
  const rate = (of: readonly Slice[]) => figure(spreadOf(of.map(({ wall }) => 1 / wall)).median);
  return `; ${rate(own)} against ${rate(baseline)} a second`;
}
