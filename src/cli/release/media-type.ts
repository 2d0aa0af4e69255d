/** What kind of file an artifact is, by its name: a hint for people and for downloads. Nothing is decided by it. */

/** The longest ending that fits counts. Types of the IANA registry where there is one. */
const TYPES: Readonly<Record<string, string>> = {
  ".apk": "application/vnd.android.package-archive",
  ".appimage": "application/vnd.appimage",
  ".bz2": "application/x-bzip2",
  ".crate": "application/gzip",
  ".css": "text/css",
  ".deb": "application/vnd.debian.binary-package",
  ".dmg": "application/x-apple-diskimage",
  ".exe": "application/vnd.microsoft.portable-executable",
  ".gz": "application/gzip",
  ".html": "text/html",
  ".jar": "application/java-archive",
  ".js": "text/javascript",
  ".json": "application/json",
  ".md": "text/markdown",
  ".mjs": "text/javascript",
  ".msi": "application/x-msi",
  ".nupkg": "application/zip",
  ".pdf": "application/pdf",
  ".rpm": "application/x-rpm",
  ".tar": "application/x-tar",
  ".tar.gz": "application/gzip",
  ".tar.xz": "application/x-xz",
  ".tar.zst": "application/zstd",
  ".tgz": "application/gzip",
  ".txt": "text/plain",
  ".wasm": "application/wasm",
  ".whl": "application/zip",
  ".xml": "application/xml",
  ".xz": "application/x-xz",
  ".zip": "application/zip",
  ".zst": "application/zstd",
};

/**
 * The media type of a file by its name's ending; `application/octet-stream` when that says nothing.
 *
 * @example
 * mediaTypeOf("app-1.2.3.tar.gz"); // "application/gzip"
 */
export function mediaTypeOf(name: string): string {
  const lower = name.toLowerCase();
  for (let dot = lower.indexOf("."); dot >= 0; dot = lower.indexOf(".", dot + 1)) {
    const ending = lower.slice(dot);
    if (Object.hasOwn(TYPES, ending)) return TYPES[ending]!;
  }
  return "application/octet-stream";
}
