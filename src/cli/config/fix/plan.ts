/** What a fix would do, and what it leaves alone because two mends would be right, or none. Pure: no text is touched. */

import { namedBindings } from "../checks/bindings.ts";
import { type ExportedClasses, exportsMention } from "../checks/classes.ts";
import { migrationsOf } from "../migrations.ts";
import { durableExports, inherited, isPagesProject, migrationItems, ownBindings, type Worker } from "../model.ts";
import { replayMigrations } from "../replay.ts";
import type { RuleId } from "../rules.ts";
import {
  asObject,
  asString,
  type ConfigNode,
  type Entry,
  entryOf,
  nodeAt,
  type ObjectNode,
  type Span,
} from "../tree.ts";

/** One mend of one Worker. `env` is null for the top level. */
export type Mend =
  | {
      readonly kind: "move";
      readonly env: string | null;
      readonly nested: Entry;
      /** The nested migrations to append to `migrations`; the others stand there already. */
      readonly kept: readonly ConfigNode[];
    }
  | { readonly kind: "create"; readonly env: string | null; readonly tag: string; readonly classes: readonly string[] }
  | { readonly kind: "require"; readonly env: string; readonly names: readonly string[] };

/** A fault that could be mended, and is not. */
export interface Refusal {
  readonly rule: RuleId;
  readonly env: string | null;
  readonly place: Span;
  readonly reason: string;
}

export interface Plan {
  readonly mends: readonly Mend[];
  readonly refusals: readonly Refusal[];
}

/** The tag of a first migration. */
const FIRST_TAG = "v1";

export function planMends(root: ObjectNode, workers: readonly Worker[], exported: ExportedClasses): Plan {
  if (isPagesProject(root)) return { mends: [], refusals: [] };
  const steps = [...planMoves(workers), ...planCreations(workers, exported), ...planSecrets(workers)];
  return {
    mends: steps.filter((step) => "kind" in step),
    refusals: steps.filter((step) => "reason" in step),
  };
}

type Step = Mend | Refusal;

const named = (text: string): string => JSON.stringify(text);
const listed = (names: readonly string[]): string => names.map(named).join(", ");
const shown = (env: string | null): string => (env === null ? "the top level" : `env.${env}`);

// Nested migrations.

function planMoves(workers: readonly Worker[]): Step[] {
  const steps: Step[] = [];
  let topRefused = false;
  for (const worker of workers) {
    const { nested, own } = migrationsOf(worker);
    if (nested === undefined) continue;
    const { env } = worker;
    const waits = env !== null && own === undefined && topRefused;
    const reason = waits
      ? "it inherits the top level's migrations, and those have to be settled first"
      : reasonAgainstMove(worker, workers);
    if (reason === null) {
      steps.push({ kind: "move", env, nested, kept: migrationsOf(worker).missed });
    } else {
      steps.push({ rule: "migrations-nested", env, place: nested.span, reason });
      topRefused ||= env === null;
    }
  }
  return steps;
}

function reasonAgainstMove(worker: Worker, workers: readonly Worker[]): string | null {
  const { own, nested, base, missed } = migrationsOf(worker);
  const raw = worker.own.entries.get("migrations");
  if (raw !== undefined && raw.node.kind !== "array") {
    return "migrations stands beside them and is not a list; correct that first";
  }
  const items = migrationItems(nested?.node);
  if (nested?.node.kind !== "array" && nested?.node.kind !== "object") return "they are not a list";
  if (items.some((item) => item.kind !== "object")) return "one of them is not a table";
  if (missed.length === 0) return null;
  if (own === undefined && base.length > 0) {
    return `they differ from the ones ${shown(worker.env)} inherits: they may belong at the top level, or in a list of its own`;
  }
  const tags = [...base, ...missed].flatMap((item) => asString(nodeAt(item, "tag")) ?? []);
  const twice = tags.find((tag, i) => tags.indexOf(tag) !== i);
  if (twice !== undefined) return `the tag ${named(twice)} stands for two different migrations`;
  const blocked = [worker, ...(worker.env === null ? workers.filter(inheritsTop) : [])].find(
    (candidate) => durableExports(candidate).length > 0,
  );
  if (blocked !== undefined) {
    return `exports declares Durable Objects for ${shown(blocked.env)}, and the two exclude each other`;
  }
  if (base.length > 0 && faultsOf([...base, ...missed]) > faultsOf(base)) {
    return "they do not fit behind the migrations that are in place, so their order cannot be told";
  }
  return null;
}

function faultsOf(items: readonly ConfigNode[]): number {
  const order = ["migration-class-missing", "migration-class-existing", "migration-storage-switch"];
  return replayMigrations(items).faults.filter((fault) => order.includes(fault.rule)).length;
}

function inheritsTop(worker: Worker): boolean {
  return worker.env !== null && entryOf(worker.own, "migrations") === undefined;
}

// A first migration.

interface Lacking {
  readonly worker: Worker;
  readonly classes: readonly string[];
  readonly place: Span;
}

function planCreations(workers: readonly Worker[], exported: ExportedClasses): Step[] {
  const lacking = workers.flatMap((worker) => lackOf(worker) ?? []);
  const alone = lacking.filter(({ worker }) => worker.own.entries.has("migrations"));
  const inheriting = lacking.filter((lack) => !alone.includes(lack));
  const steps: Step[] = [];
  for (const lack of alone) {
    const raw = lack.worker.own.entries.get("migrations")!;
    const reason =
      raw.node.kind === "array"
        ? notExported(lack, exported)
        : "migrations is there and is not a list; correct that first";
    steps.push(reason === null ? create(lack.worker.env, lack.classes) : refuse(lack, reason));
  }
  return [...steps, ...planShared(workers, inheriting, exported)];
}

/** What a Worker lacks that binds classes of its own and declares none; null when it lacks nothing. */
function lackOf(worker: Worker): Lacking | null {
  const { base, missed } = migrationsOf(worker);
  if (base.length + missed.length + durableExports(worker).length > 0) return null;
  const bindings = ownBindings(worker).filter(({ className }) => !exportsMention(worker, className));
  const classes = [...new Set(bindings.map(({ className }) => className))];
  return classes.length === 0 ? null : { worker, classes, place: bindings[0]!.place };
}

/** Those that would all inherit a list at the top level get one list there, unless that reaches too far. */
function planShared(workers: readonly Worker[], lacking: readonly Lacking[], exported: ExportedClasses): Step[] {
  if (lacking.length === 0) return [];
  const refuseAll = (reason: string): Step[] => lacking.map((lack) => refuse(lack, reason));
  for (const lack of lacking) {
    const reason = notExported(lack, exported);
    if (reason !== null) return refuseAll(reason);
  }
  const inheritors = workers.filter((worker) => !worker.own.entries.has("migrations"));
  const topLacks = lacking.some(({ worker }) => worker.env === null);
  if (!topLacks && lacking.length < inheritors.length) {
    return lacking.map((lack) => create(lack.worker.env, lack.classes));
  }
  const declares = inheritors.find((worker) => durableExports(worker).length > 0);
  if (declares !== undefined) {
    return refuseAll(
      `a migration at the top level would reach ${shown(declares.env)}, where exports declares Durable Objects`,
    );
  }
  const classes = [...new Set(lacking.flatMap((lack) => lack.classes))];
  const mains = new Set(inheritors.map((worker) => asString(inherited(worker, "main")?.node)));
  const alike = lacking.length === inheritors.length && lacking.every((lack) => lack.classes.length === classes.length);
  if (mains.size > 1 && !alike) {
    return refuseAll("the environments have different entry points and bind different classes");
  }
  return [create(null, classes)];
}

/** A class that the code does not export would only fail later, with 10070. */
function notExported({ worker, classes }: Lacking, exported: ExportedClasses): string | null {
  const main = asString(inherited(worker, "main")?.node);
  const names = main === undefined || !Object.hasOwn(exported, main) ? null : exported[main];
  const missing = names === null || names === undefined ? [] : classes.filter((name) => !names.includes(name));
  return missing.length === 0 ? null : `${main} does not export ${listed(missing)}; correct the name or the code first`;
}

function create(env: string | null, classes: readonly string[]): Mend {
  return { kind: "create", env, tag: FIRST_TAG, classes };
}

function refuse({ worker, place }: Lacking, reason: string): Refusal {
  return { rule: "lifecycle-missing", env: worker.env, place, reason };
}

// [secrets] required.

function planSecrets(workers: readonly Worker[]): Step[] {
  const [top, ...envs] = workers;
  const above = entryOf(top!.own, "secrets");
  if (above === undefined) return [];
  return envs
    .filter((worker) => entryOf(worker.own, "secrets") === undefined)
    .map((worker): Step => {
      const env = worker.env!;
      const refusal = (reason: string): Refusal => ({
        rule: "secrets-not-inherited",
        env,
        place: worker.place,
        reason,
      });
      const required = asObject(above.node)?.entries.get("required")?.node;
      const items = required?.kind === "array" ? required.items.map(asString) : undefined;
      const names = items?.filter((name) => name !== undefined);
      if (names === undefined || names.length !== items?.length) {
        return refusal("secrets at the top level is not a list of names; correct that first");
      }
      if (worker.own.entries.has("secrets")) return refusal("secrets is null there, which may be meant");
      const taken = namedBindings(worker).map(({ name }) => name);
      const clash = names.filter((name) => taken.includes(name));
      if (clash.length > 0) return refusal(`${listed(clash)} is something else there already`);
      return { kind: "require", env, names };
    });
}
