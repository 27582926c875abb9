import type { Node, Program } from "acorn";
import type { Edits } from "./edits.ts";

export const GUARD_MODULE = "guard.js";

/**
 * Puts a counter into each loop and each function, so that code which never ends ends at its CPU limit even where
 * nothing outside can stop the thread (docs/limits.md). The counter is a local of the module; each time it runs out,
 * the guard looks at the clock. Native code that does not end (a regular expression, a huge sort) has no loop to put
 * a counter into: killing the process is the answer to that.
 *
 * @returns what the module must start with
 */
export function instrument(program: Program, text: string, edits: Edits): string {
  const counter = unusedName(text, "__do_left");
  const check = unusedName(text, "__do_check");
  const statement = `if(--${counter}<0)${counter}=${check}();`;
  const expression = `(--${counter}<0&&(${counter}=${check}()),`;
  // Not recursive: how deep the code nests is the sender's choice.
  const stack: Node[] = [program];
  for (let node = stack.pop(); node; node = stack.pop()) {
    addTick(node, edits, statement, expression);
    for (const child of children(node)) stack.push(child);
  }
  return `import{check as ${check}}from"${GUARD_MODULE}";let ${counter}=0;`;
}

const LOOPS: ReadonlySet<string> = new Set(["ForStatement", "ForInStatement", "ForOfStatement", "WhileStatement", "DoWhileStatement"]);
const FUNCTIONS: ReadonlySet<string> = new Set(["FunctionDeclaration", "FunctionExpression", "ArrowFunctionExpression"]);

function addTick(node: Node, edits: Edits, statement: string, expression: string): void {
  const isLoop = LOOPS.has(node.type);
  if (!isLoop && !FUNCTIONS.has(node.type)) return;
  const { body } = node as Node & { body: Node };
  if (body.type === "BlockStatement") {
    edits.insert(body.start + 1, statement);
  } else if (isLoop) {
    edits.wrap(body, `{${statement}`, "}");
  } else {
    edits.wrap(body, expression, ")");
  }
}

function* children(node: Node): Generator<Node> {
  for (const value of Object.values(node) as unknown[]) {
    if (Array.isArray(value)) {
      for (const item of value as unknown[]) if (isNode(item)) yield item;
    } else if (isNode(value)) {
      yield value;
    }
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";
}

function unusedName(text: string, base: string): string {
  let name = base;
  for (let n = 0; text.includes(name); n++) name = `${base}${n}`;
  return name;
}
