/** Verifiers of other people, unmodified, as programs: each says whether it takes a signature, in its own words. */

import { execFile, execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

export interface Verdict {
  readonly accepted: boolean;
  /** Both outputs. */
  readonly said: string;
}

export interface SignedFile {
  /** Paths. */
  readonly file: string;
  readonly signature: string;
  readonly key: string;
}

/** Longer than any of them takes on a busy machine. */
const TIMEOUT_MS = 60_000;

/** Whether a program is there; where it is not, the reason is printed, for a test that then has nothing to run. */
export function isInstalled(program: string): boolean {
  try {
    execFileSync("sh", ["-c", `command -v ${program}`], { stdio: "ignore" });
    return true;
  } catch {
    console.warn(`Not run: ${program} is not installed.`);
    return false;
  }
}

/** Runs a program without a shell; `input` goes to its standard input. A program that is not there is an error. */
export function run(program: string, args: readonly string[], input?: Uint8Array | string): Promise<Verdict> {
  return new Promise((resolve, reject) => {
    const child = execFile(program, args, { timeout: TIMEOUT_MS, encoding: "utf8" }, (error, stdout, stderr) => {
      if (error !== null && typeof error.code !== "number") reject(error);
      else resolve({ accepted: error === null, said: `${stdout}${stderr}` });
    });
    // A program that refuses before it reads closes its end.
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(input);
  });
}

export const verifyWithMinisign = ({ file, signature, key }: SignedFile): Promise<Verdict> =>
  run("minisign", ["-V", "-p", key, "-m", file, "-x", signature]);

export const verifyWithSignify = ({ file, signature, key }: SignedFile): Promise<Verdict> =>
  run("signify-openbsd", ["-V", "-p", key, "-x", signature, "-m", file]);

/** `key` is an allowed signers file; `principal` is the one who is said to have signed. */
export const verifyWithSsh = (
  { file, signature, key }: SignedFile,
  principal: string,
  namespace = "tes-release",
): Promise<Verdict> =>
  run("ssh-keygen", ["-Y", "verify", "-f", key, "-I", principal, "-n", namespace, "-s", signature], readFileSync(file));

/** A raw signature of 64 bytes over the file itself; `key` is PEM. */
export const verifyWithOpenssl = ({ file, signature, key }: SignedFile): Promise<Verdict> =>
  run("openssl", ["pkeyutl", "-verify", "-pubin", "-inkey", key, "-rawin", "-in", file, "-sigfile", signature]);

/** All names and digests of a SHA256SUMS file, in the directory where the files are. */
export const verifyWithSha256sum = (directory: string, sums: string): Promise<Verdict> =>
  run("env", ["-C", directory, "sha256sum", "--check", "--strict", sums]);
