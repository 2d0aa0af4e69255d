/** Which texts are a name of ours, before any URL parser has had its say. */

import { expect, test } from "vitest";
import { parseAuthorities, readWire } from "../../../src/worker/authorities.ts";

const NAMES = parseAuthorities("127.0.0.1:8792, localhost:8792, [::1]:8792, tes.example");
const isOurs = (url: string): boolean => NAMES.has(readWire(url)?.authority ?? "");

test.each([
  ["http://127.0.0.1:8792/v1/default", "127.0.0.1:8792", "/v1/default"],
  ["http://LocalHost:8792/v1/default?size=1", "localhost:8792", "/v1/default"],
  ["http://[::1]:8792/", "[::1]:8792", "/"],
  ["https://tes.example/a%20b", "tes.example", "/a%20b"],
  ["https://tes.example:443/", "tes.example", "/"],
  ["http://tes.example:80/", "tes.example", "/"],
])("%s is read as it stands", (url, authority, path) => {
  expect(readWire(url)).toEqual({ authority, path });
  expect(isOurs(url)).toBe(true);
});

test.each([
  ["another name", "http://evil.example/"],
  ["a number for an address", "http://2130706433:8792/"],
  ["hexadecimal in an address", "http://0x7f.1:8792/"],
  ["an address cut short", "http://127.1:8792/"],
  ["a port with a zero", "http://127.0.0.1:08792/"],
  ["a dot behind the name", "http://localhost.:8792/"],
  ["an address in full", "http://[0:0:0:0:0:0:0:1]:8792/"],
  ["the other scheme's port", "https://tes.example:80/"],
])("%s is another host, though a parser may make it ours", (_, url) => {
  expect(readWire(url)).toBeDefined();
  expect(isOurs(url)).toBe(false);
});

test.each([
  ["somebody before the host", "http://evil@localhost:8792/"],
  ["nobody before the host", "http://:@localhost:8792/"],
  ["a space", "http://a b/"],
  ["two hosts", "http://localhost:8792, evil/"],
  ["something behind the port", "http://127.0.0.1:8792.evil/"],
  ["a port too long", "http://localhost:000008792/"],
  ["an encoded letter", "http://l%6fcalhost:8792/"],
  ["a letter that folds", "http://\uff4cocalhost:8792/"],
  ["a tab", "http://lo\tcalhost:8792/"],
  ["a backslash", "http://localhost:8792\\/"],
  ["no host", "http:///v1"],
  ["no path", "http://localhost:8792"],
  ["a star", "http://localhost:8792*"],
  ["a query for a path", "http://localhost:8792?/v1/default"],
  ["a fragment for a path", "http://localhost:8792#/v1/default"],
  ["another scheme", "ftp://localhost:8792/"],
  ["nothing", ""],
])("%s is no URL of ours", (_, url) => {
  expect(readWire(url)).toBeUndefined();
});
