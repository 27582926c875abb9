import { parse, type ExpressionStatement, type Program, type Statement, type ModuleDeclaration } from "acorn";
import { positionOf } from "./edits.ts";
import { blank } from "./source.ts";
import { CompileError } from "./typescript.ts";

/** What the code is, and the module that it becomes: `head` goes before its text, on the same line, and `tail` after. */
export interface Form {
  readonly kind: "body" | "module";
  readonly text: string;
  readonly program: Program;
  readonly head: string;
  readonly tail: string;
  /** The expression that is the value of a body without `return`. */
  readonly lastStatement: ExpressionStatement | undefined;
}

/** @throws CompileError at a position of `text` */
export function findForm(text: string, inScope: readonly string[]): Form {
  const program = parseProgram(text);
  const statements = program.body.filter((node) => node.type !== "ImportDeclaration");
  if (statements.some((node) => node.type === "ExportDefaultDeclaration")) {
    return { kind: "module", text, program, head: "", tail: "", lastStatement: undefined };
  }
  const exported = statements.find((node) => node.type.startsWith("Export"));
  if (exported) {
    throw new CompileError("A module needs a default export: `export default (ctx) => ...`", positionOf(text, exported.start));
  }
  const [only] = statements;
  if (only && statements.length === 1 && isFunctionExpression(only)) {
    return { kind: "module", ...hoistImports(text, program, "export default "), program, tail: "", lastStatement: undefined };
  }
  // Two braces: the parameters are in the outer scope, so that the code may declare names like theirs.
  const taken = importedNames(program);
  const free = inScope.filter((name) => !taken.has(name));
  const opening = `export default async({${free.join(",")}})=>{{`;
  const last = statements.at(-1);
  return {
    kind: "body",
    ...hoistImports(text, program, opening),
    program,
    tail: "\n}}",
    lastStatement: last?.type === "ExpressionStatement" ? last : undefined,
  };
}

/** The imports of a body, which must stand outside the function that it becomes; where they stood are spaces. */
function hoistImports(text: string, program: Program, head: string): { text: string; head: string } {
  const imports: string[] = [];
  const rest: string[] = [];
  let from = 0;
  for (const node of program.body) {
    if (node.type !== "ImportDeclaration") continue;
    const statement = text.slice(node.start, node.end);
    imports.push(statement.replaceAll(/\s+/g, " ").replace(/;?$/, ";"));
    rest.push(text.slice(from, node.start), blank(statement));
    from = node.end;
  }
  return { text: rest.join("") + text.slice(from), head: imports.join("") + head };
}

function importedNames(program: Program): ReadonlySet<string> {
  return new Set(program.body.flatMap((node) => (node.type === "ImportDeclaration" ? node.specifiers.map(({ local }) => local.name) : [])));
}

function isFunctionExpression(node: Statement | ModuleDeclaration): boolean {
  return (
    node.type === "ExpressionStatement" &&
    (node.expression.type === "ArrowFunctionExpression" || node.expression.type === "FunctionExpression")
  );
}

function parseProgram(text: string): Program {
  try {
    return parse(text, { ecmaVersion: "latest", sourceType: "module", allowReturnOutsideFunction: true });
  } catch (error) {
    if (error instanceof RangeError) throw new CompileError("The code is nested too deeply", undefined);
    if (error instanceof SyntaxError && "pos" in error && typeof error.pos === "number") {
      throw new CompileError(error.message.replace(/ \(\d+:\d+\)$/, ""), positionOf(text, error.pos));
    }
    throw error;
  }
}
