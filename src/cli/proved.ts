/** How checks are told: what is proved, line by line, and what is not. */

import { type CommandIo, paint, printable } from "./output.ts";

/** One thing that is proved: its name, and how. */
export type Proof = readonly [what: string, how: string];

export function say(io: CommandIo, lines: readonly Proof[]): void {
  const color = paint(io);
  for (const [what, how] of lines) io.stdout(`${color.green("proved")}  ${what.padEnd(12)} ${printable(how)}\n`);
}

export function notProved(io: CommandIo, what: string): void {
  io.stdout(`${paint(io).dim("not proved")}  ${printable(what)}\n`);
}
