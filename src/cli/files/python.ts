/** pyproject.toml: PEP 621 and Poetry. */

import { asObject, asString, nodeAt, stringItems } from "../config/tree.ts";
import type { VersionFile } from "./open.ts";
import { type ConfigNode, readTree, refuseFile, type Span, versionSpan } from "./tree.ts";

/**
 * `project.version`, and `tool.poetry.version` where that says the same once more.
 *
 * @throws file_pattern also for a version that is computed when the package is built
 */
export function findInPyproject(file: VersionFile): Span[] {
  const root = readTree(file);
  const project = nodeAt(root, "project", "version");
  const poetry = nodeAt(root, "tool", "poetry", "version");
  if (project !== undefined && poetry !== undefined && asString(project) !== asString(poetry)) {
    throw refuseFile(file.path, "has two versions, in [project] and in [tool.poetry]: say with a pattern which one");
  }
  const places = [project, poetry].filter((node) => node !== undefined);
  if (places.length > 0) return places.map((node) => versionSpan(file, node));
  if (stringItems(nodeAt(root, "project", "dynamic")).some(({ text }) => text === "version")) {
    throw refuseFile(file.path, `computes its version (dynamic): ${wayOut(root)}`);
  }
  throw refuseFile(file.path, "has no version in [project] or [tool.poetry]");
}

/** Where the builders that compute versions take them from. */
function wayOut(root: ConfigNode): string {
  const file = sourceOf(root);
  if (file !== null) return `list ${file} instead, with a pattern if it holds more than the version`;
  const tool = (...path: string[]) => asObject(nodeAt(root, "tool", ...path));
  if (tool("setuptools_scm") ?? tool("hatch", "version") ?? tool("pdm", "version")) {
    return "where it comes from git tags, list no file and tag instead (--tag)";
  }
  return 'list the file that holds it instead, with a pattern such as ^__version__ = "([^"]+)"';
}

/** The file, from the pyproject.toml, that a dynamic version is read from; null for any other version. */
export function versionSource(file: VersionFile): string | null {
  const root = readTree(file);
  const isDynamic = stringItems(nodeAt(root, "project", "dynamic")).some(({ text }) => text === "version");
  return isDynamic ? sourceOf(root) : null;
}

function sourceOf(root: ConfigNode): string | null {
  const tool = (...path: string[]) => nodeAt(root, "tool", ...path);
  const listed = tool("setuptools", "dynamic", "version", "file");
  return (
    asString(tool("hatch", "version", "path")) ??
    asString(tool("pdm", "version", "path")) ??
    asString(listed) ??
    stringItems(listed)[0]?.text ??
    null
  );
}

/**
 * What Python would make of a SemVer version, where that is something else (PEP 440, appendix B); null where it is fine.
 *
 * @example
 * pythonDoubt("1.2.4-0"); // "Python reads it as a post-release of 1.2.4, which comes after it (PEP 440)"
 */
export function pythonDoubt(version: string): string | null {
  const [core = "", ...rest] = version.split("+")[0]!.split("-");
  const pre = rest.join("-");
  if (pre === "") return null;
  if (/^\d+$/.test(pre)) return `Python reads it as a post-release of ${core}, which comes after it (PEP 440)`;
  if (/^(?:a|b|c|rc|alpha|beta|pre|preview|dev)(?:[._-]?\d+)?$/i.test(pre)) return null;
  return "Python takes no such version (PEP 440): use the preid alpha, beta, rc or dev";
}
