/** Entities as the lines of a tree. */

import type { EntityView } from "../../client/index.ts";

export interface Line {
  readonly entity: EntityView;
  readonly depth: number;
  readonly children: number;
  readonly open: boolean;
}

export interface TreeOptions {
  /** Ids whose children are hidden. */
  readonly closed: ReadonlySet<string>;
  /** Words that an id has to hold, all of them. A match brings the entities above it along. */
  readonly filter: string;
  readonly retired: boolean;
}

const byId = (a: EntityView, b: EntityView): number => (a.entity < b.entity ? -1 : a.entity > b.entity ? 1 : 0);

/** Children of each id, by id; those without a parent, or whose parent is not shown, under "". */
export function childrenOf(entities: Iterable<EntityView>): Map<string, EntityView[]> {
  const all = [...entities];
  const known = new Set(all.map(({ entity }) => entity));
  const children = new Map<string, EntityView[]>();
  for (const one of all.toSorted(byId)) {
    const parent = one.parent !== null && known.has(one.parent) ? one.parent : "";
    const siblings = children.get(parent) ?? [];
    siblings.push(one);
    children.set(parent, siblings);
  }
  return children;
}

/** The lines to show, in order. */
export function linesOf(entities: Iterable<EntityView>, { closed, filter, retired }: TreeOptions): Line[] {
  const shown = [...entities].filter((one) => retired || one.retired !== true);
  const children = childrenOf(shown);
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = ({ entity }: EntityView): boolean => words.every((word) => entity.toLowerCase().includes(word));
  const lines: Line[] = [];
  const visit = (one: EntityView, depth: number): boolean => {
    const at = lines.length;
    const below = children.get(one.entity) ?? [];
    const open = words.length > 0 || !closed.has(one.entity);
    lines.push({ entity: one, depth, children: below.length, open });
    let found = words.length === 0 || fits(one);
    if (open) for (const child of below) found = visit(child, depth + 1) || found;
    if (!found) lines.length = at;
    return found;
  };
  for (const root of children.get("") ?? []) visit(root, 0);
  return lines;
}

/** Everything below an entity, with its depth: what a bump of it may move. */
export function cascadeOf(entities: Iterable<EntityView>, id: string): { entity: EntityView; depth: number }[] {
  const children = childrenOf(entities);
  const found: { entity: EntityView; depth: number }[] = [];
  const visit = (parent: string, depth: number): void => {
    for (const entity of children.get(parent) ?? []) {
      found.push({ entity, depth });
      visit(entity.entity, depth + 1);
    }
  };
  visit(id, 1);
  return found;
}

/** What is drawn before one line of a cascade, from the left: nothing, a line that goes on, one that turns to it. */
export type Branch = "none" | "on" | "last" | "turn";

/** The lines of a cascade with the branches that lead to each: `last` has more beside it further down, `turn` has not. */
export function branchesOf(
  cascade: readonly { readonly entity: EntityView; readonly depth: number }[],
): { readonly entity: EntityView; readonly branches: readonly Branch[] }[] {
  const goesOn = new Set<number>();
  const lines = cascade.toReversed().map(({ entity, depth }) => {
    for (const deeper of goesOn) if (deeper > depth) goesOn.delete(deeper);
    const branches = Array.from({ length: depth }, (_, index): Branch => {
      const level = index + 1;
      if (level === depth) return goesOn.has(level) ? "last" : "turn";
      return goesOn.has(level) ? "on" : "none";
    });
    goesOn.add(depth);
    return { entity, branches };
  });
  return lines.toReversed();
}
