#!/usr/bin/env node
import { processConsole } from './console.ts'
import { runMeltemi } from './run-meltemi.ts'

// Not left to the event loop: a user's module may keep timers or sockets.
process.exit(await runMeltemi(process.argv.slice(2), processConsole))
