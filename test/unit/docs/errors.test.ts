import { join } from "node:path";
import { expect, test } from "vitest";
import { ERRORS } from "../../../src/core/errors.ts";

const HEAD = ["code", "HTTP", "socket", "exit", "what is wrong", "the way out"];

function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => [...row[column]!].length)));
  const line = (cells: readonly string[]) => `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(" | ")} |\n`;
  const [head, ...body] = rows;
  return line(head!) + line(widths.map((width) => "-".repeat(width))) + body.map(line).join("");
}

function render(): string {
  const rows = Object.entries(ERRORS)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([code, { status, close, exit, title, remedy }]) =>
      // A bar would end its cell.
      [`\`${code}\``, String(status), String(close), String(exit), title, remedy].map((cell) =>
        cell.replaceAll("|", "\\|"),
      ),
    );
  return `# Errors

Every way TES refuses: one closed list. The table is made from \`src/core/errors.ts\`, which is the only place that maps a code; \`vitest run --project unit test/unit/docs/errors.test.ts -u\` writes it anew.

An error on HTTP is a problem document (RFC 9457, \`application/problem+json\`): \`type\` (\`urn:tes:error:<code>\`), \`title\`, \`status\`, \`code\`, \`remedy\`, and where they help \`detail\` (what exactly was wrong here), \`field\` (a JSON pointer or the name of a header) and \`facts\` (the same for programs). Programs decide by \`code\`. Codes are added and never change their meaning.

_HTTP_ is the status of the answer, _socket_ the close code on a WebSocket, _exit_ the exit code of the command line. Codes with 502 are a client's own findings about an answer: no authority sends them.

${table([HEAD, ...rows])}`;
}

test("docs/errors.md shows the table of errors as it is", async () => {
  await expect(render()).toMatchFileSnapshot(join(import.meta.dirname, "../../../docs/errors.md"));
});
