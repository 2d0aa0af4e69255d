/** Downloads from whoever answers: they end, and lead nowhere else. */

import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import type { CommandIo } from "../../../src/cli/output.ts";
import { fetchFile } from "../../../src/cli/release/fetch-file.ts";
import { TesError } from "../../../src/core/errors.ts";

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

async function serve(listener: RequestListener): Promise<string> {
  server = createServer(listener);
  await new Promise<void>((resolve) => server!.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const io = { stdout: () => undefined, stderr: () => undefined, color: false, json: true } as unknown as CommandIo;

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "accepted",
    (thrown: unknown) => {
      if (thrown instanceof TesError) return thrown.code;
      throw thrown;
    },
  );

test("a body is read as far as it may be, and one byte more is too much", async () => {
  const url = await serve((_request, response) => void response.end("x".repeat(1_000)));
  expect(await fetchFile(io, `${url}/a.tgz`, 1_000)).toMatchObject({ size: 1_000, name: "a.tgz", kind: "artifact" });
  expect(await codeOf(fetchFile(io, `${url}/a.tgz`, 999))).toBe("artifact_limit");
});

test("a body without end is given up, and the connection with it", async () => {
  let closed: () => void = () => undefined;
  const gone = new Promise<void>((resolve) => {
    closed = resolve;
  });
  const url = await serve((_request, response) => {
    response.once("close", closed);
    const more = (): void => {
      if (!response.destroyed && response.write(Buffer.alloc(65_536))) setImmediate(more);
      else response.once("drain", more);
    };
    more();
  });
  expect(await codeOf(fetchFile(io, `${url}/endless.json`, 1_000_000))).toBe("artifact_limit");
  await gone;
});

test.each(["file:///etc/passwd", "http://tes.example/x", "ftp://127.0.0.1/x"])(
  "nothing leads to %s",
  async (target) => {
    const url = await serve((_request, response) => void response.writeHead(302, { location: target }).end());
    expect(await codeOf(fetchFile(io, `${url}/a`))).toBe("download_failed");
  },
);

test("a redirect on this machine is followed, a circle is not", async () => {
  const url = await serve((request, response) => {
    if (request.url === "/end") response.end("the end");
    else response.writeHead(302, { location: request.url === "/start" ? "/end" : "/circle" }).end();
  });
  expect(await fetchFile(io, `${url}/start`)).toMatchObject({ size: 7 });
  expect(await codeOf(fetchFile(io, `${url}/circle`))).toBe("download_failed");
});
