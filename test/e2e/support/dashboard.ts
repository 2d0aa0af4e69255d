/** The real dashboard of a real authority: `tes serve` on raw workerd, people in Chromium, and what stands in between. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { createClient, openImport } from "../../../src/client/index.ts";
import { fromHex, toBase64Url } from "../../../src/core/bytes.ts";
import { deriveEd25519, importEd25519Seed, symmetricKid } from "../../../src/core/keys.ts";
import { Secret } from "../../../src/core/secret.ts";
import { restoreBytes } from "../../../src/protocol/statements.ts";
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
  /** What `tes export` would write now. */
  backup(): Promise<Backup>;
  /** Ends it. Another with the key of that label takes its port, with nothing in it, or with a registry of its own. */
  replace(label: string, own?: "its own"): Promise<void>;
  /** Reads a backup in and opens it as the next epoch, under the keys that serve now. @param lost default: the backup's own */
  restore(backup: Backup, lost?: Pick<Backup, "size" | "root">): Promise<void>;
  /** Hands the registry over to keys that another authority there would have. @returns what it then exports */
  move(to: string, label: string): Promise<Backup>;
  /** Reads in what was handed over. */
  receive(moved: Backup): Promise<void>;
}

/** A log as it was exported. `root` is base64. */
export interface Backup {
  readonly lines: readonly string[];
  readonly genesis: string;
  readonly origin: string;
  readonly size: number;
  readonly root: string;
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
  let signing = keyOf(label);
  const recovery = keyOf(`${label} recovery`);
  const dir = await mkdtemp(join(tmpdir(), "tes-dash-"));
  let data = await prepareData({ dir }, { signing, recovery });
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
  const admin = { url, registry: "default" };
  const target = () => openImport({ ...admin, token: mintToken(signing) });
  const send = async ({ lines }: Backup): Promise<void> => {
    const each = async function* (): AsyncGenerator<string> {
      yield* lines;
    };
    if (!(await target().send(each())).done) throw new Error("The backup was not taken whole.");
  };
  const stage: Stage = {
    url,
    stop,
    async start() {
      await start(new URL(url).port);
    },
    async backup() {
      const lines: string[] = [];
      const client = createClient({ ...admin, trustFirst: true, token: mintToken(signing) });
      for await (const line of client.exportLines()) lines.push(line);
      return { lines, ...(JSON.parse(lines[0]!) as Omit<Backup, "lines">) };
    },
    async replace(other, own) {
      await stop();
      signing = keyOf(other);
      data = join(dir, other.replaceAll(" ", "-"));
      await mkdir(data, { mode: 0o700 });
      await writeFile(join(data, "signing.key"), `${signing.hex}\n`, { mode: 0o600 });
      if (own !== undefined) await writeFile(join(data, "recovery.pub"), `${recovery.x}\n`);
      await start(new URL(url).port);
    },
    async restore(backup, lost = backup) {
      const { keys } = await target().state();
      await send(backup);
      const { genesis, origin, size, root } = backup;
      const body = {
        epoch: 2,
        origin: `${origin}/epoch-2`,
        lost: { size: lost.size, root: lost.root },
        floor: [],
        keys,
      };
      const pair = await importEd25519Seed(new Secret(fromHex(recovery.hex)!));
      const bytes = restoreBytes({ registry: "default", genesis, size, root }, body);
      const signature = toBase64Url(new Uint8Array(await crypto.subtle.sign("Ed25519", pair.privateKey, bytes)));
      await target().restore({ ...body, recovery: { kid: pair.kid, signature } }, "restore");
    },
    async move(to, other) {
      const next = keyOf(other);
      const log = await deriveEd25519(new Secret(fromHex(next.hex)!), "log-ed25519", "default");
      const response = await deriveEd25519(new Secret(fromHex(next.hex)!), "response-ed25519", "default");
      const symmetric = (purpose: "response-hmac" | "token-hs256") =>
        symmetricKid(new Secret(fromHex(next.hex)!), purpose, "default");
      const client = createClient({ ...admin, trustFirst: true, token: mintToken(signing) });
      await client.move({
        url: to,
        keys: {
          "log-ed25519": { kid: log.kid, x: log.x },
          "response-ed25519": { kid: response.kid, x: response.x },
          "response-hmac": { kid: await symmetric("response-hmac") },
          "token-hs256": { kid: await symmetric("token-hs256") },
        },
      });
      return stage.backup();
    },
    receive: send,
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

/** What is waited for comes soon, and on a machine that has other work, later. A test that fails waits that long once. */
const PATIENCE_MS = 60_000;

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
  context.setDefaultTimeout(PATIENCE_MS);
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
