import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { UsageError } from "./exit.ts";

/** Asks at the terminal; what is typed is not shown when it is a secret. Without a terminal, the lines of standard input answer. */
export async function ask(questions: readonly { readonly text: string; readonly isSecret: boolean }[]): Promise<string[]> {
  let isMuted = false;
  const output = new Writable({
    write(chunk: Buffer, _encoding, done) {
      if (!isMuted) process.stderr.write(chunk);
      done();
    },
  });
  const terminal = process.stdin.isTTY;
  const lines = createInterface({ input: process.stdin, output, terminal });
  const typed = lines[Symbol.asyncIterator]();
  const answers: string[] = [];
  try {
    for (const { text, isSecret } of questions) {
      if (terminal) process.stderr.write(text);
      isMuted = isSecret;
      // oxlint-disable-next-line no-await-in-loop -- one question after the other
      const line = await typed.next();
      isMuted = false;
      if (terminal && isSecret) process.stderr.write("\n");
      if (line.done) throw new UsageError(`there is no answer to "${text.trim()}" on standard input`);
      answers.push(line.value);
    }
    return answers;
  } finally {
    lines.close();
  }
}
