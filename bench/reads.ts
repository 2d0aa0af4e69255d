/** Signed reads and refusals against the least that a Worker can answer. */

import { declareEntity, ENTITY, startBenchAuthority } from "./authority.ts";
import type { Bench, Line } from "./bench.ts";
import { lines, measure, type Subject } from "./turns.ts";
import { get, nonceRead } from "./wire.ts";
import { startBenchWorker } from "./workerd.ts";

const CONNECTIONS = [1, 64];
const PATH = `/v1/default/entities/${encodeURIComponent(ENTITY)}`;

export const reads: Bench = {
  name: "reads",
  title: "Signed reads",
  method:
    "One entity, read by everybody (the Worker may answer from memory), with a nonce (the object signs each answer), and one that does not exist (a signed problem document), against a Worker that answers `hello`. Beside them a Worker that sends as many bytes in as many headers as a signed answer has, out of a constant: what is left between it and a hot read is our code.",
  async run({ effort, note, worker }) {
    await using hello = await startBenchWorker({ entry: "hello.ts" });
    await using constant = await startBenchWorker({ entry: "constant.ts" });
    await using ours = await startBenchAuthority({ worker });
    await declareEntity(ours);
    const { port, workerdPid: pid } = ours.authority;
    const found: Line[] = [];
    for (const connections of CONNECTIONS) {
      note(`reads, ${connections} at once`);
      const of = (name: string, status: number, request: () => string): Subject => ({
        name: `${name}, ${connections} at once`,
        pid,
        port,
        connections,
        status,
        request,
      });
      const hot = get(port, PATH);
      const missing = get(port, "/v1/default/entities/component:none");
      const subjects: Subject[] = [
        {
          ...of("hello", 200, () => get(hello.port, "/")),
          pid: hello.pid,
          port: hello.port,
        },
        {
          ...of("the same bytes from a constant", 200, () => get(constant.port, PATH)),
          pid: constant.pid,
          port: constant.port,
        },
        // Between two slices an answer grows too old: it is hot again after one read.
        {
          ...of("hot read", 200, () => hot),
          warm: () => fetch(ours.authority.url + PATH).then((answer) => answer.text()),
        },
        of("nonce read", 200, () => nonceRead(port, PATH)),
        of("problem answer", 404, () => missing),
      ];
      const slices = await measure(subjects, effort);
      found.push(...lines(subjects, slices, { [`hot read, ${connections} at once`]: 0.8 }));
    }
    return found;
  },
};
