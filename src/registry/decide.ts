/** The rules: what a command comes to, given the state. Pure; nothing here knows time, keys or storage. */
import { TesError } from "../core/errors.ts";
import { EVERY_ENTITY } from "../protocol/ids.ts";
import type { BumpRequest } from "../protocol/requests.ts";
import type { Genesis, RegistryListed, RegistryMoved, StatementBody, TokenRevoked } from "../protocol/statements.ts";
import { planBump } from "./bump.ts";
import { type DeclareCommand, decideDeclare } from "./declare.ts";
import { decidePublishers, type PublishersCommand } from "./publishers.ts";
import {
  type AttestCommand,
  decideAttest,
  decidePublish,
  decideYank,
  type PublishCommand,
  type YankCommand,
} from "./release.ts";
import { decideRestore, type RestoreCommand } from "./restore.ts";
import type { RegistryRow, Rows } from "./rows.ts";

export { planBump } from "./bump.ts";
export { type DeclareCommand, declareCommands } from "./declare.ts";
export type { PublishersCommand } from "./publishers.ts";
export type { AttestCommand, PublishCommand, YankCommand } from "./release.ts";
export type { RestoreCommand } from "./restore.ts";

/** A text that the caller has put, or is about to put, beside the log. */
export interface Reason {
  /** Hex of SHA-256(salt ‖ text). */
  readonly digest: string;
}

/** Opens the registry. Keys and origin come resolved: they depend on what holds the master key. */
export interface GenesisCommand extends Pick<Genesis, "visibility" | "origin" | "keys" | "recovery"> {
  readonly kind: "genesis";
}

export interface BumpCommand {
  readonly kind: "bump";
  /** As `parseBumpRequest` gave it. `dryRun` and `reason` are the caller's to heed: use {@link planBump} for the first. */
  readonly request: BumpRequest;
  readonly reason?: Reason | undefined;
}

export interface RetireCommand {
  readonly kind: "retire";
  readonly entity: string;
  readonly reason?: Reason | undefined;
}

export interface RevokeCommand extends Pick<TokenRevoked, "token" | "exp"> {
  readonly kind: "revoke";
}

/** Lists another registry of the deployment. Only `default` keeps the list. */
export interface ListCommand extends Pick<RegistryListed, "name" | "genesis"> {
  readonly kind: "list";
}

export interface DelistCommand {
  readonly kind: "delist";
  readonly name: string;
}

export interface EraseCommand {
  readonly kind: "erase";
  readonly digest: string;
}

export interface MoveCommand extends Pick<RegistryMoved, "to"> {
  readonly kind: "move";
}

export type Command =
  | GenesisCommand
  | DeclareCommand
  | BumpCommand
  | RetireCommand
  | RevokeCommand
  | ListCommand
  | DelistCommand
  | EraseCommand
  | MoveCommand
  | RestoreCommand
  | PublishersCommand
  | PublishCommand
  | AttestCommand
  | YankCommand;

/**
 * Decides one command: the body of the statement that makes it so, or null when it already is so and nothing is to be
 * written (a declaration that changes nothing, an entity that is retired already, and their like).
 *
 * @throws registry_unknown before genesis, genesis_exists after; otherwise as the command's own rules say:
 * {@link planBump}, `decideDeclare`, `decideRestore`, `decidePublishers`, `decidePublish`, `decideYank`; entity_unknown, entity_has_children; registry_unknown and
 * genesis_exists for listings; blob_unknown
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
  switch (command.kind) {
    case "declare":
      return decideDeclare(rows, command);
    case "bump": {
      const { entity, scope, preid } = command.request;
      const changes = planBump(rows, command.request);
      const named = preid === undefined ? {} : { preid };
      return { type: "version.bumped", entity, scope, ...named, ...reasonOf(command), changes };
    }
    case "retire":
      return decideRetire(rows, command);
    case "revoke":
      if (rows.revoked(command.token) !== undefined) return null;
      return { type: "token.revoked", token: command.token, exp: command.exp };
    case "list":
    case "delist":
      return decideListing(rows, registry, command);
    case "erase": {
      const blob = rows.blob(command.digest);
      if (blob === undefined) throw new TesError("blob_unknown");
      return blob.erased ? null : { type: "blob.erased", digest: command.digest };
    }
    case "move":
      return { type: "registry.moved", to: command.to };
    case "restore":
      return decideRestore(registry, command);
    case "publishers":
      return decidePublishers(rows, registry, command);
    case "publish":
      return decidePublish(rows, command);
    case "attest":
      return decideAttest(rows, command);
    case "yank":
    case "unyank":
      return decideYank(rows, command);
  }
}

function reasonOf({ reason }: { readonly reason?: Reason | undefined }): { reason?: { digest: string } } {
  return reason === undefined ? {} : { reason: { digest: reason.digest } };
}

function decideRetire(rows: Rows, command: RetireCommand): StatementBody | null {
  const { entity } = command;
  const row = rows.entity(entity);
  if (row === undefined || entity === EVERY_ENTITY) {
    throw new TesError("entity_unknown", { detail: `there is no ${entity}` });
  }
  if (row.retired === true) return null;
  const [child] = rows.children(entity);
  if (child !== undefined) {
    throw new TesError("entity_has_children", { detail: `${child.entity} follows it`, facts: { child: child.entity } });
  }
  return { type: "entity.retired", entity, ...reasonOf(command) };
}

function decideListing(rows: Rows, registry: RegistryRow, command: ListCommand | DelistCommand): StatementBody | null {
  const { name } = command;
  if (registry.registry !== "default" || name === "default") {
    throw new TesError("invalid_field", { field: "/name", detail: "default lists the others, and only default does" });
  }
  const known = rows.listing(name);
  if (command.kind === "list") {
    if (known === undefined) return { type: "registry.listed", name, genesis: command.genesis };
    if (known.delisted === true || known.genesis !== command.genesis) {
      throw new TesError("genesis_exists", { detail: `${name} was another registry, and its log is kept` });
    }
    return null;
  }
  if (known === undefined) throw new TesError("registry_unknown", { detail: `there is no ${name}` });
  return known.delisted === true ? null : { type: "registry.delisted", name };
}
