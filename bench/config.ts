/** `tes config audit`: as a process against the real dry run, and in process against the founding document's figure. */

import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { auditConfig } from "../src/cli/config/audit.ts";
import { parseConfig } from "../src/cli/config/parse.ts";
import type { Bench, BenchContext, Line } from "./bench.ts";
import { figure, shareOf, spreadOf, withSpread } from "./statistics.ts";

const ROOT = join(import.meta.dirname, "..");
const CORPUS = join(ROOT, "test", "corpus", "config");
/** The configuration of the founding document: nested migrations, new_classes, one bound class. */
const FOUNDING = join(CORPUS, "toml", "nested-founding.toml");
/** Node as a user has it; the one that vitest uses is a package too. */
const NODE = join(ROOT, "node_modules", ".bin", "node");
/** "Config Parse: 0.00012s". */
const CLAIMED_MS = 0.12;
const AIM_TIMES = 20;
/** Enough that one slice of a busy machine does not decide a round. */
const WARM_CALLS = 1_000;

interface Cost {
  readonly wallMs: number;
  /** With everything it started and waited for. */
  readonly cpuMs: number;
}

async function timeProcess(command: readonly string[], cwd: string): Promise<Cost> {
  const begun = performance.now();
  const child = Bun.spawn([...command], {
    cwd,
    stdout: "ignore",
    stderr: "ignore",
    env: { ...process.env, WRANGLER_HIDE_BANNER: "true", WRANGLER_SEND_METRICS: "false", CI: "1" },
  });
  const code = await child.exited;
  if (code > 1) throw new Error(`${command.join(" ")} ended with ${code}`);
  return { wallMs: performance.now() - begun, cpuMs: Number(child.resourceUsage()!.cpuTime.total) / 1_000 };
}

async function processes({ effort, note }: BenchContext): Promise<Line[]> {
  const folder = await mkdtemp(join(tmpdir(), "tes-bench-config-"));
  try {
    await cp(join(CORPUS, "src"), join(folder, "src"), { recursive: true });
    const text = await readFile(FOUNDING, "utf8");
    await writeFile(join(folder, "wrangler.toml"), text.replace("../src/", "src/"));
    const wrangler = [
      NODE,
      join(ROOT, "node_modules/wrangler/bin/wrangler.js"),
      "deploy",
      "--dry-run",
      "--outdir=out",
      "--env=",
    ];
    const subjects = [
      ["node bin/tes.mjs config audit", [NODE, join(ROOT, "bin/tes.mjs"), "config", "audit", "wrangler.toml"]],
      [
        "bun src/cli/entry.ts config audit",
        [process.execPath, join(ROOT, "src/cli/entry.ts"), "config", "audit", "wrangler.toml"],
      ],
    ] as const;
    const baseline: Cost[] = [];
    const costs: Cost[][] = subjects.map(() => []);
    note(`${effort.rounds} rounds of wrangler deploy --dry-run and tes config audit`);
    for (let round = -1; round < effort.rounds; round++) {
      const dry = await timeProcess(wrangler, folder);
      for (const [i, [, command]] of subjects.entries()) {
        const cost = await timeProcess(command, folder);
        // The first round warms the disk's cache and counts for nothing.
        if (round >= 0) costs[i]!.push(cost);
      }
      if (round >= 0) baseline.push(dry);
    }
    const median = (of: readonly Cost[], key: keyof Cost): string =>
      figure(spreadOf(of.map((cost) => cost[key])).median);
    return subjects.map(([name], i): Line => {
      const own = costs[i]!;
      const times = shareOf(
        baseline.map(({ wallMs }) => wallMs),
        own.map(({ wallMs }) => wallMs),
      );
      const cpu = shareOf(
        baseline.map(({ cpuMs }) => cpuMs),
        own.map(({ cpuMs }) => cpuMs),
      );
      return {
        what: `\`${name}\`, times faster`,
        baseline: `\`wrangler deploy --dry-run\`, one environment: ${median(baseline, "wallMs")} ms`,
        value: withSpread(times),
        aim: `${AIM_TIMES}`,
        met: times.median >= AIM_TIMES,
        beside: `${median(own, "wallMs")} ms; ${figure(cpu.median)} times less CPU time (${median(own, "cpuMs")} ms)`,
      };
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function inProcess({ effort, note }: BenchContext): Promise<Line[]> {
  note("the founding document's configuration, in process");
  const text = await readFile(FOUNDING, "utf8");
  const cold: number[] = [];
  for (let round = 0; round < effort.rounds; round++) {
    const child = Bun.spawn([process.execPath, join(import.meta.dirname, "config-cold.ts"), FOUNDING], {
      stderr: "inherit",
    });
    cold.push(Number(await new Response(child.stdout).text()));
  }
  const warm = (work: () => unknown): number[] => {
    const rounds: number[] = [];
    for (let round = -3; round < effort.rounds; round++) {
      const begun = process.cpuUsage();
      for (let call = 0; call < WARM_CALLS; call++) work();
      const { user, system } = process.cpuUsage(begun);
      if (round >= 0) rounds.push((user + system) / 1_000 / WARM_CALLS);
    }
    return rounds;
  };
  const line = (what: string, values: readonly number[], aims: boolean): Line => {
    const spread = spreadOf(values);
    const aim = aims ? { aim: `${CLAIMED_MS} ms`, met: spread.median <= CLAIMED_MS } : {};
    return { what, value: `${withSpread(spread)} ms`, ...aim };
  };
  return [
    line(
      "audit, warm",
      warm(() => auditConfig({ path: "wrangler.toml", text })),
      true,
    ),
    line(
      "parse alone, warm",
      warm(() => parseConfig("wrangler.toml", text)),
      true,
    ),
    line("audit, the first one of a process", cold, false),
  ];
}

export const config: Bench = {
  name: "config",
  title: "Configuration audit",
  method:
    "The founding document's configuration. Whole processes take turns, wall-clock time from start to exit; a dry run sees one environment, an audit all of them. In process, CPU time of a call: 1,000 calls a round when warm, the first call of a fresh process without its imports when cold. Medians, with the first and third quartile.",
  run: async (context) => [...(await processes(context)), ...(await inProcess(context))],
};
