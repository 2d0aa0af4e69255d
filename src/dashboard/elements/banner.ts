/** What stands across the page, or in place of a part of it, when something is not as it should be. */

import { html, nothing } from "lit";
import type { Handover } from "../model/handover.ts";
import type { Registry } from "../model/registry.ts";
import { addressOf } from "../model/route.ts";
import { explain } from "../model/verdict.ts";
import { count, visible } from "../model/words.ts";
import "./badge.ts";

/** Above the columns: a refusal before everything else. */
export function bannerOf(registry: Registry, online: boolean, showPulse: () => void) {
  const { refusal, link, retryAt, failure, blind } = registry;
  if (refusal !== undefined) {
    return html`<div class="banner refused" role="alert">
        <tes-badge standing="refused" word=${explain(refusal.error)}></tes-badge>
        <button type="button" class="plain" @click=${showPulse}>Show what was refused</button>
      </div>`;
  }
  if (!online)
    return html`<div class="banner" role="status"><tes-badge standing="outage" word="You are offline. What is here was checked before; it goes on without a gap when you are back."></tes-badge></div>`;
  if (blind) {
    return html`<div class="banner" role="status">
        <tes-badge standing="unchecked" word="The live feed needs the scope watch, which your token does not have. What is here was read and checked once."></tes-badge>
        <button type="button" class="plain" @click=${() => void registry.open()}>Read again</button>
      </div>`;
  }
  if (link === "waiting" && failure === undefined) {
    const inSeconds = Math.max(0, Math.ceil(((retryAt ?? 0) - Date.now()) / 1000));
    return html`<div class="banner" role="status">
        <tes-badge standing="outage" word="The authority is out of reach."></tes-badge>
        <span class="muted small" aria-hidden="true">Trying again ${inSeconds > 0 ? `in ${inSeconds} s` : "now"}</span>
        <button type="button" class="plain" @click=${() => void registry.open()}>Now</button>
      </div>`;
  }
  return nothing;
}

/** Below it: that the registry goes on under other keys or in another epoch, on whichever page a person is. */
export function noticeOf(registry: Registry) {
  const { handover } = registry;
  if (handover === undefined) return nothing;
  const [word, text] = wordsOf(handover);
  return html`<div class="banner notice" role="status">
      <tes-badge standing="proven" word=${word}></tes-badge>
      <span class="small">${text}</span>
      <span class="row">
        <a href=${addressOf(registry.name, "keys")}>Keys</a>
        ${handover.kind === "moved" && !handover.here ? nothing : html`<button type="button" class="plain" @click=${() => registry.takeNote()}>Understood</button>`}
      </span>
    </div>`;
}

function wordsOf(handover: Handover): readonly [word: string, text: string] {
  if (handover.kind === "restored") {
    const { epoch, from, lost, otherKeys } = handover;
    const gone = lost > from ? ` Of the log before it, up to size ${count(lost)}, what came after that is gone.` : "";
    return [
      `Restored from a backup, epoch ${count(epoch)}: the recovery key's signature was verified here.`,
      `It goes on from size ${count(from)} under ${otherKeys ? "other keys" : "the same keys"}.${gone}`,
    ];
  }
  const by = `the signature of the keys before was verified here.`;
  return handover.here
    ? [`Other keys sign from statement ${count(handover.seq + 1)} on: ${by}`, "The log is the same."]
    : [`This registry went to ${visible(handover.url)}: ${by}`, "Nothing more is written here."];
}

/** In place of a page whose code did not come. */
export function unfetched(again: () => void) {
  return html`<div class="loading"><div role="alert">
        <tes-badge standing="outage" word="This page could not be fetched. It is fetched again when the authority answers."></tes-badge>
        <p class="row"><button type="button" @click=${again}>Try again</button>
          <button type="button" class="plain" @click=${() => location.reload()}>Load everything again</button></p>
      </div></div>`;
}
