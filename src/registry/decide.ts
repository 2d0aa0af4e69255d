/** The rules: what a command comes to, given the state. Pure; nothing here knows time, keys or storage. */
import { TesError } from "../core/errors.ts";
import type { BumpRequest } from "../protocol/requests.ts";
import type { Genesis, StatementBody } from "../protocol/statements.ts";
import { planBump } from "./bump.ts";
import { type DeclareCommand, decideDeclare } from "./declare.ts";
import type { Rows } from "./rows.ts";

export { planBump } from "./bump.ts";
export { type DeclareCommand, declareCommands } from "./declare.ts";

/** Opens the registry. Keys and origin come resolved: they depend on what holds the master key. */
export interface GenesisCommand extends Pick<Genesis, "visibility" | "origin" | "keys" | "recovery"> {
  readonly kind: "genesis";
}

export interface BumpCommand {
  readonly kind: "bump";
  /** As `parseBumpRequest` gave it. `dryRun` is the caller's to heed: use {@link planBump} then. */
  readonly request: BumpRequest;
}

export type Command = GenesisCommand | DeclareCommand | BumpCommand;

/**
 * Decides one command: the body of the statement that makes it so, or null when it already is so and nothing is to be
 * written (a declaration that changes nothing).
 *
 * @throws registry_unknown before genesis, genesis_exists after; otherwise as the command's own rules say:
 * {@link planBump}, `decideDeclare`.
 * @example
 * const body = decide(rows, { kind: "bump", request: { entity: "global:main", scope: "minor" } });
 */
export function decide(rows: Rows, command: Command): StatementBody | null {
  const registry = rows.registry();
  if (command.kind === "genesis") {
    if (registry !== undefined) {
      throw new TesError("genesis_exists", {
        detail: `${registry.registry} has one`,
        facts: { genesis: registry.genesis },
      });
    }
    const { visibility, origin, keys, recovery } = command;
    return { type: "registry.genesis", visibility, origin, keys, recovery };
  }
  if (registry === undefined) throw new TesError("registry_unknown");
  if (command.kind === "declare") return decideDeclare(rows, command);
  const { entity, scope, preid } = command.request;
  const changes = planBump(rows, command.request);
  return { type: "version.bumped", entity, scope, ...(preid === undefined ? {} : { preid }), changes };
}
