import type { Log } from "sarif";
import { expect, test } from "vitest";
import { RULES } from "../../../src/cli/config/rules.ts";
import { toSarif } from "../../../src/cli/config/sarif.ts";
import { auditCase, readCorpus } from "./corpus.ts";

const findings = readCorpus().flatMap((each) => auditCase(each));
/** The assignment is a test too: the published types of SARIF 2.1.0 have to take what toSarif gives. */
const log: Log = toSarif(findings, "1.2.3");
const [run] = log.runs;

test("one run, with every rule", () => {
  expect([log.version, log.runs.length, run?.columnKind]).toEqual(["2.1.0", 1, "utf16CodeUnits"]);
  expect(run?.tool.driver).toMatchObject({ name: "tes config audit", semanticVersion: "1.2.3" });
  expect(run?.tool.driver.rules?.map(({ id }) => id)).toEqual(Object.keys(RULES));
});

test("one result for each finding, which names its rule twice alike and its place in 1-based lines and columns", () => {
  expect(run?.results).toHaveLength(findings.length);
  for (const [i, result] of run!.results!.entries()) {
    const finding = findings[i]!;
    expect(run!.tool.driver.rules![result.ruleIndex!]!.id).toBe(finding.rule);
    expect([result.ruleId, result.level]).toEqual([finding.rule, finding.severity]);
    expect(result.message.text).toContain(finding.message);
    const { artifactLocation, region } = result.locations![0]!.physicalLocation!;
    expect(artifactLocation?.uri).toMatch(/^config\/(?:toml|json)\/[\w-]+\.\w+$/);
    expect(region).toMatchObject({ startLine: finding.line, startColumn: finding.column });
    // Section 3.30.8: an end may not come before its start.
    const { startLine = 0, startColumn = 0, endLine = startLine, endColumn = startColumn } = region!;
    expect(endLine > startLine || (endLine === startLine && endColumn >= startColumn)).toBe(true);
  }
});

test.each([
  ["a b/ü#?.toml", "a%20b/%C3%BC%23%3F.toml"],
  ["/work/x/wrangler.toml", "file:///work/x/wrangler.toml"],
  ["C:\\work\\wrangler.toml", "file:///C:/work/wrangler.toml"],
  ["a:b.toml", "a%3Ab.toml"],
])("the path %s becomes the reference %s", (file, uri) => {
  const one = toSarif([{ ...findings[0]!, file }], "0");
  expect(one.runs[0]!.results[0]!.locations[0]!.physicalLocation.artifactLocation.uri).toBe(uri);
});
