/** Where a release comes from, as far as this machine knows: git, the CI job, the command. */

import { relative } from "node:path";
import { TesError } from "../../core/errors.ts";
import type { JsonObject } from "../../core/json.ts";
import { type Environment, runGit } from "../git/run.ts";
import { openCheckout } from "../git.ts";
import { readCi, withoutCredentials } from "./ci.ts";

/** A build on a machine that says of itself nothing that anyone could check. */
export const LOCAL_BUILDER = "urn:tes:builder:local";
const MAX_COMMAND_PARTS = 64;
const MAX_PART_CHARS = 512;

export interface GitFacts {
  readonly commit: string;
  /** `refs/heads/main`; absent where HEAD is detached. */
  readonly ref?: string;
  /** Of `origin`, or of the only remote; without credentials. */
  readonly remote?: string;
  /** Whether tracked files differ from the commit, or untracked ones lie about. */
  readonly dirty: boolean;
}

/** What goes into the predicate (SLSA v1.0 Provenance) beside the registry's own facts. */
export interface SourceFacts {
  readonly command: readonly string[];
  readonly builder: string;
  readonly invocationId?: string;
  /** `git`, and `ci` with its variables. */
  readonly internalParameters: JsonObject;
  readonly resolvedDependencies: readonly { readonly uri: string; readonly digest: { readonly gitCommit: string } }[];
  readonly git: GitFacts | null;
}

/**
 * Collects all of it. A directory without git, or a machine without the program, has no git facts; nothing fails for it.
 *
 * @param argv the command line after the program's name
 */
export async function collectSource(cwd: string, env: Environment, argv: readonly string[]): Promise<SourceFacts> {
  const git = await readGit(cwd, env);
  const ci = readCi(env);
  const commit = git?.commit ?? ci?.commit;
  const uri =
    git?.remote === undefined
      ? "git+urn:tes:checkout"
      : `git+${git.remote}${git.ref === undefined ? "" : `@${git.ref}`}`;
  return {
    command: shownCommand(cwd, argv),
    builder: ci?.builder ?? LOCAL_BUILDER,
    ...(ci?.invocation === undefined ? {} : { invocationId: ci.invocation }),
    internalParameters: {
      ...(git === null ? {} : { git: { ...git } }),
      ...(ci === null ? {} : { ci: { system: ci.system, variables: { ...ci.variables } } }),
    },
    resolvedDependencies: commit === undefined ? [] : [{ uri, digest: { gitCommit: commit } }],
    git,
  };
}

/** Null outside a checkout, before its first commit, and where git is not installed. */
export async function readGit(cwd: string, env: Environment): Promise<GitFacts | null> {
  try {
    const checkout = await openCheckout(cwd, env);
    const ask = async (args: readonly string[], accept: readonly number[] = [0]) =>
      (await runGit(checkout.root, env, args, { accept })).stdout.trim();
    const commit = await ask(["rev-parse", "--quiet", "--verify", "HEAD^{commit}"], [0, 1]);
    if (commit === "") return null;
    const ref = await ask(["symbolic-ref", "--quiet", "HEAD"], [0, 1]);
    const remotes = (await ask(["remote"])).split("\n").filter((name) => name !== "");
    const name = remotes.includes("origin") ? "origin" : remotes.length === 1 ? remotes[0] : undefined;
    const remote = name === undefined ? "" : await ask(["remote", "get-url", "--", name], [0, 2]);
    const status = await ask(["status", "--porcelain=v1", "--untracked-files=normal"]);
    return {
      commit,
      ...(ref === "" ? {} : { ref }),
      ...(remote === "" ? {} : { remote: shownRemote(remote) }),
      dirty: status !== "",
    };
  } catch (thrown) {
    if (thrown instanceof TesError) return null;
    throw thrown;
  }
}

/** `git@host:a/b` is `ssh://host/a/b`; a path of this machine is nobody's business. */
export function shownRemote(remote: string): string {
  const scp = /^(?:[^@/\s]+@)?([A-Za-z0-9.-]+):(?!\/\/)(.+)$/.exec(remote);
  if (scp !== null && scp[1]!.length > 1) return `ssh://${scp[1]}/${scp[2]!.replace(/^\/+/, "")}`;
  const plain = withoutCredentials(remote).replace(/[?#].*$/, "");
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(plain) && !/^file:/i.test(plain) ? plain : "urn:tes:local-remote";
}

/**
 * The command as it was typed, with paths from the working directory. No option takes a secret; what looks like one all
 * the same, because somebody typed it in the wrong place, is left out.
 */
export function shownCommand(cwd: string, argv: readonly string[]): string[] {
  const parts = argv.slice(0, MAX_COMMAND_PARTS).map((part) => {
    const text = withoutCredentials(part)
      .replace(/[0-9a-fA-F]{64}/g, "[64 hex]")
      .replace(/eyJ[\w-]+\.[\w-]+(?:\.[\w-]+)?/g, "[token]")
      .toWellFormed();
    const path = text.startsWith("/") ? relative(cwd, text) : text;
    // A path outside the working directory shows where people keep things.
    const shown = path.startsWith("..") && text.startsWith("/") ? path.split("/").at(-1)! : path;
    return shown.length <= MAX_PART_CHARS ? shown : `${shown.slice(0, MAX_PART_CHARS - 1)}…`;
  });
  if (argv.length > MAX_COMMAND_PARTS) parts.push(`… and ${argv.length - MAX_COMMAND_PARTS} more`);
  return ["tes", ...parts];
}
