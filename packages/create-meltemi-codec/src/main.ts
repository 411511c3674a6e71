#!/usr/bin/env node
import { runCreate } from './run-create.ts'

process.exitCode = runCreate(process.argv.slice(2), {
  // npm takes options for its own that stand before a --
  typed: (name, options) => `npm create meltemi-codec ${name}${options === undefined ? '' : ` -- ${options}`}`,
  directory: process.cwd(),
  write: (text) => process.stdout.write(text),
  writeError: (text) => process.stderr.write(text),
})
