/** Before each file: modules of its own, so that one that counts or replaces a module finds it unloaded. */
import { vi } from "vitest";

vi.resetModules();
