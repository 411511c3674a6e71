#!/usr/bin/env node
import { processConsole } from './console.ts'
import { restartNode } from './restart-node.ts'
import { runMeltemi } from './run-meltemi.ts'

if (process.argv[2] === 'proxy') restartNode()
// that a reader has seen enough, as `head` has, is no fault
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))
const exitCode = await runMeltemi(process.argv.slice(2), processConsole)
await processConsole.flush?.()
// Not left to the event loop: a user's module may keep timers or sockets.
process.exit(exitCode)
