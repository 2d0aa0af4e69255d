/** `tes start`: the whole of the main job on the checkout at hand, step by step, and then it serves. */

import { copyFile, mkdir, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { Command } from "commander";
import { createClient, type TesClient } from "../../client/client.ts";
import { verifyReceipt } from "../../client/receipt.ts";
import { equalBytes } from "../../core/bytes.ts";
import { TesError } from "../../core/errors.ts";
import { parseMasterKey } from "../../core/keys.ts";
import type { BumpAnswer, EntityView } from "../../protocol/answers.ts";
import { declarationOf, type RegistryFile } from "../../protocol/registry-file.ts";
import { findCheckout } from "../checkout.ts";
import { showElapsed } from "../duration.ts";
import { applyEdits, planEdits } from "../files.ts";
import { prepareAdminToken, prepareKeys } from "../founding.ts";
import { codeOf, reasonOf } from "../local/data.ts";
import { parsePort, USUAL_PORT } from "../local/port.ts";
import type { Authority } from "../local/workerd.ts";
import { type CommandIo, paint, printable, printJson } from "../output.ts";
import { dataPins, localKey } from "../own-pins.ts";
import { proposeRegistryFile } from "../proposal.ts";
import { DEFAULT_DATA } from "../reach.ts";
import { declareAll } from "./entity.ts";
import { adviseRecovery, hasBegun } from "./init.ts";
import { dashboardUrl, openAuthority, type ServeOptions, signingKeys, stopSignal, untilStopped } from "./serve.ts";

interface StartFlags extends ServeOptions {
  readonly exit?: true;
}

const REGISTRY = "default";
/** Copies of the files that carry versions, so that the checkout itself stays as it is. */
const SCRATCH = "checkout";

export function startCommand(io: CommandIo): Command {
  return new Command("start")
    .description("Do the main job once on this checkout, step by step, then serve until Ctrl-C.")
    .option("--port <n>", `port on 127.0.0.1; 0 picks a free one (default: ${USUAL_PORT}, or a free one)`, parsePort)
    .option("--data <dir>", "data directory", DEFAULT_DATA)
    .option("--key-file <file>", "file with the signing key (default: signing.key in the data directory)")
    .option("--exit", "stop after the main job")
    .addHelpText("after", "\nExample:\n  $ tes start --exit")
    .action(async (flags: StartFlags) => {
      const stop = stopSignal();
      const steps = createSteps(io);
      let authority: Authority | undefined;
      try {
        authority = await mainJob(io, flags, steps, (running) => {
          authority = running;
        });
        if (io.json) printJson(io, { url: authority.url, pid: authority.pid, workerdPid: authority.workerdPid });
        else io.stdout(whatNext(io, authority, flags));
        if (flags.exit !== true) await untilStopped(authority, stop.asked);
      } finally {
        await authority?.stop();
        stop.ignore();
      }
    });
}

/** Runs steps one after another and says of each what came of it and how long it took. */
interface Steps {
  run<T>(name: string, work: () => Promise<T>, say: (result: T) => string): Promise<T>;
}

const NAME_WIDTH = 22;
const TIME_WIDTH = 8;

function createSteps(io: CommandIo): Steps {
  const color = paint(io);
  let began = false;
  return {
    async run(name, work, say) {
      if (!began && !io.json) {
        io.stdout(color.dim(`${"step".padEnd(NAME_WIDTH)}  ${"time".padStart(TIME_WIDTH)}  result\n`));
      }
      began = true;
      const start = performance.now();
      const result = await work();
      const ms = performance.now() - start;
      if (io.json) printJson(io, { step: name, ms: Math.round(ms), result: say(result) });
      else {
        const time = showElapsed(ms).padStart(TIME_WIDTH);
        io.stdout(`${name.padEnd(NAME_WIDTH)}  ${color.dim(time)}  ${printable(say(result))}\n`);
      }
      return result;
    },
  };
}

async function mainJob(
  io: CommandIo,
  flags: StartFlags,
  steps: Steps,
  running: (authority: Authority) => void,
): Promise<Authority> {
  const dataDir = resolve(io.cwd, flags.data);
  const given = flags.keyFile !== undefined || (io.env.VERSION_SIGNING_KEY ?? "") !== "";
  const keys = await steps.run(
    "keys",
    () => prepareKeys(dataDir, given, () => hasBegun(io, flags, null)),
    ({ signing, recovery }) => `signing key ${signing}, recovery key ${recovery}, in ${flags.data} with mode 0600`,
  );
  const { paths } = keys;
  let authority = await steps.run(
    "authority",
    () => openAuthority(io, flags),
    ({ url }) => `workerd answers on ${url}`,
  );
  running(authority);
  const master = (await signingKeys(io, dataDir, flags.keyFile)).VERSION_SIGNING_KEY;
  if (master === undefined) {
    throw new TesError("signing_key_missing", {
      detail: `The registry in ${flags.data} began under a key of its own, from which no token can be minted. tes serve serves it.`,
    });
  }
  const { token, made } = await prepareAdminToken(paths, parseMasterKey(master), REGISTRY, io.now());
  const store = dataPins(io, paths);
  const clientOf = (url: string) =>
    createClient({ url, token, store, pinKey: localKey(REGISTRY), trustFirst: true, now: io.now });
  let client = clientOf(authority.url);
  await steps.run(
    "genesis and token",
    () => client.trust(),
    ({ genesis }) => `genesis ${genesis.slice(0, 16)}…, operator's token ${made ? "minted" : "kept"}`,
  );
  const { root, file } = await steps.run(
    "tes.registry.json",
    () => checkoutOr(io),
    (checkout) => `${checkout.file.entities.length} entities${checkout.proposed ? ", proposed: no file is here" : ""}`,
  );
  await steps.run(
    "declare entities",
    () => declareAll(client, file.entities.map(declarationOf)),
    ({ written, unchanged }) => `${written.length} declared, ${unchanged.length} as they were`,
  );
  const chosen = leader(await client.entities());
  const bumped = await steps.run(
    `bump ${chosen.entity}`,
    () => client.bump({ entity: chosen.entity, scope: "minor" }),
    ({ changes, receipt }) => `${showChanges(changes)}, statement ${receipt!.statement.seq}`,
  );
  const receipt = bumped.receipt!;
  await steps.run(
    "write files",
    () => writeFiles(root, join(paths.root, SCRATCH), bumped.changes, client),
    (written) => `${written.length} changed in ${join(flags.data, SCRATCH)}: ${written.join(", ") || "none"}`,
  );
  const trust = await client.trust();
  await steps.run(
    "verify",
    async () => {
      // Once more by hand: the client has checked digest, signatures, nonce and proof before it returned.
      const { checkpoint } = await verifyReceipt(JSON.parse(JSON.stringify(receipt.receipt)), trust);
      await client.keys();
      return checkpoint;
    },
    ({ size }) => `receipt proves inclusion in a log of size ${size}; keys chain from the genesis`,
  );
  const before = await client.checkpoint();
  authority = await steps.run(
    "kill -9, start again",
    async () => {
      const { port } = authority;
      process.kill(authority.workerdPid, "SIGKILL");
      await authority.exited;
      await authority.stop();
      const again = await openAuthority(io, { ...flags, port });
      running(again);
      return again;
    },
    ({ url }) => `workerd answers on ${url}`,
  );
  client = clientOf(authority.url);
  await steps.run(
    "nothing was lost",
    async () => {
      const after = await client.checkpoint();
      if (after.size !== before.size || !equalBytes(after.root, before.root)) {
        throw new TesError("checkpoint_inconsistent", { detail: `Size was ${before.size} and is ${after.size}.` });
      }
      await client.receipt(receipt.statement.seq);
      return after;
    },
    ({ size }) => `same size ${size}, same root, and statement ${receipt.statement.seq} still proves`,
  );
  if (keys.recovery === "made" && !io.json) adviseRecovery(io, paths.recoveryKey);
  return authority;
}

async function checkoutOr(io: CommandIo): Promise<{ root: string; file: RegistryFile; proposed: boolean }> {
  const found = await findCheckout(io.cwd);
  if (found !== null) return { root: found.root, file: found.file, proposed: false };
  return { root: io.cwd, file: (await proposeRegistryFile(io.cwd, REGISTRY)).file, proposed: true };
}

/** The root with the most below it: where a cascade shows best. */
function leader(entities: readonly EntityView[]): EntityView {
  const below = (id: string): number =>
    entities.filter(({ parent }) => parent === id).reduce((sum, child) => sum + 1 + below(child.entity), 0);
  const roots = entities.filter(({ parent }) => parent === null);
  const [first] = roots.sort((a, b) => below(b.entity) - below(a.entity));
  if (first === undefined) throw new TesError("nothing_to_bump", { detail: "The registry file lists no entities." });
  return first;
}

/** Writes new versions into copies of the files. Copies are kept from start to start, as the versions are. */
async function writeFiles(
  root: string,
  scratch: string,
  changes: BumpAnswer["changes"],
  client: TesClient,
): Promise<string[]> {
  const views = new Map((await client.entities()).map((view) => [view.entity, view]));
  const carried = changes.map((change) => ({ ...change, files: views.get(change.entity)?.files ?? [] }));
  for (const { path } of carried.flatMap(({ files }) => files)) await copyOnce(join(root, path), join(scratch, path));
  if (carried.every(({ files }) => files.length === 0)) return [];
  const plan = await planEdits(scratch, carried);
  return applyEdits(plan.edits);
}

async function copyOnce(from: string, to: string): Promise<void> {
  try {
    await stat(to);
  } catch (thrown) {
    if (codeOf(thrown) !== "ENOENT") throw new TesError("file_unreadable", { detail: reasonOf(thrown), cause: thrown });
    try {
      await mkdir(dirname(to), { recursive: true });
      await copyFile(from, to);
    } catch (cause) {
      throw new TesError("file_unreadable", { detail: `${from}: ${reasonOf(cause)}`, cause });
    }
  }
}

function showChanges(changes: BumpAnswer["changes"]): string {
  return changes.map(({ entity, from, to }) => `${entity} ${from} → ${to}`).join(", ");
}

function whatNext(io: CommandIo, { url }: Authority, flags: StartFlags): string {
  const color = paint(io);
  const data = flags.data === DEFAULT_DATA ? "" : ` --data ${flags.data}`;
  const run = "npm run -s tes --";
  const lines = [
    `${run} bump global:main patch --dry-run${data}`,
    `${run} entity list${data}`,
    `${run} verify${data}`,
    `curl -i ${url}/v1/${REGISTRY}`,
  ];
  const head =
    flags.exit === true
      ? `Start it again with npm start, then try:`
      : `Serving on ${color.bold(url)}, dashboard on ${color.bold(dashboardUrl({ url }))}. Try:`;
  const foot = flags.exit === true ? "" : "Stop with Ctrl-C.\n";
  return `\n${head}\n${lines.map((line) => `  ${color.cyan(line)}\n`).join("")}${foot}`;
}
