/**
 * The names a JavaScript or TypeScript module exports, read without running or compiling it.
 *
 * Only top-level `export` statements count (ECMA-262 section 16.2.3). Where anything is in doubt the answer is null: a
 * name that is wrongly missed would be an error finding.
 */

/** What one module exports. */
export interface ModuleExports {
  readonly names: readonly string[];
  /** The specifiers of `export * from`. */
  readonly stars: readonly string[];
}

type Token = { readonly kind: "word" | "string" | "mark"; readonly text: string; readonly depth: number };

/** Keywords after which a slash begins a regular expression, not a division. */
const BEFORE_REGEX = new Set(["return", "typeof", "case", "in", "of", "delete", "void", "throw", "new", "else", "do"]);
const WORD = /[\p{ID_Start}$_#][\p{ID_Continue}$\u200c\u200d]*/uy;
const BLANK = /\s+/y;
const NUMBER = /\.?\d[\w.]*/y;

/**
 * Reads the exports of a module; null where they cannot be told.
 *
 * @example
 * readExports('export class Counter {}\nexport { Room as Hall } from "./room";'); // { names: ["Counter", "Hall"], stars: [] }
 */
export function readExports(source: string): ModuleExports | null {
  const tokens = tokenize(source);
  if (tokens === null) return null;
  const names: string[] = [];
  const stars: string[] = [];
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i]!;
    if (token.kind !== "word" || token.text !== "export" || token.depth !== 0) continue;
    if (tokens[i - 1]?.text === ".") continue;
    if (!readStatement(tokens, i + 1, names, stars)) return null;
  }
  return { names, stars };
}

/** Reads one export statement, after its keyword; false where its names cannot be told. */
function readStatement(tokens: readonly Token[], start: number, names: string[], stars: string[]): boolean {
  let at = start;
  const text = (offset = 0): string => tokens[at + offset]?.text ?? "";
  if (text() === "type" && tokens[at + 1]?.kind === "word") return true;
  if (text() === "type" && text(1) === "{") return true;
  if (text() === "interface" || text() === "declare") return true;
  if (text() === "default") return names.push("default") > 0;
  if (text() === "*") {
    if (text(1) === "as") return names.push(text(2)) > 0;
    if (text(1) !== "from" || tokens[at + 2]?.kind !== "string") return false;
    return stars.push(text(2)) > 0;
  }
  if (text() === "{") return readClause(tokens, at + 1, names);
  while (["abstract", "async"].includes(text())) at++;
  if (["class", "function", "enum", "namespace", "module", "import"].includes(text())) {
    if (text(1) === "*") at++;
    return tokens[at + 1]?.kind === "word" && names.push(text(1)) > 0;
  }
  if (text() === "const" && text(1) === "enum") return names.push(text(2)) > 0;
  if (["const", "let", "var"].includes(text())) return readDeclarations(tokens, at + 1, names);
  return false;
}

/** `{ A, B as C, type D, default as E }`. */
function readClause(tokens: readonly Token[], start: number, names: string[]): boolean {
  let part: Token[] = [];
  for (let at = start; at < tokens.length; at++) {
    const token = tokens[at]!;
    if (token.text !== "," && token.text !== "}") {
      part.push(token);
      continue;
    }
    const isType = part.length > 1 && part[0]!.text === "type" && part[1]!.text !== "as";
    if (part.length > 0 && !isType) names.push(part.at(-1)!.text);
    part = [];
    if (token.text === "}") return true;
  }
  return false;
}

/** `A = …, B: Type = …` up to the end of the statement; a pattern binds names that are not looked for. */
function readDeclarations(tokens: readonly Token[], start: number, names: string[]): boolean {
  const first = tokens[start];
  if (first?.kind !== "word") return false;
  names.push(first.text);
  for (let at = start + 1; at < tokens.length; at++) {
    const { depth, text } = tokens[at]!;
    if (depth !== 0) continue;
    if (text === ";" || text === "export") return true;
    // A generic's comma looks the same, and its names do no harm.
    if (text === "," && tokens[at + 1]?.kind === "word") names.push(tokens[at + 1]!.text);
  }
  return true;
}

/** The tokens with their bracket depth, without comments; null where brackets or quotes do not close. */
function tokenize(source: string): Token[] | null {
  const tokens: Token[] = [];
  const closers: string[] = [];
  let at = 0;
  while (at < source.length) {
    const char = source[at]!;
    const blank = char <= " " || char > "\x7f" ? match(BLANK, source, at) : null;
    if (blank !== null) at += blank.length;
    else if (source.startsWith("//", at) || (at === 0 && source.startsWith("#!"))) at = lineEnd(source, at);
    else if (source.startsWith("/*", at)) {
      const end = source.indexOf("*/", at + 2);
      if (end < 0) return null;
      at = end + 2;
    } else if (char === '"' || char === "'") {
      const end = stringEnd(source, at);
      if (end === null) return null;
      tokens.push({ kind: "string", text: source.slice(at + 1, end - 1), depth: closers.length });
      at = end;
    } else if (char === "`" || (char === "}" && closers.at(-1) === "`")) {
      if (char === "}") closers.pop();
      const end = templateEnd(source, at + 1);
      if (end === null) return null;
      // What stands in `${…}` is code, and its brace closes back into the template.
      if (source[end - 1] === "{") closers.push("`");
      else tokens.push({ kind: "string", text: "", depth: closers.length });
      at = end;
    } else if (char === "/" && startsRegex(tokens)) {
      const end = regexEnd(source, at);
      if (end === null) return null;
      tokens.push({ kind: "string", text: "", depth: closers.length });
      at = end;
    } else {
      const word = match(WORD, source, at) ?? match(NUMBER, source, at);
      const text = word ?? char;
      if (")]}".includes(text) && closers.pop() !== text) return null;
      tokens.push({ kind: word === null ? "mark" : "word", text, depth: closers.length });
      const opens = "([{".indexOf(text);
      if (opens >= 0) closers.push(")]}"[opens]!);
      at += text.length;
    }
  }
  return closers.length === 0 ? tokens : null;
}

function match(pattern: RegExp, source: string, at: number): string | null {
  pattern.lastIndex = at;
  return pattern.exec(source)?.[0] ?? null;
}

function lineEnd(source: string, at: number): number {
  const end = /[\r\n\u2028\u2029]|$/g;
  end.lastIndex = at;
  return end.exec(source)!.index;
}

function stringEnd(source: string, at: number): number | null {
  const quote = source[at];
  for (let i = at + 1; i < source.length; i++) {
    if (source[i] === "\\") i++;
    else if (source[i] === quote) return i + 1;
    // Not a string after all: an apostrophe in JSX text.
    else if (source[i] === "\n") return null;
  }
  return null;
}

/** The end of a template's text: after its back quote, or after the `{` of a substitution. */
function templateEnd(source: string, at: number): number | null {
  for (let i = at; i < source.length; i++) {
    if (source[i] === "\\") i++;
    else if (source[i] === "`") return i + 1;
    else if (source[i] === "$" && source[i + 1] === "{") return i + 2;
  }
  return null;
}

/** Whether a slash here begins a regular expression. `x! / y` (TypeScript) and `i++ / 2` are divisions. */
function startsRegex(tokens: readonly Token[]): boolean {
  const before = tokens.at(-1);
  if (before === undefined) return true;
  const isSuffix =
    (before.text === "!" && !startsRegex(tokens.slice(-2, -1))) ||
    (/^[+-]$/.test(before.text) && tokens.at(-2)?.text === before.text);
  if (before.kind === "string" || isSuffix) return false;
  if (before.kind === "word") return BEFORE_REGEX.has(before.text);
  return !")]}".includes(before.text);
}

function regexEnd(source: string, at: number): number | null {
  let inClass = false;
  for (let i = at + 1; i < source.length; i++) {
    const char = source[i];
    if (char === "\n") return null;
    if (char === "\\") i++;
    else if (char === "[") inClass = true;
    else if (char === "]") inClass = false;
    else if (char === "/" && !inClass) return (match(/\w*/y, source, i + 1)?.length ?? 0) + i + 1;
  }
  return null;
}
