/** A command on a real pseudo-terminal, which Python's own library makes. */

import { spawn, spawnSync } from "node:child_process";

/** Runs argv[1:] on a terminal of its own; stdin is what is typed. Its end hangs the terminal up. */
const HOST = `
import fcntl, os, pty, select, struct, sys, termios
pid, fd = pty.fork()
if pid == 0:
    # 24 lines of 120 columns: with none, everything wraps after one character.
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 120, 0, 0))
    os.execvp(sys.argv[1], sys.argv[1:])
typing = True
while True:
    ready, _, _ = select.select([fd, 0] if typing else [fd], [], [])
    if fd in ready:
        try:
            seen = os.read(fd, 65536)
        except OSError:
            seen = b""
        if not seen:
            break
        os.write(1, seen)
    if 0 in ready:
        typed = os.read(0, 65536)
        if typed:
            os.write(fd, typed)
        else:
            os.close(fd)
            break
_, status = os.waitpid(pid, 0)
sys.exit(os.waitstatus_to_exitcode(status) & 255)
`;

export interface Terminal {
  /** Everything shown so far. */
  readonly shown: string;
  /** Waits until the terminal shows something after what was last waited for. Rejects when the command ends first. */
  see(text: string): Promise<void>;
  type(text: string): void;
  hangUp(): void;
  readonly exited: Promise<number>;
}

/** Why there is no terminal to be had here, or null. */
export function noTerminal(): string | null {
  const { status } = spawnSync("python3", ["-c", "import pty"]);
  return status === 0 ? null : "python3 with its pty module is not here";
}

export function openTerminal(
  command: readonly string[],
  { cwd, env }: { cwd: string; env: NodeJS.ProcessEnv },
): Terminal {
  const child = spawn("python3", ["-c", HOST, ...command], {
    cwd,
    env: { TERM: "xterm", ...env },
    stdio: ["pipe", "pipe", "inherit"],
  });
  let shown = "";
  let seen = 0;
  let tell: () => void = () => undefined;
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    shown += chunk;
    tell();
  });
  child.stdin.on("error", () => undefined);
  const exited = new Promise<number>((done) => {
    child.once("close", (code) => {
      done(code ?? 1);
      tell();
    });
  });
  return {
    get shown() {
      return shown;
    },
    see: (text) =>
      new Promise((done, fail) => {
        tell = () => {
          const at = shown.indexOf(text, seen);
          if (at >= 0) {
            seen = at + text.length;
            done();
          } else if (child.exitCode !== null)
            fail(new Error(`it ended without showing ${JSON.stringify(text)}:\n${shown}`));
        };
        tell();
      }),
    type: (text) => void child.stdin.write(text),
    hangUp: () => void child.stdin.end(),
    exited,
  };
}
