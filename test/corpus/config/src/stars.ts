/** An entry point that passes on what others export. */

export * from "./classes";
export { default } from "./classes.ts";
