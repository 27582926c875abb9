/** Requests as bytes (latin1), each written by hand, and what must come: one answer, the connection closed, and nothing at the front. */

export interface Vector {
  readonly name: string;
  readonly sent: string;
  readonly status: number;
  readonly reason: string;
}

const HOST = "Host: do.test\r\n";
const GET = `GET / HTTP/1.1\r\n${HOST}`;
const POST = `POST /execute HTTP/1.1\r\n${HOST}`;
const CHUNKED = `${POST}Transfer-Encoding: chunked\r\n\r\n`;
const UPGRADE = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

const target = (text: string) => `GET ${text} HTTP/1.1\r\n${HOST}\r\n`;
const header = (line: string) => `${GET}${line}\r\n\r\n`;
const host = (line: string) => `GET / HTTP/1.1\r\n${line}\r\n\r\n`;
const framed = (lines: string, body: string) => `${POST}${lines}\r\n\r\n${body}`;

type Row = readonly [name: string, sent: string, status: number, reason: string];

const SYNTAX: readonly Row[] = [
  ["bare LF for every line end", "GET / HTTP/1.1\nHost: do.test\n\n", 400, "BAD_SYNTAX"],
  ["bare LF behind the request line", `GET / HTTP/1.1\n${HOST}\r\n`, 400, "BAD_SYNTAX"],
  ["bare LF behind a header", `${GET}A: b\nC: d\r\n\r\n`, 400, "BAD_SYNTAX"],
  ["bare LF for the empty line", `${GET}\n`, 400, "BAD_SYNTAX"],
  ["bare CR within the headers", "GET / HTTP/1.1\r\nHost: do.test\rA: b\r\n\r\n", 400, "BAD_SYNTAX"],
  ["a folded header", `${GET}A: b\r\n c\r\n\r\n`, 400, "BAD_SYNTAX"],
  ["a header folded with a tab", `${GET}A: b\r\n\tc\r\n\r\n`, 400, "BAD_SYNTAX"],
  ["a fold before the first header", `GET / HTTP/1.1\r\n A: b\r\n${HOST}\r\n`, 400, "BAD_SYNTAX"],
  ["a space before the colon", `${GET}A : b\r\n\r\n`, 400, "BAD_SYNTAX"],
  ["a tab before the colon", `${GET}A\t: b\r\n\r\n`, 400, "BAD_SYNTAX"],
  ["a header without a colon", `${GET}A\r\n\r\n`, 400, "BAD_SYNTAX"],
  ["a header without a name", `${GET}: b\r\n\r\n`, 400, "BAD_SYNTAX"],
  ["NUL in a value", header("A: b\0c"), 400, "BAD_SYNTAX"],
  ["NUL in a name", header("A\0: b"), 400, "BAD_SYNTAX"],
  ["a control character in a value", header("A: b\x01c"), 400, "BAD_SYNTAX"],
  ["DEL in a value", header("A: b\x7fc"), 400, "BAD_SYNTAX"],
  ["an escape sequence in a name", header("A\x1b[31m: b"), 400, "BAD_SYNTAX"],
  ["a space before the method", ` ${GET}\r\n`, 400, "BAD_SYNTAX"],
  ["a space behind the version", `GET / HTTP/1.1 \r\n${HOST}\r\n`, 400, "BAD_SYNTAX"],
  ["tabs in the request line", `GET\t/\tHTTP/1.1\r\n${HOST}\r\n`, 400, "BAD_SYNTAX"],
  ["no target", `GET HTTP/1.1\r\n${HOST}\r\n`, 400, "BAD_TARGET"],
  ["a TLS handshake", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "BAD_SYNTAX"],
  ["an SSH banner", "SSH-2.0-OpenSSH_9.6\r\n", 400, "BAD_SYNTAX"],
  ["a PROXY line", `PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n${GET}\r\n`, 400, "BAD_SYNTAX"],
];

const VERSIONS: readonly Row[] = [
  ["HTTP/0.9", "GET /\r\n\r\n", 400, "BAD_SYNTAX"],
  ["the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", 505, "HTTP_VERSION"],
  ["HTTP/2.0 as a version", `GET / HTTP/2.0\r\n${HOST}\r\n`, 505, "HTTP_VERSION"],
  ["HTTP/1.2", `GET / HTTP/1.2\r\n${HOST}\r\n`, 505, "HTTP_VERSION"],
  ["HTTP/3", `GET / HTTP/3\r\n${HOST}\r\n`, 505, "HTTP_VERSION"],
  ["HTTP/1.11", `GET / HTTP/1.11\r\n${HOST}\r\n`, 505, "HTTP_VERSION"],
  ["http in small letters", `GET / http/1.1\r\n${HOST}\r\n`, 400, "BAD_SYNTAX"],
];

const METHODS: readonly Row[] = [
  ["TRACE", `TRACE / HTTP/1.1\r\n${HOST}\r\n`, 405, "METHOD_NOT_ALLOWED"],
  ["CONNECT", "CONNECT do.test:443 HTTP/1.1\r\nHost: do.test:443\r\n\r\n", 405, "METHOD_NOT_ALLOWED"],
  ["CONNECT with a path", `CONNECT / HTTP/1.1\r\n${HOST}\r\n`, 405, "METHOD_NOT_ALLOWED"],
  ["PROPFIND", `PROPFIND / HTTP/1.1\r\n${HOST}\r\n`, 405, "METHOD_NOT_ALLOWED"],
  ["a method that nobody knows", `FOO / HTTP/1.1\r\n${HOST}\r\n`, 501, "UNKNOWN_METHOD"],
  ["a method in small letters", `get / HTTP/1.1\r\n${HOST}\r\n`, 501, "UNKNOWN_METHOD"],
  ["a method of RTSP", `DESCRIBE / HTTP/1.1\r\n${HOST}\r\n`, 501, "UNKNOWN_METHOD"],
];

const HOSTS: readonly Row[] = [
  ["no Host", "GET / HTTP/1.1\r\n\r\n", 400, "BAD_HOST"],
  ["no Host in HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", 400, "BAD_HOST"],
  ["two Hosts", host("Host: do.test\r\nHost: evil.test"), 400, "DUPLICATE_HEADER"],
  ["the same Host twice", host("Host: do.test\r\nhost: do.test"), 400, "DUPLICATE_HEADER"],
  ["an empty Host", host("Host:"), 400, "BAD_HOST"],
  ["a Host with a user", host("Host: me@do.test"), 400, "BAD_HOST"],
  ["a Host with a path", host("Host: do.test/rpc"), 400, "BAD_HOST"],
  ["two names in one Host", host("Host: do.test, evil.test"), 400, "BAD_HOST"],
  ["a Host with a bad port", host("Host: do.test:65536"), 400, "BAD_HOST"],
  ["a Host with a port that is a word", host("Host: do.test:http"), 400, "BAD_HOST"],
  ["a Host that is no IPv6 address", host("Host: [::1::]"), 400, "BAD_HOST"],
  ["the absolute form with another host", target("http://evil.test/"), 400, "BAD_HOST"],
  ["the absolute form with a user", target("http://me@do.test/"), 400, "BAD_HOST"],
  ["the absolute form of another scheme", target("ftp://do.test/"), 400, "BAD_TARGET"],
];

const FRAMING: readonly Row[] = [
  ["Content-Length, then chunked", framed("Content-Length: 5\r\nTransfer-Encoding: chunked", "0\r\n\r\n"), 400, "BAD_FRAMING"],
  ["chunked, then Content-Length", framed("Transfer-Encoding: chunked\r\nContent-Length: 5", "0\r\n\r\n"), 400, "BAD_FRAMING"],
  ["two Content-Lengths", framed("Content-Length: 3\r\nContent-Length: 4", "abc"), 400, "BAD_FRAMING"],
  ["the same Content-Length twice", framed("Content-Length: 3\r\nContent-Length: 3", "abc"), 400, "BAD_FRAMING"],
  ["a list of Content-Lengths", framed("Content-Length: 3, 3", "abc"), 400, "BAD_FRAMING"],
  ["a Content-Length with a sign", framed("Content-Length: +3", "abc"), 400, "BAD_FRAMING"],
  ["a Content-Length below zero", framed("Content-Length: -3", "abc"), 400, "BAD_FRAMING"],
  ["a hexadecimal Content-Length", framed("Content-Length: 0x3", "abc"), 400, "BAD_FRAMING"],
  ["an empty Content-Length", framed("Content-Length:", "abc"), 400, "BAD_FRAMING"],
  ["a Content-Length of two numbers", framed("Content-Length: 3 4", "abc"), 400, "BAD_FRAMING"],
  ["a Content-Length beyond 64 bits", framed("Content-Length: 99999999999999999999", "abc"), 400, "BAD_FRAMING"],
  ["a Content-Length beyond what is exact", framed("Content-Length: 9999999999999999", "abc"), 400, "BAD_FRAMING"],
  ["a coding before chunked", framed("Transfer-Encoding: gzip, chunked", "0\r\n\r\n"), 501, "TRANSFER_CODING"],
  ["a coding behind chunked", framed("Transfer-Encoding: chunked, gzip", "0\r\n\r\n"), 400, "BAD_FRAMING"],
  ["identity", framed("Transfer-Encoding: identity", "abc"), 501, "TRANSFER_CODING"],
  ["almost chunked", framed("Transfer-Encoding: xchunked", "0\r\n\r\n"), 501, "TRANSFER_CODING"],
  ["chunked with a parameter", framed("Transfer-Encoding: chunked;a=b", "0\r\n\r\n"), 501, "TRANSFER_CODING"],
  ["chunked twice", framed("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "0\r\n\r\n"), 400, "BAD_FRAMING"],
  ["chunked, then identity", framed("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", "0\r\n\r\n"), 400, "BAD_FRAMING"],
  ["chunked behind a vertical tab", framed("Transfer-Encoding: \x0bchunked", "0\r\n\r\n"), 400, "BAD_SYNTAX"],
  ["an empty Transfer-Encoding", framed("Transfer-Encoding:", "0\r\n\r\n"), 400, "BAD_FRAMING"],
  ["a folded Transfer-Encoding", framed("Transfer-Encoding:\r\n chunked", "0\r\n\r\n"), 400, "BAD_SYNTAX"],
  ["chunks in HTTP/1.0", `POST / HTTP/1.0\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400, "BAD_FRAMING"],
  ["a body of GET", `${GET}Content-Length: 3\r\n\r\nabc`, 400, "BODY_NOT_ALLOWED"],
  ["chunks of GET", `${GET}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`, 400, "BODY_NOT_ALLOWED"],
  ["a body of HEAD", `HEAD / HTTP/1.1\r\n${HOST}Content-Length: 3\r\n\r\nabc`, 400, "BODY_NOT_ALLOWED"],
];

/** The front has the head of these when the parser comes upon the fault: it must see the request cut, never whole. */
const CHUNKS: readonly Row[] = [
  ["bare LF behind a chunk size", `${CHUNKED}3\nabc\r\n0\r\n\r\n`, 400, "BAD_SYNTAX"],
  ["bare LF behind a chunk", `${CHUNKED}3\r\nabc\n0\r\n\r\n`, 400, "BAD_SYNTAX"],
  ["bare LF behind the last chunk", `${CHUNKED}3\r\nabc\r\n0\n\n`, 400, "BAD_SYNTAX"],
  ["bare LF for the end of the trailers", `${CHUNKED}3\r\nabc\r\n0\r\n\n`, 400, "BAD_SYNTAX"],
  ["bare LF in a chunk extension", `${CHUNKED}3;a\nb\r\nabc\r\n0\r\n\r\n`, 400, "BAD_SYNTAX"],
  ["a chunk size with 0x", `${CHUNKED}0x3\r\nabc\r\n0\r\n\r\n`, 400, "BAD_CHUNK"],
  ["a chunk size below zero", `${CHUNKED}-3\r\nabc\r\n0\r\n\r\n`, 400, "BAD_CHUNK"],
  ["a chunk size beyond 64 bits", `${CHUNKED}ffffffffffffffff1\r\nabc\r\n0\r\n\r\n`, 400, "BAD_CHUNK"],
  ["a chunk size too small", `${CHUNKED}2\r\nabc\r\n0\r\n\r\n`, 400, "BAD_CHUNK"],
  ["a chunk size with a space", `${CHUNKED}3 \r\nabc\r\n0\r\n\r\n`, 400, "BAD_CHUNK"],
  ["an empty chunk size", `${CHUNKED}\r\nabc\r\n0\r\n\r\n`, 400, "BAD_CHUNK"],
  ["a chunk without its end", `${CHUNKED}3\r\nabc0\r\n\r\n`, 400, "BAD_CHUNK"],
  ["a Content-Length among the trailers", `${CHUNKED}3\r\nabc\r\n0\r\nContent-Length: 5\r\n\r\n`, 400, "BAD_FRAMING"],
  ["a trailer without a colon", `${CHUNKED}3\r\nabc\r\n0\r\nA b\r\n\r\n`, 400, "BAD_SYNTAX"],
  ["an endless chunk extension", `${CHUNKED}3;${"a".repeat(20_000)}\r\nabc\r\n0\r\n\r\n`, 413, "BODY_TOO_LARGE"],
];

const TARGETS: readonly Row[] = [
  ["..", target("/a/../rpc"), 400, "BAD_PATH"],
  [".. at the end", target("/a/.."), 400, "BAD_PATH"],
  [".", target("/./rpc"), 400, "BAD_PATH"],
  ["%2e%2e", target("/a/%2e%2e/rpc"), 400, "BAD_PATH"],
  ["%2E.", target("/a/%2E./rpc"), 400, "BAD_PATH"],
  ["%252e%252e", target("/a/%252e%252e/rpc"), 400, "BAD_PATH"],
  ["..;", target("/a/..;x=1/rpc"), 400, "BAD_PATH"],
  ["..%3b", target("/a/..%3b/rpc"), 400, "BAD_PATH"],
  ["//", target("//rpc"), 400, "BAD_PATH"],
  ["// within", target("/rpc//db"), 400, "BAD_PATH"],
  ["a backslash", target("/a\\..\\rpc"), 400, "BAD_PATH"],
  ["%5c", target("/a/..%5crpc"), 400, "BAD_PATH"],
  ["%2f", target("/rpc%2fdb%2fget"), 400, "BAD_PATH"],
  ["%252f", target("/rpc%252fdb"), 400, "BAD_PATH"],
  ["%00", target("/rpc%00.json"), 400, "BAD_PATH"],
  ["%0d%0a", target("/rpc%0d%0aA:b"), 400, "BAD_PATH"],
  ["%7f", target("/rpc%7f"), 400, "BAD_PATH"],
  ["an escape of one digit", target("/rpc%2"), 400, "BAD_PATH"],
  ["an escape that is none", target("/rpc%zz"), 400, "BAD_PATH"],
  ["an overlong dot", target("/%c0%ae%c0%ae/rpc"), 400, "BAD_PATH"],
  ["an escape that is not UTF-8", target("/rpc%ff"), 400, "BAD_PATH"],
  ["a fragment", target("/rpc#x"), 400, "BAD_PATH"],
  ["a fragment behind the query", target("/rpc?a#x"), 400, "BAD_TARGET"],
  ["< in the path", target("/<script>"), 400, "BAD_PATH"],
  ['" in the query', target('/rpc?"'), 400, "BAD_TARGET"],
  ["NUL in the path", target("/rpc\0"), 400, "BAD_TARGET"],
  ["a control character in the path", target("/rpc\x01"), 400, "BAD_TARGET"],
  ["a tab in the path", target("/rpc\tdb"), 400, "BAD_TARGET"],
  ["a space in the path", target("/rpc db"), 400, "BAD_SYNTAX"],
  ["a byte that is not ASCII", target("/caf\xc3\xa9"), 400, "BAD_TARGET"],
  ["a path that begins with a backslash", target("\\rpc"), 400, "BAD_TARGET"],
  ["a path without its slash", target("rpc"), 400, "BAD_TARGET"],
  ["a query alone", target("?a=b"), 400, "BAD_TARGET"],
  ["an asterisk", `OPTIONS * HTTP/1.1\r\n${HOST}\r\n`, 400, "BAD_TARGET"],
];

const SIZES: readonly Row[] = [
  ["a URL one byte too long", target(`/${"a".repeat(16 * 1024)}`), 414, "URL_TOO_LONG"],
  ["a URL of 60,000 bytes", target(`/${"a".repeat(60_000)}`), 414, "URL_TOO_LONG"],
  ["a header of 33 KB", header(`A: ${"b".repeat(33_000)}`), 431, "HEADERS_TOO_LARGE"],
  ["a header of 60 KB", header(`A: ${"b".repeat(60_000)}`), 431, "HEADERS_TOO_LARGE"],
  ["101 headers", header(Array.from({ length: 100 }, (_, i) => `A${i}: b`).join("\r\n")), 431, "HEADERS_TOO_LARGE"],
  ["a body of 64 MiB and a byte", framed(`Content-Length: ${64 * 1024 * 1024 + 1}`, ""), 413, "BODY_TOO_LARGE"],
  ["the same, announced", framed(`Content-Length: ${64 * 1024 * 1024 + 1}\r\nExpect: 100-continue`, ""), 413, "BODY_TOO_LARGE"],
];

const HEADERS: readonly Row[] = [
  ["two credentials", header("Authorization: Bearer a\r\nAuthorization: Bearer b"), 400, "DUPLICATE_HEADER"],
  [
    "two content types",
    framed("Content-Type: text/plain\r\nContent-Type: application/json\r\nContent-Length: 0", ""),
    400,
    "DUPLICATE_HEADER",
  ],
  ["two origins", header("Origin: http://a.test\r\nOrigin: http://b.test"), 400, "DUPLICATE_HEADER"],
  ["an expectation that is not 100-continue", framed("Content-Length: 3\r\nExpect: 200-ok", "abc"), 417, "EXPECTATION"],
  ["an upgrade to h2c", header("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__"), 501, "UPGRADE"],
  ["a WebSocket of another version", header(`${UPGRADE}Sec-WebSocket-Version: 8`), 426, "BAD_UPGRADE"],
  ["a WebSocket without a key", header("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13"), 400, "BAD_UPGRADE"],
  ["a WebSocket by POST", framed(`${UPGRADE}Sec-WebSocket-Version: 13\r\nContent-Length: 0`, ""), 400, "BAD_UPGRADE"],
  ["a WebSocket with a body", header(`${UPGRADE}Sec-WebSocket-Version: 13\r\nContent-Length: 3`) + "abc", 400, "BODY_NOT_ALLOWED"],
  ["a WebSocket in HTTP/1.0", `GET /rpc HTTP/1.0\r\n${HOST}${UPGRADE}Sec-WebSocket-Version: 13\r\n\r\n`, 400, "BAD_UPGRADE"],
  ["a WebSocket by a way up", `GET /a/../rpc HTTP/1.1\r\n${HOST}${UPGRADE}Sec-WebSocket-Version: 13\r\n\r\n`, 400, "BAD_PATH"],
];

const vectors = (rows: readonly Row[]): Vector[] => rows.map(([name, sent, status, reason]) => ({ name, sent, status, reason }));

/** Refused by their head. */
export const REFUSED = vectors([...SYNTAX, ...VERSIONS, ...METHODS, ...HOSTS, ...FRAMING, ...TARGETS, ...SIZES, ...HEADERS]);
/** Refused in their body. */
export const CUT = vectors(CHUNKS);

/** What looks odd and is right: at the limit, and not over it. */
export const ADMITTED: readonly {
  readonly name: string;
  readonly sent: string;
  readonly seen: { method: string; url: string; body: string };
}[] = [
  { name: "a plain request", sent: `${GET}\r\n`, seen: { method: "GET", url: "/", body: "" } },
  { name: "empty lines before it", sent: `\r\n\r\n${GET}\r\n`, seen: { method: "GET", url: "/", body: "" } },
  { name: "the absolute form of its own host", sent: target("http://DO.test/a?b"), seen: { method: "GET", url: "/a?b", body: "" } },
  { name: "the absolute form without a path", sent: target("http://do.test?b"), seen: { method: "GET", url: "/?b", body: "" } },
  { name: "HTTP/1.0 with a Host", sent: `GET /a HTTP/1.0\r\n${HOST}\r\n`, seen: { method: "GET", url: "/a", body: "" } },
  { name: "a Host with a port", sent: host("Host: [::1]:8787"), seen: { method: "GET", url: "/", body: "" } },
  {
    name: "dots that are no way up",
    sent: target("/a..b/...%2e/.well-known/jwks.json"),
    seen: { method: "GET", url: "/a..b/...%2e/.well-known/jwks.json", body: "" },
  },
  {
    name: "escapes that hide nothing",
    sent: target("/caf%C3%A9/%25/a;x=1"),
    seen: { method: "GET", url: "/caf%C3%A9/%25/a;x=1", body: "" },
  },
  {
    name: "a query with what a path may not have",
    sent: target("/a?x=..//%2e%2e%00\\{}"),
    seen: { method: "GET", url: "/a?x=..//%2e%2e%00\\{}", body: "" },
  },
  {
    name: "a URL of 16 KiB",
    sent: target(`/${"a".repeat(16 * 1024 - 1)}`),
    seen: { method: "GET", url: `/${"a".repeat(16 * 1024 - 1)}`, body: "" },
  },
  { name: "a header of 32 KB", sent: header(`A: ${"b".repeat(32_700)}`), seen: { method: "GET", url: "/", body: "" } },
  {
    name: "100 headers",
    sent: header(Array.from({ length: 99 }, (_, i) => `A${i}: b`).join("\r\n")),
    seen: { method: "GET", url: "/", body: "" },
  },
  {
    name: "a body with a request in it",
    sent: framed("Content-Length: 22", "GET /canary HTTP/1.1\r\n"),
    seen: { method: "POST", url: "/execute", body: "GET /canary HTTP/1.1\r\n" },
  },
  {
    name: "chunks with an extension and a trailer",
    sent: `${CHUNKED}3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nA: b\r\n\r\n`,
    seen: { method: "POST", url: "/execute", body: "abcde" },
  },
  { name: "GET with a Content-Length of 0", sent: header("Content-Length: 0"), seen: { method: "GET", url: "/", body: "" } },
  {
    name: "DELETE with a body",
    sent: `DELETE /a HTTP/1.1\r\n${HOST}Content-Length: 3\r\n\r\nabc`,
    seen: { method: "DELETE", url: "/a", body: "abc" },
  },
  // Node's parser takes these, and does not say so. What goes on is written anew.
  { name: "RTSP/1.0", sent: `GET /a RTSP/1.0\r\n${HOST}\r\n`, seen: { method: "GET", url: "/a", body: "" } },
  { name: "two spaces in the request line", sent: `GET  /a  HTTP/1.1\r\n${HOST}\r\n`, seen: { method: "GET", url: "/a", body: "" } },
  { name: "empty lines that end in LF alone", sent: `\n\n${GET}\r\n`, seen: { method: "GET", url: "/", body: "" } },
  { name: "an Upgrade that Connection does not name", sent: header("Upgrade: websocket"), seen: { method: "GET", url: "/", body: "" } },
];
