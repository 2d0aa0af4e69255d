/** TES-DASH (docs/dashboard.md). The page runs the client library: what it shows as proven, this browser checked. */

import "./elements/app.ts";
