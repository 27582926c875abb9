import { PassThrough } from "node:stream";
import { expect, it } from "vitest";
import { lines } from "../../host/src/process/lines.ts";

it("a line comes whole however it was cut; one that is too long is not kept, and the next one comes", () => {
  const [input, said] = [new PassThrough(), [] as string[]];
  lines(input, (line) => void said.push(line), 5);
  const write = (text: string) => {
    input.write(text);
    input.read();
  };
  for (const text of ["a", "bc\n\nde", "fgh", "\n", "123456", "789", "\nnext\n", "unended"]) write(text);
  expect(said).toEqual(["abc", "", "defgh", "next"]);
});
