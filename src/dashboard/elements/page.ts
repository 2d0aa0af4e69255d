/** Which element shows a tab. */

import { html, type TemplateResult } from "lit";
import type { Access } from "../model/access.ts";
import { pinSource } from "../model/pins.ts";
import type { Registry } from "../model/registry.ts";
import type { Route } from "../model/route.ts";
import "./entity.ts";
import "./overview.ts";
import { ABOUT } from "./panel.ts";

/** What each of them is given. */
export interface Shown {
  readonly registry: Registry;
  readonly access: Access;
  readonly tick: number;
  readonly pinKey: string;
}

/** The page of a tab whose code is here. */
export function pageOf({ tab, rest }: Route, { registry, access, tick, pinKey }: Shown): TemplateResult {
  switch (tab) {
    case "entities":
      return rest[0] === undefined || rest[0] === ABOUT
        ? html`<tes-overview .registry=${registry} .access=${access} .tick=${tick}></tes-overview>`
        : html`<tes-entity .registry=${registry} .access=${access} .tick=${tick} .chosen=${rest[0]}></tes-entity>`;
    case "history":
      return html`<tes-history .registry=${registry} .access=${access} .tick=${tick} .rest=${rest}></tes-history>`;
    case "releases":
      return html`<tes-releases .registry=${registry} .access=${access} .tick=${tick} .rest=${rest}></tes-releases>`;
    case "keys":
      return html`<tes-keys .registry=${registry} .access=${access} .tick=${tick} .pinKey=${pinKey} .pinSource=${pinSource(localStorage, pinKey)}></tes-keys>`;
    case "guards":
      return html`<tes-guards .registry=${registry} .access=${access} .tick=${tick}></tes-guards>`;
    case "metrics":
      return html`<tes-metrics .registry=${registry} .access=${access} .tick=${tick}></tes-metrics>`;
  }
}
