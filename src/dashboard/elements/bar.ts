/** The bar above everything: which registry, what to find, who is signed in, and the pulse. */

import { html } from "lit";
import type { SignedIn } from "../model/access.ts";
import type { Registry } from "../model/registry.ts";
import { addressOf } from "../model/route.ts";
import type { Theme } from "../model/theme.ts";
import { visible } from "../model/words.ts";
import "./pulse.ts";

export interface BarParts {
  readonly registry: Registry;
  /** To choose from; the one that is looked at is among them even if nobody lists it. */
  readonly registries: readonly string[];
  readonly signed: SignedIn | undefined;
  readonly theme: Theme;
  readonly tick: number;
  readonly switched: (event: Event) => void;
  readonly find: () => void;
  readonly turn: () => void;
  readonly signIn: () => void;
  readonly signOut: () => void;
}

/** Where the bar has no room for it, it stands beside the pages. */
export function themeOf(theme: Theme, turn: () => void) {
  return html`<button type="button" class="plain theme" aria-label=${theme === "light" ? "Dark theme" : "Light theme"} @click=${turn}>
      <svg viewBox="0 0 16 16" aria-hidden="true"><circle cx="8" cy="8" r="6" /><path class="half" d="M8 2a6 6 0 0 1 0 12z" /></svg>
    </button>`;
}

export function barOf({ registry, registries, signed, theme, tick, ...told }: BarParts) {
  const names = registries.includes(registry.name) ? registries : [registry.name, ...registries];
  return html`<header class="bar">
    <a class="mark" href=${addressOf(registry.name, "entities")} aria-label="TES, ${registry.name}"
      ><svg viewBox="0 0 32 32" aria-hidden="true"><path class="hex" d="M16 1.5 28.6 8.75v14.5L16 30.5 3.4 23.25V8.75z" /><path class="tick" d="m9.6 16.4 4.3 4.3 8.6-9" /></svg
      ><span>TES</span></a>
    ${
      names.length > 1
        ? html`<label class="hidden-label" for="registry">Registry</label>
            <select id="registry" @change=${told.switched}>${names.map((name) => html`<option ?selected=${name === registry.name}>${name}</option>`)}</select>`
        : html`<span class="name">${registry.name}</span>`
    }
    <button type="button" class="find" @click=${told.find}>
      <svg viewBox="0 0 16 16" aria-hidden="true"><circle cx="7" cy="7" r="4.5" /><path d="m10.5 10.5 3.5 3.5" /></svg><span>Find or do</span><kbd>Ctrl K</kbd>
    </button>
    <span class="gap"></span>
    ${themeOf(theme, told.turn)}
    ${
      signed === undefined
        ? html`<button type="button" class="plain" @click=${told.signIn}>Sign in</button>`
        : html`<button type="button" class="plain who" title="Scopes: ${visible(signed.scope.join(", "))}" @click=${told.signOut}><span class="sub foreign">${visible(signed.sub ?? "Signed in")}</span><span class="muted">Sign out</span></button>`
    }
    <tes-pulse .registry=${registry} .tick=${tick}></tes-pulse>
  </header>`;
}
