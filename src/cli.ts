/** The command line: arguments, exit codes (0 done, 1 failed while running, 2 usage or configuration). */
import { enableCompileCache } from "node:module";

// The sources are stripped of their types at each start; the cache makes the next start faster.
enableCompileCache();

const { runCommandLine } = await import("./commands/program.ts");
process.exitCode = await runCommandLine(process.argv);
