/** Bumps against the least that an object can store. */

import { declareEntity, startBenchAuthority } from "./authority.ts";
import type { Bench, Line } from "./bench.ts";
import { lines, measure, type Subject } from "./turns.ts";
import { bump, post } from "./wire.ts";
import { startBenchWorker } from "./workerd.ts";

const WRITERS = [1, 8, 64];

export const writes: Bench = {
  name: "writes",
  title: "Bumps",
  method:
    "A bump as the client sends it (token, Content-Digest, Idempotency-Key), answered with a signed receipt, against an object that inserts one row a request and says `stored`.",
  async run({ effort, note, worker }) {
    await using bare = await startBenchWorker({ entry: "insert.ts", object: true });
    await using ours = await startBenchAuthority({ worker });
    await declareEntity(ours);
    const insert = post(bare.port, "/", {}, "x".repeat(300));
    const found: Line[] = [];
    for (const connections of WRITERS) {
      note(`writes, ${connections} writers`);
      const writers = `${connections} writer${connections === 1 ? "" : "s"}`;
      const common = { connections, status: 200 };
      const subjects: Subject[] = [
        { ...common, name: `bare insert, ${writers}`, pid: bare.pid, port: bare.port, request: () => insert },
        {
          ...common,
          name: `bump, ${writers}`,
          pid: ours.authority.workerdPid,
          port: ours.authority.port,
          request: () => bump(ours),
        },
      ];
      found.push(...lines(subjects, await measure(subjects, effort), { "bump, 64 writers": 0.6 }));
    }
    return found;
  },
};
