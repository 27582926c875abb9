#!/usr/bin/env node
// The command itself is in sdk/src/cli, in TypeScript that Node runs as it is.
import "../src/cli/main.ts";
