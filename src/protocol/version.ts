/** Versions of this software itself. TES hands them out (tes.registry.json) and `tes bump` writes them here. */

/** Of the product: `tes --version`, the Worker, the package. */
export const TES_VERSION = "0.1.0";
/** Of the HTTP interface, as OpenAPI's `info.version` states it. */
export const API_VERSION = "1.0.0";
