/** Where the guide to signing keys is, for whoever puts it there and whoever serves it. */

/** Its key in KV. The value is the body of a page as HTML, the metadata `{sha256}` of it. */
export const GUIDE_KEY = "guide/set-version-signing-key";
export const GUIDE_PATH = `/${GUIDE_KEY}`;
