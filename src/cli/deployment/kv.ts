/** The KV namespace of a Worker: found by its title or made, and written into the configuration. */

import { applyEdits, modify } from "jsonc-parser";
import { utf8 } from "../../core/bytes.ts";
import { TesError } from "../../core/errors.ts";
import { replaceFile } from "../config/fix/write.ts";
import { auditBytes } from "../config/load.ts";
import { configFormat } from "../config/parse.ts";
import { mustSucceed, type WranglerTool } from "../wrangler.ts";
import type { Deployable, Target } from "./targets.ts";

const BINDING = "KV";

export interface Provisioned {
  readonly action: "there" | "found" | "made";
  readonly id: string;
}

interface Namespace {
  readonly id: string;
  readonly title: string;
}

/** All namespaces of the account. @throws {TesError} what faultOf gives */
export async function listNamespaces(wrangler: WranglerTool): Promise<readonly Namespace[]> {
  const { stdout, command } = mustSucceed(await wrangler.run(["kv", "namespace", "list"], null));
  try {
    return JSON.parse(stdout) as Namespace[];
  } catch (cause) {
    throw new TesError("wrangler_failed", { detail: `${command} did not print a list.`, cause });
  }
}

/**
 * Sees to it that an environment has the binding KV, with an id. A namespace that an earlier run made and could not
 * write down is found again by its title.
 *
 * @throws {TesError} `deploy_refused` where the configuration has to be changed by hand; what faultOf and replaceFile give
 */
export async function provisionKv(
  wrangler: WranglerTool,
  deployable: Deployable,
  target: Target,
): Promise<Provisioned> {
  const known = target.kv.get(BINDING);
  if (known !== undefined && known !== "") return { action: "there", id: known };
  const title = `${target.worker}-${BINDING}`;
  const there = (await listNamespaces(wrangler)).find((namespace) => namespace.title === title);
  if (there === undefined) mustSucceed(await wrangler.run(["kv", "namespace", "create", title], null));
  const made = there ?? (await listNamespaces(wrangler)).find((namespace) => namespace.title === title);
  if (made === undefined)
    throw new TesError("wrangler_failed", { detail: `The namespace ${title} was made and is not listed.` });
  await writeBinding(deployable, target, made.id);
  return { action: there === undefined ? "made" : "found", id: made.id };
}

async function writeBinding({ file }: Deployable, target: Target, id: string): Promise<void> {
  const text = withBinding(file.path, file.text, target, id);
  const after = text === null ? null : await auditBytes(file.path, file.absolute, utf8(text));
  if (text === null || after?.config.ok !== true || target.kv.has(BINDING)) {
    throw new TesError("deploy_refused", {
      detail: `Add to ${file.path} by hand: binding ${BINDING}, id ${id}, under kv_namespaces of ${target.env === "" ? "the top level" : `env ${target.env}`}.`,
    });
  }
  await replaceFile(file.path, file.absolute, file.bytes, utf8(text));
}

function withBinding(path: string, text: string, { env, kv }: Target, id: string): string | null {
  if (configFormat(path) !== "toml") {
    const at = [...(env === "" ? [] : ["env", env]), "kv_namespaces", kv.size];
    const value = { binding: BINDING, id };
    const edits = modify(text, at, value, {
      isArrayInsertion: true,
      formattingOptions: { insertSpaces: true, tabSize: 2 },
    });
    return applyEdits(text, edits);
  }
  const table = env === "" ? "kv_namespaces" : `env.${/^[\w-]+$/.test(env) ? env : JSON.stringify(env)}.kv_namespaces`;
  const end = text === "" || text.endsWith("\n") ? "" : "\n";
  // A list of tables may go on anywhere in the file; one that was written inline cannot, and then it does not parse.
  return `${text}${end}\n[[${table}]]\nbinding = "${BINDING}"\nid = "${id}"\n`;
}
