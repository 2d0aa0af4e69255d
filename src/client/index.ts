/** Everything that users of the client may import. */

export type { Checkpoint } from "../core/checkpoint.ts";
export { ERRORS, type ErrorCode, type Problem, TesError, toTesError } from "../core/errors.ts";
export { type HttpRequestParts, requestParts } from "../core/http-signatures.ts";
export { type JsonValue, parseJson } from "../core/json.ts";
export { Secret } from "../core/secret.ts";
export type {
  BlobAnswer,
  BumpAnswer,
  DiffAnswer,
  EntityView,
  HistoryAnswer,
  HistoryEntry,
  ImportAnswer,
  KeyProofAnswer,
  KeysAnswer,
  Receipt,
  RegistriesAnswer,
  SessionAnswer,
  StateAnswer,
} from "../protocol/answers.ts";
export type { Provenance } from "../protocol/provenance.ts";
export type { BumpRequest, Declaration, GenesisRequest } from "../protocol/requests.ts";
export type { Change, EntityDeclared, Genesis, Statement, VersionBumped } from "../protocol/statements.ts";
export type { Artifacts, DownloadOptions, UploadSource } from "./artifacts.ts";
export type { ImportTarget } from "./carry.ts";
export {
  type BumpResult,
  createClient,
  type DeclareResult,
  openImport,
  type TesClient,
  type WriteOptions,
} from "./client.ts";
export { type AuditNode, explainReceipt, type ReceiptEvidence } from "./evidence.ts";
export type { Lifecycle } from "./lifecycle.ts";
export type { ClientOptions, PageSessionOption } from "./options.ts";
export type { PageSessions } from "./page-sessions.ts";
export { advances, memoryPins, type Pin, type PinStore } from "./pins.ts";
export type { Publishing, PublishResult } from "./publishing.ts";
export { type LogTrust, type VerifiedReceipt, verifyReceipt } from "./receipt.ts";
export {
  findSubject,
  type ProvenRelease,
  parseReleaseDocument,
  RELEASE_DOCUMENT_TYPE,
  type ReleaseDocument,
  verifyRelease,
} from "./release.ts";
export { type VerifiedResponse, verifyResponse } from "./response.ts";
export { type PublishersNow, type Standing, standingOf } from "./standing.ts";
export type { Fetch } from "./transport.ts";
export {
  type EarlierKeys,
  type Restored,
  type Trust,
  type TrustedKey,
  type VerifyKeysOptions,
  verifyKeys,
} from "./trust.ts";
export type { Connection, Watched, WatchOptions } from "./watch.ts";
export type { SocketLike, SocketMaker } from "./watch-socket.ts";
export type { WrittenResult } from "./write.ts";
