/** Configurations with seeded damage: what an editor, a merge or a bad paste leaves behind. */

/** mulberry32: small, fast, the same everywhere. */
export function randomFrom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

type Random = (below: number) => number;

const CHARS = [
  '"',
  "'",
  "[",
  "]",
  "{",
  "}",
  ",",
  ".",
  "=",
  ":",
  "#",
  "/",
  "*",
  "\\",
  "\n",
  "\r",
  "\t",
  " ",
  "\0",
  "\u2028",
  "é",
  "\ud83d",
  "0",
  "-",
  "_",
  "\uFEFF",
];
const WORDS = [
  "durable_objects",
  "migrations",
  "bindings",
  "env",
  "production",
  "staging",
  "exports",
  "vars",
  "secrets",
  "required",
  "tag",
  "new_classes",
  "new_sqlite_classes",
  "deleted_classes",
  "renamed_classes",
  "class_name",
  "script_name",
  "name",
  "main",
  "Counter",
  "Room",
  "app",
  "v1",
  "v2",
  "null",
  "true",
  "1",
  "__proto__",
  "constructor",
  "hasOwnProperty",
  "toString",
  '""',
  "[[migrations]]",
  "[durable_objects]",
  "[[durable_objects.migrations]]",
  '"migrations": []',
  "inf",
];

const pick = <T>(random: Random, from: readonly T[]): T => from[random(from.length)]!;

const MUTATIONS: readonly ((text: string, random: Random, others: readonly string[]) => string)[] = [
  (text, random) => at(text, random(text.length + 1), 0, pick(random, CHARS)),
  (text, random) => at(text, random(text.length + 1), 1, ""),
  (text, random) => at(text, random(text.length + 1), 1, pick(random, CHARS)),
  (text, random) => at(text, random(text.length + 1), random(40), ""),
  (text, random) => text.slice(0, random(text.length + 1)),
  (text, random) => {
    const start = random(text.length + 1);
    return at(text, start, 0, text.slice(start, start + random(120)));
  },
  (text, random) => onLines(text, (lines) => void lines.splice(random(lines.length), 1)),
  (text, random) => onLines(text, (lines) => void lines.splice(random(lines.length), 0, pick(random, lines))),
  (text, random) =>
    onLines(text, (lines) => {
      const [line] = lines.splice(random(lines.length), 1);
      lines.splice(random(lines.length + 1), 0, line!);
    }),
  (text, random, others) =>
    onLines(text, (lines) => {
      const other = pick(random, others).split("\n");
      const start = random(other.length);
      lines.splice(random(lines.length), 0, ...other.slice(start, start + 1 + random(8)));
    }),
  (text, random) => {
    const words = [...text.matchAll(/[A-Za-z_]\w*/g)];
    const word = words.length === 0 ? undefined : pick(random, words);
    return word === undefined ? text : at(text, word.index, word[0].length, pick(random, WORDS));
  },
  (text, random) => at(text, random(text.length + 1), 0, pick(random, WORDS)),
  (text, random) => (random(2) === 0 ? text.replaceAll("\n", "\r\n") : text.replaceAll("\r\n", "\n")),
  (text, random) =>
    at(
      text,
      random(text.length + 1),
      0,
      pick(random, ["[", "{", '{"a":', "a = ["]).repeat(random(random(20) === 0 ? 3_000 : 80)),
    ),
];

function at(text: string, start: number, length: number, replacement: string): string {
  return text.slice(0, start) + replacement + text.slice(start + length);
}

function onLines(text: string, change: (lines: string[]) => void): string {
  const lines = text.split("\n");
  change(lines);
  return lines.join("\n");
}

/** A text with one to four mutations, which its seed decides. */
export function mutate(texts: readonly string[], seed: number): string {
  const random = randomFrom(seed);
  let text = pick(random, texts);
  for (let left = 1 + random(4); left > 0; left--) text = pick(random, MUTATIONS)(text, random, texts);
  return text;
}
