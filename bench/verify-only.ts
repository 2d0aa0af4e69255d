/** What a program imports that only checks receipts and answers against keys it already trusts. */

export { verifyReceipt, verifyResponse } from "../src/client/index.ts";
