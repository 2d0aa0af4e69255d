/** vitest's setupFiles: whatever a test did, its processes end and its files go. */

import { afterEach } from "vitest";
import { clearPlaces } from "./place.ts";

afterEach(clearPlaces);
