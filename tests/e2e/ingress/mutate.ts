/** Mutations of bytes from a seed: the same seed makes the same bytes. */

export type Random = (below: number) => number;

/** mulberry32 */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const PIECES = [
  "\r",
  "\n",
  "\r\n",
  "\r\n\r\n",
  "\0",
  " ",
  "\t",
  ":",
  ",",
  "%2e",
  "%2f",
  "/..",
  "//",
  "\\",
  "#",
  "?",
  "\x7f",
  "\xff",
  "0",
  "-",
  "0\r\n\r\n",
  "Content-Length: 5\r\n",
  "Transfer-Encoding: chunked\r\n",
  "Host: evil.test\r\n",
  "Connection: close\r\n",
  "Expect: 100-continue\r\n",
  " HTTP/1.0\r\n",
  "GET /canary HTTP/1.1\r\nHost: do.test\r\n\r\n",
] as const;

type Mutation = (text: string, random: Random, others: readonly string[]) => string;

const MUTATIONS: readonly Mutation[] = [
  function flipABit(text, random) {
    const at = random(text.length);
    return text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ (1 << random(8))) + text.slice(at + 1);
  },
  function insertAPiece(text, random) {
    const at = random(text.length + 1);
    return text.slice(0, at) + (PIECES[random(PIECES.length)] ?? "") + text.slice(at);
  },
  function insertAByte(text, random) {
    const at = random(text.length + 1);
    return text.slice(0, at) + String.fromCharCode(random(256)) + text.slice(at);
  },
  function removeSome(text, random) {
    const at = random(text.length);
    return text.slice(0, at) + text.slice(at + 1 + random(8));
  },
  function repeatSome(text, random) {
    const at = random(text.length);
    const end = at + 1 + random(40);
    return text.slice(0, end) + text.slice(at);
  },
  function swapTwoLines(text, random) {
    const lines = text.split("\r\n");
    const [a, b] = [random(lines.length), random(lines.length)];
    return lines.map((line, i) => (i === a ? (lines[b] ?? "") : i === b ? (lines[a] ?? "") : line)).join("\r\n");
  },
  function changeALineEnd(text, random) {
    const ends = [...text.matchAll(/\r\n/g)].map(({ index }) => index);
    const at = ends[random(Math.max(1, ends.length))] ?? 0;
    return text.slice(0, at) + (["\n", "\r", "\r\r\n", " \r\n", "\r\n "][random(5)] ?? "") + text.slice(at + 2);
  },
  function cutTheEnd(text, random) {
    return text.slice(0, random(text.length) + 1);
  },
  function joinAnother(text, random, others) {
    const other = others[random(others.length)] ?? "";
    return text.slice(0, random(text.length + 1)) + other.slice(random(other.length + 1));
  },
];

/** One to three mutations of one of the texts. Long ones are left out: what they test is their length. */
export function mutated(texts: readonly string[], random: Random): string {
  let text = texts[random(texts.length)] ?? "";
  for (let left = 1 + random(3); left > 0; left--) text = MUTATIONS[random(MUTATIONS.length)]?.(text, random, texts) || text;
  return text;
}
