/** The real dashboard of a real authority: `tes serve` on raw workerd, people in Chromium, and what stands in between. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { prepareData } from "./authority.ts";
import { keyOf, mintToken, type TokenOptions } from "./keys.ts";

const TES = join(import.meta.dirname, "../../../bin/tes.mjs");

/** An authority with entities in it. It lives as long as its file wants it: setup.ts clears away places alone. */
export interface Stage extends AsyncDisposable {
  readonly url: string;
  token(options?: TokenOptions): string;
  /** A write with an admin token. @throws with the answer when it is refused */
  post(path: string, body: object): Promise<Record<string, unknown>>;
  /** Ends the authority. */
  stop(): Promise<void>;
  /** Starts it again, on the same port. */
  start(): Promise<void>;
}

export interface Declared {
  readonly entity: string;
  readonly version: string;
  readonly strategy?: "independent" | "linked" | "lockstep";
  readonly parent?: string | null;
}

/** Three that move together, and one that does not. */
export const FAMILY: readonly Declared[] = [
  { entity: "global:main", version: "2.4.1" },
  { entity: "service:gateway", version: "2.4.1", strategy: "lockstep", parent: "global:main" },
  { entity: "service:billing", version: "5.0.3", strategy: "linked", parent: "global:main" },
  { entity: "agent:scout", version: "0.3.0", parent: "global:main" },
];

export async function raise(label: string, entities: readonly Declared[] = FAMILY): Promise<Stage> {
  const signing = keyOf(label);
  const dir = await mkdtemp(join(tmpdir(), "tes-dash-"));
  const data = await prepareData({ dir }, { signing, recovery: keyOf(`${label} recovery`) });
  let child: ChildProcess | undefined;
  const start = async (port: string): Promise<string> => {
    child = spawn(process.execPath, [TES, "serve", "--json", "--data", data, "--port", port], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { PATH: process.env.PATH, HOME: dir, TMPDIR: tmpdir() },
    });
    let said = "";
    child.stderr!.setEncoding("utf8").on("data", (text: string) => {
      said = (said + text).slice(-4_096);
    });
    const ended = once(child, "exit").then(() => {
      throw new Error(`tes serve ended: ${said}`);
    });
    ended.catch(() => undefined);
    const [line] = (await Promise.race([once(createInterface(child.stdout!), "line"), ended])) as [string];
    return (JSON.parse(line) as { url: string }).url;
  };
  const stop = async (): Promise<void> => {
    if (child === undefined || child.exitCode !== null) return;
    const exited = once(child, "exit");
    child.kill("SIGTERM");
    await exited;
  };
  const url = await start("0");
  const stage: Stage = {
    url,
    stop,
    async start() {
      await start(new URL(url).port);
    },
    token: (options) => mintToken(signing, options),
    async post(path, body) {
      const answer = await fetch(`${url}${path}`, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          authorization: `Bearer ${mintToken(signing)}`,
          "idempotency-key": crypto.randomUUID(),
        },
        body: JSON.stringify(body),
      });
      if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
      return (await answer.json()) as Record<string, unknown>;
    },
    async [Symbol.asyncDispose]() {
      await stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
  const whole = entities.map((one) => ({ strategy: "independent", parent: null, files: [], ...one }));
  for (let at = 0; at < whole.length; at += 100) {
    await stage.post("/v1/default/entities", { entities: whole.slice(at, at + 100) });
  }
  return stage;
}

/** What a thing in between does to an answer. */
export type Meddle = (
  path: string,
  body: Buffer,
  headers: Record<string, string | string[] | undefined>,
) => Buffer | null;

/** A forward proxy, as one that a network forces on a browser. */
export interface Between extends AsyncDisposable {
  readonly url: string;
  /** Changes answers; null leaves the connection without one. */
  answers: Meddle | undefined;
  /** Changes what comes over sockets, in pieces as they come. */
  frames: ((piece: Buffer) => Buffer) | undefined;
  /** Cuts every socket and refuses new ones, until it is false again. */
  cut: boolean;
}

export async function standBetween(): Promise<Between> {
  const tunnels = new Set<Socket>();
  const forward = (from: IncomingMessage, to: ServerResponse): void => {
    if (between.cut) return void from.socket.destroy();
    const target = new URL(from.url!);
    const { "proxy-connection": _, ...headers } = from.headers;
    const asked = request(
      target,
      { method: from.method, headers: { ...headers, "accept-encoding": "identity" } },
      (came) => {
        const pieces: Buffer[] = [];
        came.on("data", (piece: Buffer) => pieces.push(piece));
        came.on("end", () => {
          const body = Buffer.concat(pieces);
          const changed = between.answers?.(target.pathname, body, came.headers) ?? body;
          const { "transfer-encoding": _, "content-length": __, ...kept } = came.headers;
          to.writeHead(came.statusCode!, { ...kept, "content-length": String(changed.length) });
          to.end(changed);
        });
      },
    );
    asked.on("error", () => to.destroy());
    from.pipe(asked);
  };
  const server = createServer(forward);
  server.on("connect", (from: IncomingMessage, near: Socket, head: Buffer) => {
    if (between.cut) return void near.destroy();
    const [host, port] = from.url!.split(":");
    const far = connect(Number(port), host, () => {
      near.write("HTTP/1.1 200 Connection established\r\n\r\n");
      far.write(head);
      near.pipe(far);
      far.on("data", (piece: Buffer) => near.write(between.frames?.(piece) ?? piece));
    });
    for (const socket of [near, far]) {
      tunnels.add(socket);
      socket.on("error", () => socket.destroy());
      socket.on("close", () => {
        tunnels.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  let cut = false;
  const between: Between = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    answers: undefined,
    frames: undefined,
    get cut() {
      return cut;
    },
    set cut(is) {
      cut = is;
      if (is) for (const socket of tunnels) socket.destroy();
    },
    async [Symbol.asyncDispose]() {
      for (const socket of tunnels) socket.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return between;
}

/** @param proxy where every request goes, those to this machine too */
export function launch(proxy?: string): Promise<Browser> {
  return chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-background-networking",
      "--disable-component-update",
      "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
      ...(proxy === undefined ? [] : [`--proxy-server=${proxy}`, "--proxy-bypass-list=<-loopback>"]),
    ],
  });
}

/** One person at one page. */
export interface Person {
  readonly page: Page;
  readonly context: BrowserContext;
  /** What the page complained of: errors, refusals of its own policy. */
  readonly complaints: string[];
}

export async function sit(
  browser: Browser,
  address: string,
  options: Parameters<Browser["newContext"]>[0] = {},
): Promise<Person> {
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    reducedMotion: "reduce",
    ...options,
  });
  return { context, ...(await openPage(context, address)) };
}

export async function openPage(context: BrowserContext, address: string): Promise<Omit<Person, "context">> {
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(`${error.message} ${error.stack ?? ""}`));
  page.on("console", (message) => {
    // Answers that refuse, and connections that end, are said by the browser itself, and are no faults of the page.
    if (message.type() === "error" && !/Failed to load resource|WebSocket connection/.test(message.text())) {
      complaints.push(message.text());
    }
  });
  await page.goto(address);
  return { page, complaints };
}

/** Signs in by the page's own dialog. */
export async function signIn(page: Page, token: string): Promise<void> {
  await page.getByRole("button", { name: "Sign in", exact: true }).first().click();
  await page.getByRole("textbox", { name: "Token" }).fill(token);
  await page.getByRole("textbox", { name: "Token" }).press("Enter");
  await page.getByRole("button", { name: "Sign out" }).waitFor();
}

/** Resolves once the page is at rest: for three frames in a row nothing in it says that it is busy. */
export function settled(page: Page): Promise<void> {
  return page.evaluate(
    () =>
      new Promise<void>((resolve) => {
        const isBusy = (root: ParentNode): boolean =>
          root.querySelector("[aria-busy=true]") !== null ||
          [...root.querySelectorAll("*")].some((one) => one.shadowRoot !== null && isBusy(one.shadowRoot));
        let calm = 0;
        const look = (): void => {
          calm = isBusy(document) ? 0 : calm + 1;
          if (calm === 3) resolve();
          else requestAnimationFrame(look);
        };
        requestAnimationFrame(look);
      }),
  );
}

/** Text that is in sight somewhere in the page, through every shadow tree. */
export function textOf(page: Page): Promise<string> {
  return page.evaluate(() => {
    const read = (root: ParentNode): string =>
      [...root.querySelectorAll("*")]
        .map((one) => [one.shadowRoot === null ? "" : read(one.shadowRoot), ...ownText(one)].join(" "))
        .join(" ");
    const ownText = (one: Element): string[] =>
      [...one.childNodes].filter((node) => node.nodeType === 3).map((node) => node.textContent ?? "");
    return read(document).replaceAll(/\s+/g, " ");
  });
}
