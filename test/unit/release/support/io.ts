/** A command's way to the outside that leads nowhere. */

import type { CommandIo } from "../../../../src/cli/output.ts";

export const ioIn = (cwd: string, env: Readonly<Record<string, string>> = {}): CommandIo => ({
  stdout: () => undefined,
  stderr: () => undefined,
  color: false,
  json: false,
  terminal: false,
  interactive: false,
  cwd,
  env,
  now: () => 1_790_000_000_000,
});
