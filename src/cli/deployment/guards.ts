/** What has to hold before anything is sent to Cloudflare. Nothing here changes anything. */

import { TesError } from "../../core/errors.ts";
import { inherited, migrationItems, readWorkers } from "../config/model.ts";
import { asString, entryOf, stringItems } from "../config/tree.ts";
import type { Deployable, Target } from "./targets.ts";

/** The class that holds every registry. */
const CLASS = "VersionManagementDO";
export const SLOTS = ["VERSION_SIGNING_KEY", "VERSION_SIGNING_KEY_V2"] as const;
export type SlotName = (typeof SLOTS)[number];

/** One guard that does not hold. */
export interface Breach {
  readonly guard: "config" | "authorities" | "fallback" | "vars" | "migration";
  readonly text: string;
}

/** Every guard that one environment breaks. */
export function findBreaches({ file }: Deployable, target: Target): Breach[] {
  const breaches: Breach[] = [];
  for (const finding of file.findings) {
    const concerns = finding.env === undefined || finding.env === target.env;
    if (finding.severity !== "error" || !concerns) continue;
    breaches.push({ guard: "config", text: `${finding.file}:${finding.line}: ${finding.message} ${finding.remedy}` });
  }
  if (target.url === null) {
    const example = `${target.worker}.<your subdomain>.workers.dev`;
    breaches.push({
      guard: "authorities",
      text: `TES_AUTHORITIES is empty: the Worker would answer to no name. Set it under vars, for example to ${example}.`,
    });
  }
  if (target.vars.get("TES_KEY_FALLBACK") !== "deny") {
    breaches.push({
      guard: "fallback",
      text: 'TES_KEY_FALLBACK is not "deny": without its secret the Worker would make a key of its own. Set it under vars.',
    });
  }
  for (const slot of SLOTS)
    if (target.vars.has(slot)) breaches.push({ guard: "vars", text: `${slot} stands under vars.` });
  breaches.push(...findUnsafeMigrations(target, file));
  return breaches;
}

function findUnsafeMigrations(target: Target, file: Deployable["file"]): Breach[] {
  if (!file.config.ok) return [];
  const worker = readWorkers(file.config.root).find(({ env }) => (env ?? "") === target.env);
  const steps = worker === undefined ? [] : migrationItems(inherited(worker, "migrations")?.node);
  const unsafe: Breach[] = [];
  for (const step of steps) {
    const names = (field: string): string[] => stringItems(entryOf(step, field)?.node).map(({ text }) => text);
    const renames = [entryOf(step, "renamed_classes")?.node, entryOf(step, "transferred_classes")?.node];
    const moved = renames
      .flatMap((node) => migrationItems(node))
      .some((item) => asString(entryOf(item, "from")?.node) === CLASS);
    const tag = asString(entryOf(step, "tag")?.node) ?? "without a tag";
    if (names("deleted_classes").includes(CLASS))
      unsafe.push({ guard: "migration", text: `Migration ${tag} deletes ${CLASS}, and with it every registry.` });
    if (moved) unsafe.push({ guard: "migration", text: `Migration ${tag} moves ${CLASS}, whose name never changes.` });
    if (names("new_classes").includes(CLASS))
      unsafe.push({
        guard: "migration",
        text: `Migration ${tag} makes ${CLASS} without SQLite, which it needs: new_sqlite_classes.`,
      });
  }
  return unsafe;
}

/** @throws {TesError} `secret_in_vars`, `deploy_refused` with every breach */
export function requireGuards(deployable: Deployable, target: Target): void {
  const breaches = findBreaches(deployable, target);
  if (breaches.length === 0) return;
  const detail = `${deployable.file.path}, ${target.env === "" ? "top level" : `env ${target.env}`}:\n${breaches.map(({ text }) => `- ${text}`).join("\n")}`;
  throw new TesError(breaches.every(({ guard }) => guard === "vars") ? "secret_in_vars" : "deploy_refused", { detail });
}

/** What `key deploy` needs of an environment. @throws {TesError} `secret_in_vars` */
export function requireNoVariable({ file }: Deployable, target: Target, slot: SlotName): void {
  if (!target.vars.has(slot)) return;
  throw new TesError("secret_in_vars", {
    detail: `${file.path} has ${slot} under vars of ${target.env === "" ? "the top level" : `env ${target.env}`}.`,
    field: slot,
  });
}
