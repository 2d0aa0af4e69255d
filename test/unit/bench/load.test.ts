/** How the load client tells where an answer ends. */

import { expect, test } from "vitest";
import { endOfAnswer } from "../../../bench/load.ts";
import { get, post } from "../../../bench/wire.ts";

const answer = (status: string, headers: string, body: string): Buffer =>
  Buffer.from(`HTTP/1.1 ${status}\r\n${headers}\r\n\r\n${body}`, "latin1");

test("an answer ends after as many bytes as it announces", () => {
  const whole = answer("200 OK", "Content-Length: 5\r\nX: y", "hello");
  expect(endOfAnswer(whole, 200)).toBe(whole.length);
  expect(endOfAnswer(Buffer.concat([whole, Buffer.from("HTTP")]), 200)).toBe(whole.length);
  for (let length = 0; length < whole.length; length++) expect(endOfAnswer(whole.subarray(0, length), 200)).toBe(-1);
});

test("another status fails, with what it says", () => {
  const refusal = answer("429 Too Many Requests", "Content-Length: 4", "slow");
  expect(() => endOfAnswer(refusal, 200)).toThrow(/429.*instead of 200: .*slow/s);
});

test("an answer of unknown length fails: it could not be counted", () => {
  expect(() => endOfAnswer(answer("200 OK", "Transfer-Encoding: chunked", ""), 200)).toThrow("without Content-Length");
});

test("requests as they go over the wire", () => {
  expect(get(80, "/a", { b: "c" })).toBe("GET /a HTTP/1.1\r\nhost: 127.0.0.1:80\r\nb: c\r\n\r\n");
  expect(post(80, "/a", {}, "xyz")).toBe("POST /a HTTP/1.1\r\nhost: 127.0.0.1:80\r\ncontent-length: 3\r\n\r\nxyz");
});
