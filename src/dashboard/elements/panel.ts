/** What the parts of the page have in common: the registry they show, and how they ask for evidence and changes. */

import { LitElement } from "lit";
import { base } from "../look/base.ts";
import type { Access } from "../model/access.ts";
import type { Changed, Compared } from "../model/comparison.ts";
import type { Registry } from "../model/registry.ts";

/** In the place of an entity in an address: the registry itself. No entity has a name without a colon. */
export const ABOUT = "about";

/** What the evidence drawer shows. */
export type Subject =
  | { readonly kind: "statement"; readonly seq: number; readonly entity?: string | undefined; readonly beside?: true }
  | { readonly kind: "change"; readonly compared: Compared; readonly change: Changed }
  | { readonly kind: "pulse" };

export interface PageEvents {
  evidence: Subject;
  bump: { readonly entity: string; readonly scope?: string };
  "sign-in": { readonly reason?: string; readonly then?: () => void };
}

export class Panel extends LitElement {
  static override styles = [base];
  static override properties = {
    registry: { attribute: false },
    access: { attribute: false },
    tick: { attribute: false },
    rest: { attribute: false },
  };
  declare registry: Registry;
  declare access: Access;
  /** Moves on with every change of the registry, so that everything that shows it is drawn again. */
  declare tick: number;
  /** What the address names in this tab. */
  declare rest: readonly string[];

  /** Sends an event to the page. */
  protected tellPage<K extends keyof PageEvents>(name: K, detail: PageEvents[K]): void {
    this.dispatchEvent(new CustomEvent(`tes-${name}`, { detail, bubbles: true, composed: true }));
  }
}

/** Defines an element unless it is there. */
export function define(name: string, element: CustomElementConstructor): void {
  if (customElements.get(name) === undefined) customElements.define(name, element);
}
