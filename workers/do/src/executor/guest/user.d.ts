/** The code that was sent, after compile/compile.ts. */
declare module "user.js" {
  const main: unknown;
  export default main;
}
