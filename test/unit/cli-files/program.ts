/** Real package managers, where they are. */
import { spawnSync } from "node:child_process";

/** Whether a program can be run; where not, the reason is printed. */
export function hasProgram(name: string): boolean {
  if (spawnSync(name, ["--version"]).status === 0) return true;
  console.warn(`Not run: there is no ${name} here.`);
  return false;
}

/** Runs a program to its end, away from the user's own settings; throws with its words when it fails. */
export function run(cwd: string, name: string, ...args: string[]): string {
  const home = name === "cargo" ? {} : { HOME: cwd };
  const { status, stdout, stderr } = spawnSync(name, args, { cwd, env: { ...process.env, ...home }, encoding: "utf8" });
  if (status !== 0) throw new Error(`${name} ${args.join(" ")}: ${stdout}${stderr}`);
  return stdout;
}
