/** Two sizes of one log compared: what each entity was at both, each side held against the statement that made it so. */

import { type DiffAnswer, type EntityView, explainReceipt, type TesClient, TesError } from "../../client/index.ts";
import type { Proof, Proofs } from "./proofs.ts";
import { asTesError, type Standing, verdictOf } from "./verdict.ts";
import { versionIn } from "./words.ts";

export type Changed = DiffAnswer["changes"][number];

/** An entity at one size. */
export interface Side extends Proof {
  /** Undefined where the answer says that it was not there: no statement can prove that. */
  readonly view: EntityView | undefined;
  /** The statement that gave it its version. */
  readonly by?: number | undefined;
}

/** A size of the log, with its root computed here. */
export interface Ground {
  readonly size: number;
  /** Hex. */
  readonly root: string;
  /** Size of the signed head that this root was found below. */
  readonly head: number;
}

export interface Row {
  readonly before: Side;
  readonly after: Side;
  /** Of both together: no better than the worse one. */
  readonly standing: Standing;
}

/** Which statement gave a retired entity its last version; undefined while that is not known. */
export type VersionedBy = (view: EntityView) => number | undefined;

const RANK: readonly Standing[] = ["refused", "outage", "checking", "unchecked", "proven"];

/** The worst of several. */
export const worstOf = (standings: readonly Standing[]): Standing =>
  RANK.find((one) => standings.includes(one)) ?? "unchecked";

const refuse = (detail: string): Pick<Proof, "standing" | "error"> => ({
  standing: "refused",
  error: new TesError("proof_invalid", { detail }),
});

/** Holds both sides of a change against the statements behind them, as far as those are proved by now. */
export function rowOf(
  proofs: Pick<Proofs, "of">,
  { from, to }: Pick<DiffAnswer, "from" | "to">,
  { entity, before, after }: Changed,
  versionedBy: VersionedBy,
): Row {
  const sides = {
    before:
      before === null
        ? { view: undefined, standing: "proven" as const }
        : sideOf(proofs, entity, before, 0, from, versionedBy),
    after:
      after === null
        ? { view: undefined, ...refuse(`${entity} was in the log, and no log loses an entity.`) }
        : sideOf(proofs, entity, after, from, to, versionedBy),
  };
  return { ...sides, standing: worstOf([sides.before.standing, sides.after.standing]) };
}

/** What was changed after `from` was changed by a statement from there on; what was so at a size, by one below it. */
function sideOf(
  proofs: Pick<Proofs, "of">,
  entity: string,
  view: EntityView,
  from: number,
  to: number,
  versionedBy: VersionedBy,
): Side {
  if (view.entity !== entity) return { view, ...refuse(`It speaks of ${view.entity} in place of ${entity}.`) };
  if (view.seq < from || view.seq >= to) {
    return { view, ...refuse(`Statement ${view.seq} is said to stand between ${from} and ${to}.`) };
  }
  const last = proofs.of(view.seq);
  if (last.standing !== "proven") return { view, ...last, by: view.seq };
  if (view.retired !== true) return held(view, last, view.seq);
  if (last.statement?.type !== "entity.retired" || last.statement.entity !== entity) {
    return { view, ...refuse(`Statement ${view.seq} does not retire ${entity}.`), by: view.seq };
  }
  const by = versionedBy(view);
  if (by === undefined) return { view, standing: "checking" };
  if (by >= view.seq) return { view, ...refuse(`Statement ${by} came after it was retired.`), by };
  const proof = proofs.of(by);
  return proof.standing === "proven" ? held(view, proof, by) : { view, ...proof, by };
}

/** Whether a proved statement gives the entity the version that was answered. */
function held(view: EntityView, proof: Proof, by: number): Side {
  // Of a kind that this page cannot read: it is in the log, and what it says is not known here.
  if (proof.statement === undefined) return { view, standing: "unchecked", by };
  const said = versionIn(proof.statement, view.entity);
  if (said === view.version) return { view, ...proof, by };
  if (proof.statement.type === "registry.restored" && said === undefined) return { view, standing: "unchecked", by };
  const says = said === undefined ? "says nothing of it" : `says ${said}`;
  return { view, ...refuse(`The answer shows ${view.entity} at ${view.version}, and statement ${by} ${says}.`), by };
}

/**
 * The root of the log at a size, out of the proof of the statement that came next: what stands on the left of its way to
 * a signed head is all that there was before. So every size whose root is found like this is a beginning of one log.
 *
 * @throws what the client and its proofs find
 */
export async function groundOf(
  client: Pick<TesClient, "checkpoint" | "trust">,
  proofs: Pick<Proofs, "receipt">,
  size: number,
  known: number,
): Promise<Ground> {
  if (size >= known) {
    const { size: head, root } = await client.checkpoint();
    if (head < size)
      throw new TesError("checkpoint_stale", { detail: `It ends at ${head}, and ${size} was compared.` });
    if (head === size) return { size, root: hex(root), head };
  }
  const { receipt } = await proofs.receipt(size);
  const { before, refused, checkpoint } = await explainReceipt(receipt, await client.trust());
  const [error] = Object.values(refused);
  if (error !== undefined) throw error;
  return { size, root: before, head: checkpoint?.size ?? 0 };
}

const hex = (bytes: Uint8Array): string => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/** What a comparison needs of the registry that is shown. */
export interface ComparedIn {
  readonly client: Pick<TesClient, "checkpoint" | "trust" | "history">;
  readonly proofs: Proofs;
  readonly size: number;
  failed(thrown: unknown, what: string): void;
  tell(): void;
}

/** Statements that are looked at for the version of an entity that is retired by now. */
const LOOK_BACK = 50;

/** One comparison while it is looked at: proofs come in, and what was refused is told once. */
export class Compared {
  readonly diff: DiffAnswer;
  /** The roots at both sizes, once they are proved. */
  grounds: readonly [from: Ground, to: Ground] | undefined;
  error: TesError | undefined;
  readonly #in: ComparedIn;
  readonly #versionedBy = new Map<number, number | undefined>();
  readonly #told = new Set<string>();

  constructor(registry: ComparedIn, diff: DiffAnswer) {
    this.#in = registry;
    this.diff = diff;
  }

  /** Asks for what proves both sides of every change, and for the roots at both sizes. */
  async prove(): Promise<void> {
    const { proofs } = this.#in;
    for (const { before, after } of this.diff.changes.toReversed()) {
      for (const view of [after, before]) {
        if (view === null) continue;
        proofs.want(view.seq);
        if (view.retired === true) void this.#findVersion(view);
      }
    }
    await this.#ground();
  }

  /** What the two roots came to. */
  get ground(): Standing {
    if (this.grounds !== undefined) return "proven";
    return this.error === undefined ? "checking" : verdictOf(this.error, 0).standing;
  }

  row(change: Changed): Row {
    const row = rowOf(this.#in.proofs, this.diff, change, ({ seq }) => this.#versionedBy.get(seq));
    for (const { standing, error } of [row.before, row.after]) {
      if (standing !== "refused" || error === undefined || this.#told.has(change.entity)) continue;
      this.#told.add(change.entity);
      this.#in.failed(error, `the comparison of ${this.diff.from} with ${this.diff.to}, ${change.entity}`);
    }
    return { ...row, standing: worstOf([row.standing, this.ground]) };
  }

  async #ground(): Promise<void> {
    const { client, proofs, size } = this.#in;
    try {
      const of = (at: number): Promise<Ground> => groundOf(client, proofs, at, size);
      this.grounds = await Promise.all([of(this.diff.from), of(this.diff.to)]);
    } catch (thrown) {
      this.error = asTesError(thrown);
      this.#in.failed(thrown, "the roots of two sizes");
    }
    this.#in.tell();
  }

  /** A statement that retires names no version: the one before it that touched the entity does. */
  async #findVersion({ entity, seq }: EntityView): Promise<void> {
    if (this.#versionedBy.has(seq)) return;
    this.#versionedBy.set(seq, undefined);
    try {
      const { entries } = await this.#in.client.history(entity, { limit: LOOK_BACK });
      const found = entries.find((one) => one.seq < seq && one.type !== "entity.retired");
      if (found === undefined) return;
      this.#versionedBy.set(seq, found.seq);
      this.#in.proofs.want(found.seq);
    } catch (thrown) {
      this.#versionedBy.delete(seq);
      this.#in.failed(thrown, `the history of ${entity}`);
    }
    this.#in.tell();
  }
}
