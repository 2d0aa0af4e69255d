/**
 * What a CI system says of the job that runs: names that are known to hold no secret, one list a system. Nothing else of
 * the environment is looked at, and what is found is only ever as true as the machine that says it.
 */

type Environment = Readonly<Record<string, string | undefined>>;

interface CiSystem {
  readonly name: string;
  /** Tells the system: a variable, and what it must be, where being set is not enough. */
  readonly sign: readonly [name: string, value?: string];
  readonly variables: readonly string[];
  /** Who built, as a URI (SLSA v1.0, builder.id). */
  builder(env: Environment): string;
  /** The very run, as a URL where the system has one. */
  invocation(env: Environment): string | undefined;
  /** Where the checkout came from, for a job without git. */
  readonly commit: string;
}

const all = (env: Environment, ...names: readonly string[]): readonly string[] | undefined => {
  const values = names.map((name) => env[name] ?? "");
  return values.every((value) => value !== "") ? values : undefined;
};

const SYSTEMS: readonly CiSystem[] = [
  {
    name: "GitHub Actions",
    sign: ["GITHUB_ACTIONS", "true"],
    variables: [
      "GITHUB_SERVER_URL",
      "GITHUB_REPOSITORY",
      "GITHUB_REPOSITORY_ID",
      "GITHUB_REPOSITORY_OWNER_ID",
      "GITHUB_SHA",
      "GITHUB_REF",
      "GITHUB_WORKFLOW_REF",
      "GITHUB_WORKFLOW_SHA",
      "GITHUB_EVENT_NAME",
      "GITHUB_JOB",
      "GITHUB_ACTOR_ID",
      "GITHUB_RUN_ID",
      "GITHUB_RUN_NUMBER",
      "GITHUB_RUN_ATTEMPT",
      "RUNNER_ENVIRONMENT",
      "RUNNER_OS",
      "RUNNER_ARCH",
      "ImageOS",
      "ImageVersion",
    ],
    builder: ({ RUNNER_ENVIRONMENT: kind = "unknown" }) =>
      `https://github.com/actions/runner/${/^[a-z-]+$/.test(kind) ? kind : "unknown"}`,
    invocation(env) {
      const [server, repository, run, attempt] =
        all(env, "GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT") ?? [];
      return server === undefined ? undefined : `${server}/${repository}/actions/runs/${run}/attempts/${attempt}`;
    },
    commit: "GITHUB_SHA",
  },
  {
    name: "GitLab CI",
    sign: ["GITLAB_CI", "true"],
    variables: [
      "CI_SERVER_URL",
      "CI_SERVER_VERSION",
      "CI_PROJECT_URL",
      "CI_PROJECT_ID",
      "CI_PROJECT_PATH",
      "CI_COMMIT_SHA",
      "CI_COMMIT_REF_NAME",
      "CI_COMMIT_TAG",
      "CI_CONFIG_PATH",
      "CI_PIPELINE_ID",
      "CI_PIPELINE_URL",
      "CI_PIPELINE_SOURCE",
      "CI_JOB_ID",
      "CI_JOB_NAME",
      "CI_JOB_URL",
      "CI_RUNNER_ID",
      "CI_RUNNER_VERSION",
      "CI_RUNNER_EXECUTABLE_ARCH",
    ],
    builder(env) {
      const [project, runner] = all(env, "CI_PROJECT_URL", "CI_RUNNER_ID") ?? [];
      return project === undefined ? "https://gitlab.com/gitlab-org/gitlab-runner" : `${project}/-/runners/${runner}`;
    },
    invocation: (env) => env.CI_JOB_URL,
    commit: "CI_COMMIT_SHA",
  },
  {
    name: "CircleCI",
    sign: ["CIRCLECI", "true"],
    variables: [
      "CIRCLE_PROJECT_USERNAME",
      "CIRCLE_PROJECT_REPONAME",
      "CIRCLE_SHA1",
      "CIRCLE_BRANCH",
      "CIRCLE_TAG",
      "CIRCLE_JOB",
      "CIRCLE_BUILD_NUM",
      "CIRCLE_BUILD_URL",
      "CIRCLE_WORKFLOW_ID",
      "CIRCLE_PIPELINE_ID",
    ],
    builder: () => "https://circleci.com/",
    invocation: (env) => env.CIRCLE_BUILD_URL,
    commit: "CIRCLE_SHA1",
  },
  {
    name: "Buildkite",
    sign: ["BUILDKITE", "true"],
    variables: [
      "BUILDKITE_ORGANIZATION_SLUG",
      "BUILDKITE_PIPELINE_SLUG",
      "BUILDKITE_COMMIT",
      "BUILDKITE_BRANCH",
      "BUILDKITE_TAG",
      "BUILDKITE_BUILD_ID",
      "BUILDKITE_BUILD_NUMBER",
      "BUILDKITE_BUILD_URL",
      "BUILDKITE_JOB_ID",
      "BUILDKITE_AGENT_ID",
      "BUILDKITE_SOURCE",
    ],
    builder(env) {
      const [organization] = all(env, "BUILDKITE_ORGANIZATION_SLUG") ?? [];
      return organization === undefined ? "https://buildkite.com/" : `https://buildkite.com/${organization}`;
    },
    invocation(env) {
      const [build, job] = all(env, "BUILDKITE_BUILD_URL", "BUILDKITE_JOB_ID") ?? [];
      return build === undefined ? env.BUILDKITE_BUILD_URL : `${build}#${job}`;
    },
    commit: "BUILDKITE_COMMIT",
  },
  {
    name: "Azure Pipelines",
    sign: ["TF_BUILD"],
    variables: [
      "SYSTEM_TEAMPROJECT",
      "SYSTEM_TEAMPROJECTID",
      "SYSTEM_DEFINITIONID",
      "BUILD_BUILDID",
      "BUILD_BUILDNUMBER",
      "BUILD_DEFINITIONNAME",
      "BUILD_REASON",
      "BUILD_REPOSITORY_NAME",
      "BUILD_REPOSITORY_PROVIDER",
      "BUILD_SOURCEBRANCH",
      "BUILD_SOURCEVERSION",
      "SYSTEM_JOBID",
      "AGENT_OS",
      "AGENT_OSARCHITECTURE",
    ],
    builder: () => "https://dev.azure.com/",
    invocation(env) {
      const [base, project, build] =
        all(env, "SYSTEM_TEAMFOUNDATIONCOLLECTIONURI", "SYSTEM_TEAMPROJECT", "BUILD_BUILDID") ?? [];
      if (base === undefined) return undefined;
      return `${base.replace(/\/$/, "")}/${encodeURIComponent(project!)}/_build/results?buildId=${build}`;
    },
    commit: "BUILD_SOURCEVERSION",
  },
  {
    name: "Bitbucket Pipelines",
    sign: ["BITBUCKET_BUILD_NUMBER"],
    variables: [
      "BITBUCKET_WORKSPACE",
      "BITBUCKET_REPO_SLUG",
      "BITBUCKET_REPO_UUID",
      "BITBUCKET_COMMIT",
      "BITBUCKET_BRANCH",
      "BITBUCKET_TAG",
      "BITBUCKET_BUILD_NUMBER",
      "BITBUCKET_PIPELINE_UUID",
      "BITBUCKET_STEP_UUID",
    ],
    builder: () => "https://bitbucket.org/",
    invocation(env) {
      const [origin, build] = all(env, "BITBUCKET_GIT_HTTP_ORIGIN", "BITBUCKET_BUILD_NUMBER") ?? [];
      return origin === undefined ? undefined : `${origin}/pipelines/results/${build}`;
    },
    commit: "BITBUCKET_COMMIT",
  },
  {
    name: "Woodpecker CI",
    sign: ["CI", "woodpecker"],
    variables: [
      "CI_SYSTEM_URL",
      "CI_SYSTEM_VERSION",
      "CI_REPO",
      "CI_COMMIT_SHA",
      "CI_COMMIT_REF",
      "CI_COMMIT_BRANCH",
      "CI_COMMIT_TAG",
      "CI_PIPELINE_NUMBER",
      "CI_PIPELINE_EVENT",
      "CI_PIPELINE_URL",
      "CI_WORKFLOW_NAME",
      "CI_STEP_NAME",
    ],
    builder: (env) => env.CI_SYSTEM_URL || "https://woodpecker-ci.org/",
    invocation: (env) => env.CI_PIPELINE_URL,
    commit: "CI_COMMIT_SHA",
  },
  {
    name: "Cloudflare Workers Builds",
    sign: ["WORKERS_CI", "1"],
    variables: ["WORKERS_CI_BUILD_UUID", "WORKERS_CI_COMMIT_SHA", "WORKERS_CI_BRANCH"],
    builder: () => "https://developers.cloudflare.com/workers/ci-cd/builds/",
    invocation: ({ WORKERS_CI_BUILD_UUID: id }) => (id ? `urn:uuid:${id}` : undefined),
    commit: "WORKERS_CI_COMMIT_SHA",
  },
  {
    name: "Cloudflare Pages",
    sign: ["CF_PAGES", "1"],
    variables: ["CF_PAGES_COMMIT_SHA", "CF_PAGES_BRANCH", "CF_PAGES_URL"],
    builder: () => "https://pages.cloudflare.com/",
    invocation: (env) => env.CF_PAGES_URL,
    commit: "CF_PAGES_COMMIT_SHA",
  },
  {
    // Last: other systems set JENKINS_URL for the plugins of Jenkins that run on them.
    name: "Jenkins",
    sign: ["JENKINS_URL"],
    variables: [
      "JENKINS_URL",
      "JOB_NAME",
      "BUILD_NUMBER",
      "BUILD_ID",
      "BUILD_URL",
      "GIT_COMMIT",
      "GIT_BRANCH",
      "BRANCH_NAME",
      "TAG_NAME",
      "NODE_NAME",
      "EXECUTOR_NUMBER",
    ],
    builder: (env) => env.JENKINS_URL!,
    invocation: (env) => env.BUILD_URL,
    commit: "GIT_COMMIT",
  },
];

/** A value of a CI variable, at most. Real ones are names and addresses. */
const MAX_VALUE_CHARS = 512;

export interface CiFacts {
  readonly system: string;
  readonly builder: string;
  readonly invocation?: string;
  readonly commit?: string;
  /** Those of the system's own list that are set, by name. */
  readonly variables: Readonly<Record<string, string>>;
}

/** The CI system that this runs in, and what it says of the job; null outside of the known ones. */
export function readCi(env: Environment): CiFacts | null {
  const system = SYSTEMS.find(({ sign: [name, value] }) => (value === undefined ? env[name] : env[name] === value));
  if (system === undefined) return null;
  const variables: Record<string, string> = {};
  for (const name of system.variables) {
    const value = env[name];
    if (value !== undefined && value !== "") variables[name] = tidy(value);
  }
  const invocation = system.invocation(env);
  const commit = env[system.commit];
  return {
    system: system.name,
    builder: tidy(system.builder(env)),
    ...(invocation === undefined || invocation === "" ? {} : { invocation: tidy(invocation) }),
    ...(commit !== undefined && /^[0-9a-f]{40}(?:[0-9a-f]{24})?$/.test(commit) ? { commit } : {}),
    variables,
  };
}

/** What an address may carry beside the place: a user, a password. */
const USERINFO = /^([a-z][a-z0-9+.-]*:\/\/)[^/?#\s]*@/i;

/** An address without whoever's credentials stand in it; any other text as it is. */
export function withoutCredentials(address: string): string {
  return address.replace(USERINFO, "$1");
}

function tidy(value: string): string {
  const plain = withoutCredentials(value.toWellFormed().replace(/[\p{Cc}\p{Cf}]/gu, " "));
  return plain.length <= MAX_VALUE_CHARS ? plain : `${plain.slice(0, MAX_VALUE_CHARS - 1)}…`;
}
