/**
 * The client's one suite, in web-standard TypeScript: it names no runtime and no test framework. Whoever runs it brings
 * the runner, the client to be tested, and an authority.
 */

import type * as ClientModule from "../../src/client/index.ts";
import { answersSuite } from "./suite/answers.ts";
import { authoritySuite } from "./suite/authority.ts";
import { historySuite } from "./suite/history.ts";
import { logSuite } from "./suite/log.ts";
import { networkSuite } from "./suite/network.ts";
import { primitivesSuite } from "./suite/primitives.ts";
import { secretSuite } from "./suite/secret.ts";
import { textsSuite } from "./suite/texts.ts";

export type Client = typeof ClientModule;

/** What the suite runs against. Made of text alone, so that it goes into any runtime. */
export interface Target {
  /** An authority of which `default` is public. */
  readonly url: string;
  readonly genesis: string;
  /** Allows everything. */
  readonly token: string;
  /** `global:<name>` and its linked child `component:<name>` are declared, at 1.0.0, and nobody else touches them. */
  readonly name: string;
  /** A server that redirects everything to the authority. */
  readonly redirector: string;
  /** Stands for a secret; whoever started the runtime looks for it in everything that it printed. */
  readonly canary: string;
}

export interface SuiteOptions extends Target {
  /** Registers one test. They are to be run one after the other, in their order. */
  readonly test: (name: string, run: () => void | Promise<void>) => void;
  /** The client: from its sources or as it was built. */
  readonly client: Client;
  /** How this runtime shows a value to a developer. None where there is only a console. */
  readonly inspectors: readonly ((value: unknown) => string)[];
}

export function suite(options: SuiteOptions): void {
  primitivesSuite(options);
  textsSuite(options);
  secretSuite(options);
  authoritySuite(options);
  logSuite(options);
  historySuite(options);
  answersSuite(options);
  networkSuite(options);
}
