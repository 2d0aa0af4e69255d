/** Dropping what this browser remembers of a registry. Only a person may want that. */

import { forgetPin } from "../model/pins.ts";

/** Asks, forgets, and begins anew. */
export function forgetOnPurpose(pinKey: string): void {
  const question = `Forget the genesis and the log that this browser knows of ${pinKey}? The next answer will be believed without comparing.`;
  if (!confirm(question)) return;
  forgetPin(localStorage, pinKey);
  location.reload();
}
