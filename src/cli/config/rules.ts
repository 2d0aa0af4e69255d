/** Every rule of the audit, in one closed table. docs/config-rules.md is rendered from it, and a test holds the two together. */

import type { Severity } from "./finding.ts";

export interface Rule {
  readonly severity: Severity;
  /** One sentence: the fault. */
  readonly title: string;
  /** One sentence: why it matters, or what happens. */
  readonly why: string;
  /** What wrangler or the Cloudflare API answers at deploy, where that is known. `X` stands for the class. */
  readonly cloudflare?: { readonly code?: number; readonly text: string };
  /** The general mend; a finding's own remedy is more exact where it can be. */
  readonly remedy: string;
  /** Whether `tes config fix` mends it. */
  readonly fix?: true;
}

/** The answer to a fault that neither wrangler nor Cloudflare sees. */
export const NO_ANSWER = { text: "nothing: it deploys without a word" } as const;

const NOT_CONFIGURED = {
  code: 10061,
  text: "Cannot create binding for class 'X' because it is not currently configured to implement Durable Objects.",
} as const;

/** Where each group of rules begins in the table below, for the documentation. */
export const GROUPS = {
  parse: "The file",
  "migrations-nested": "Migrations",
  "exports-and-migrations": "Declarative exports",
  "binding-duplicate": "Bindings",
  "env-not-inherited": "Environments",
  "secret-in-vars": "Secrets",
  "pages-project": "Good to know",
} as const;

export const RULES = {
  // The file.
  parse: {
    severity: "error",
    title: "The file does not parse.",
    why: "wrangler reads nothing of it.",
    cloudflare: { text: "wrangler stops with a parse error" },
    remedy: "Correct the syntax at this place.",
  },
  "key-duplicate": {
    severity: "warning",
    title: "A JSON key stands twice in one object.",
    why: "The last one counts, the first is dropped, and nothing says so.",
    cloudflare: NO_ANSWER,
    remedy: "Merge the two, and keep one.",
  },
  "unknown-field": {
    severity: "warning",
    title: "A field that wrangler does not know.",
    why: "It is ignored. wrangler warns for the targeted environment only.",
    cloudflare: { text: 'Unexpected fields found in … field: "…"' },
    remedy: "Correct its name, or remove it.",
  },
  "removed-field": {
    severity: "error",
    title: "A field that wrangler has removed.",
    why: "wrangler stops before it deploys.",
    cloudflare: { text: 'The "…" field is no longer supported' },
    remedy: "Remove it.",
  },
  "invalid-value": {
    severity: "error",
    title: "A value that wrangler does not take: of another type, not one of the allowed ones, or missing.",
    why: "wrangler stops before it deploys.",
    cloudflare: { text: 'Expected "…" to be of type …' },
    remedy: "Write the value the message names.",
  },
  "deploy-field-missing": {
    severity: "error",
    title: "name, compatibility_date or main is missing.",
    why: "A plain `wrangler deploy` stops. They can also be given as arguments.",
    cloudflare: {
      text: "You need to provide the name of your worker / A compatibility_date is required / Missing entry-point",
    },
    remedy: "Write them at the top level; environments inherit them.",
  },
  "name-invalid": {
    severity: "error",
    title: "A Worker's name holds other characters than a-z, 0-9, - and _.",
    why: "wrangler stops; for a name made of the name and the environment only Cloudflare does.",
    cloudflare: { text: 'Expected "name" to be of type string, alphanumeric and lowercase with dashes only' },
    remedy: "Use lower-case letters, digits, - and _.",
  },
  "compatibility-date-invalid": {
    severity: "error",
    title: "compatibility_date is not a date written YYYY-MM-DD.",
    why: "wrangler stops before it deploys.",
    cloudflare: { text: '"compatibility_date" field should be a valid ISO-8601 date (YYYY-MM-DD)' },
    remedy: "Write it as YYYY-MM-DD.",
  },
  "files-side-by-side": {
    severity: "warning",
    title: "Several wrangler configurations lie side by side.",
    why: "wrangler reads wrangler.json before .jsonc before .toml and says nothing about the others.",
    cloudflare: NO_ANSWER,
    remedy: "Keep one of them.",
  },

  // Migrations.
  "migrations-nested": {
    severity: "error",
    title: "Migrations stand under durable_objects, where wrangler does not look.",
    why: "They are never applied; a dry run warns and exits with 0.",
    cloudflare: NOT_CONFIGURED,
    remedy: "Move them to top-level [[migrations]].",
    fix: true,
  },
  "migrations-nested-duplicate": {
    severity: "warning",
    title: "Migrations under durable_objects repeat the top-level ones.",
    why: "They are ignored.",
    cloudflare: { text: 'Unexpected fields found in durable_objects field: "migrations"' },
    remedy: "Remove the nested copy.",
    fix: true,
  },
  "migrations-not-array": {
    severity: "error",
    title: "migrations is one table and not a list.",
    why: "wrangler stops before it deploys.",
    cloudflare: { text: 'The optional "migrations" field should be an array' },
    remedy: "Write [[migrations]] with two brackets, or a JSON array.",
  },
  "migration-tag-missing": {
    severity: "error",
    title: "A migration has no tag.",
    why: "wrangler stops before it deploys.",
    cloudflare: { text: '"migrations[…].tag" is a required field.' },
    remedy: 'Give it a tag that no other has, for example tag = "v2".',
  },
  "migration-tag-duplicate": {
    severity: "error",
    title: "Two migrations have the same tag.",
    why: "wrangler sends everything after the first of them again with every deploy, and Cloudflare refuses a class that exists.",
    cloudflare: {
      code: 10074,
      text: "Cannot apply new-class migration to class 'X' that is already depended on by existing Durable Objects",
    },
    remedy: "Give each migration its own tag; never change one that was deployed.",
  },
  "migration-field-unknown": {
    severity: "error",
    title: "A migration holds a field that wrangler does not know.",
    why: "It is ignored, and with it the class it should have created.",
    cloudflare: NOT_CONFIGURED,
    remedy: "Use new_sqlite_classes, new_classes, renamed_classes, deleted_classes or transferred_classes.",
  },
  "migration-class-missing": {
    severity: "error",
    title: "A migration renames or deletes a class that no earlier one made.",
    why: "wrangler replays the list from the start and stops.",
    cloudflare: { text: "Cannot apply … migration to non-existent class X" },
    remedy: "Correct the name, or put the migration that made the class back in front.",
  },
  "migration-class-existing": {
    severity: "error",
    title: "A migration makes a class that already exists.",
    why: "wrangler replays the list from the start and stops.",
    cloudflare: { code: 10074, text: "Cannot apply … migration to existing class X" },
    remedy: "Remove the second one. To start over, delete the class in one migration and create it in a later one.",
  },
  "migration-storage-switch": {
    severity: "error",
    title: "A class is switched between KV-backed and SQLite-backed storage.",
    why: "The storage of a class is fixed when it is made.",
    cloudflare: { text: "Cannot apply … migration to existing class X" },
    remedy: "Create a class with another name, move the data in your own code, then delete the old class.",
  },
  "new-classes-kv": {
    severity: "warning",
    title: "new_classes makes a KV-backed class.",
    why: "The Free plan refuses it, and since July 2026 so does every account without a KV-backed namespace of old.",
    cloudflare: {
      code: 10097,
      text: "In order to use Durable Objects with a free plan, you must create a namespace using a `new_sqlite_classes` migration.",
    },
    remedy:
      "For a class that was never deployed, write new_sqlite_classes. For one that was, leave it and use --ignore new-classes-kv.",
  },
  "lifecycle-missing": {
    severity: "error",
    title: "A Durable Object is bound, and there are no migrations and no exports at all.",
    why: "The first deploy fails; a dry run warns and exits with 0.",
    cloudflare: NOT_CONFIGURED,
    remedy: "Add a first migration with new_sqlite_classes.",
    fix: true,
  },
  "class-uncovered": {
    severity: "error",
    title: "A bound class is not among those that exist after all migrations (or that exports declares live).",
    why: "The deploy fails; a dry run says nothing.",
    cloudflare: NOT_CONFIGURED,
    remedy: "Add a migration that creates it, or correct class_name.",
  },
  "class-deleted-bound": {
    severity: "error",
    title: "A class is deleted and still bound.",
    why: "The deploy fails; a dry run says nothing.",
    cloudflare: {
      code: 10061,
      text: "Cannot apply --delete-class migration to class 'X' without also removing the binding that references it.",
    },
    remedy: "Remove the binding, deploy, and only then delete the class.",
  },
  "class-renamed-bound": {
    severity: "error",
    title: "A binding uses the name that a class had before it was renamed or transferred away.",
    why: "The deploy fails; a dry run says nothing.",
    cloudflare: NOT_CONFIGURED,
    remedy: "Bind the new name.",
  },
  "class-not-exported": {
    severity: "error",
    title: "A class that exists after the migrations, or that is bound, is not exported by the entry point.",
    why: "The deploy fails; a dry run notices bound classes only.",
    cloudflare: { code: 10070, text: "Cannot apply new-class migration to class 'X' that is not exported by script" },
    remedy: "Export the class from the entry point; to drop a deployed class, delete it in a migration (else 10064).",
  },

  "entry-unread": {
    severity: "note",
    title: "The entry point's exports cannot be read.",
    why: "It is not there yet, is not JavaScript or TypeScript, or passes on what a package exports.",
    remedy: "Nothing to do; wrangler's dry run checks the classes that are bound.",
  },

  // Declarative exports.
  "exports-and-migrations": {
    severity: "error",
    title: "migrations and Durable Object exports stand together.",
    why: "wrangler stops before it deploys.",
    cloudflare: { text: "`migrations` and `exports` are mutually exclusive." },
    remedy: "Keep one. After a deploy with exports there is no way back to migrations (100403).",
  },
  "exports-target-missing": {
    severity: "error",
    title: "An export is renamed to a class that exports does not declare live.",
    why: "A dry run says nothing; the data would go to a class that does not exist.",
    remedy: "Declare the new class with its storage beside the renamed one.",
  },

  // Bindings.
  "binding-duplicate": {
    severity: "error",
    title: "Two bindings of one Worker have the same name.",
    why: "wrangler stops before it deploys.",
    cloudflare: { text: "X assigned to multiple … bindings." },
    remedy: "Give each its own name.",
  },
  "binding-environment": {
    severity: "error",
    title: "A Durable Object binding names an environment without a script_name.",
    why: "wrangler stops before it deploys.",
    cloudflare: { text: 'binding should have a "script_name" field if "environment" is present.' },
    remedy: "Add script_name, or remove environment.",
  },
  "script-name-self": {
    severity: "warning",
    title: "A Durable Object binding names its own Worker as script_name.",
    why: "The first deploy fails, for the Worker it names does not exist yet; wrangler's own checks skip such a binding.",
    cloudflare: { code: 10061, text: "Cannot create binding for class 'X' in script 'Y' because it does not exist" },
    remedy: "Leave script_name out.",
  },
  "script-name-elsewhere": {
    severity: "note",
    title: "A binding uses the Durable Objects of a Worker that this file does not describe.",
    why: "Whether that Worker exists and exports the class cannot be seen here; a dry run does not look either.",
    cloudflare: { code: 10061, text: "Cannot create binding for class 'X' in script 'Y' because it does not exist" },
    remedy: "Deploy that Worker first, and check its name.",
  },
  "script-name-crosses-env": {
    severity: "warning",
    title: "A binding of one environment names the Worker of another one in this file.",
    why: "It reads and writes the other environment's objects.",
    cloudflare: NO_ANSWER,
    remedy: "Leave script_name out to use this environment's own objects, or name a Worker of this environment.",
  },

  // Environments.
  "env-not-inherited": {
    severity: "warning",
    title: "An environment lacks what it does not inherit.",
    why: "The Worker deploys without it. wrangler warns for the targeted environment only.",
    cloudflare: { text: '"…" exists at the top level, but not on "env.…".' },
    remedy: "Repeat it in the environment.",
  },
  "secrets-not-inherited": {
    severity: "warning",
    title: "[secrets] required is not repeated in an environment.",
    why: "A deploy of that environment does not check that its secrets are set.",
    cloudflare: { text: '"secrets" exists at the top level, but not on "env.…".' },
    remedy: "Repeat required in the environment.",
    fix: true,
  },
  "custom-domain-inherited": {
    severity: "warning",
    title: "An environment inherits a custom domain.",
    why: "Its deploy takes the domain away from the top-level Worker. wrangler warns for the targeted environment only.",
    cloudflare: {
      text: "Deploying this environment will reassign these custom domains away from the top-level Worker.",
    },
    remedy: "Write routes = [] in the environment, or routes of its own.",
  },
  "worker-name-shared": {
    severity: "warning",
    title: "Two environments deploy to the same Worker.",
    why: "Each deploy overwrites the other's, and nothing says so.",
    cloudflare: NO_ANSWER,
    remedy: "Give each environment its own name, or leave name out of it.",
  },
  "env-name-invalid": {
    severity: "warning",
    title: "An environment's name cannot be used.",
    why: 'An empty name cannot be targeted, for --env="" is the top level; others make a Worker name that is refused.',
    remedy: "Use lower-case letters, digits, - and _.",
  },

  // Secrets.
  "secret-in-vars": {
    severity: "error",
    title: "The name of a secret stands in vars.",
    why: "Where required does not list it too, the deploy replaces the secret with plain text that the dashboard shows, and exits with 0.",
    cloudflare: { text: "X assigned to Environment Variable and Secret bindings." },
    remedy:
      "Remove it from vars and set it with `tes key deploy` or `wrangler secret put`. Replace the value: it has been in a file.",
  },
  "secret-value": {
    severity: "error",
    title: "A value looks like a secret: 64 hexadecimal characters, a private key, or a token of a known form.",
    why: "What stands in the configuration is deployed as plain text and kept in version control.",
    cloudflare: NO_ANSWER,
    remedy: "Replace it where it was issued, and set the new one with `wrangler secret put`.",
  },
  "secret-in-comment": {
    severity: "error",
    title: "A comment holds what looks like a secret.",
    why: "Commented out is still in the file, and in version control.",
    cloudflare: NO_ANSWER,
    remedy: "Remove the comment, and replace the secret where it was issued.",
  },
  "secret-not-ignored": {
    severity: "error",
    title: "The file holds a secret, and git does not ignore it.",
    why: "The next commit publishes it to everybody who can read the repository.",
    cloudflare: NO_ANSWER,
    remedy: "Take the secret out. If it was committed, it stays in the history: replace it.",
  },

  // Good to know.
  "pages-project": {
    severity: "note",
    title: "This configures a Pages project.",
    why: "Pages has no migrations and its own fields, so only syntax, fields and secrets are checked.",
    remedy: "Nothing to do.",
  },
} as const satisfies Record<string, Rule>;

export type RuleId = keyof typeof RULES;

/** The rule of an id, with its optional parts. */
export function ruleOf(id: RuleId): Rule {
  return RULES[id];
}
