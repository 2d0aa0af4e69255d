import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { OUTPUTS } from "../../../scripts/answers.ts";
import { ERRORS } from "../../../src/core/errors.ts";
import { ROUTE_TABLE } from "../../../src/worker/route-table.ts";

const root = join(import.meta.dirname, "../../..");

test.each(OUTPUTS)("$path is what the route table and the schemas make (npm run answers)", ({ path, render }) => {
  expect(readFileSync(join(root, path), "utf8")).toBe(render());
});

test("every route is in both, under its path and method", () => {
  const [page, openapi] = OUTPUTS.map(({ render }) => render());
  const { paths, components } = JSON.parse(openapi!);
  const operations = Object.values(
    paths as Record<string, Record<string, { operationId: string; "x-codes": string[] }>>,
  )
    .flatMap((methods) => Object.values(methods))
    .map(({ operationId }) => operationId);
  expect(operations.sort()).toEqual(Object.keys(ROUTE_TABLE).sort());
  for (const name of Object.keys(ROUTE_TABLE)) expect(page).toContain(`| \`${name}\` |`);
  // Every reference leads somewhere.
  for (const [, section, name] of openapi!.matchAll(/"#\/components\/(\w+)\/([^"]+)"/g)) {
    expect(components[section!], name).toHaveProperty([name!]);
  }
  expect(components.schemas.Problem.properties.code.enum).toEqual(Object.keys(ERRORS));
});
