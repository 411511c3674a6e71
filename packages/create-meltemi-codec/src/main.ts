#!/usr/bin/env node
import { runCreate } from './run-create.ts'

process.exitCode = runCreate(process.argv.slice(2), {
  command: 'npm create meltemi-codec',
  directory: process.cwd(),
  write: (text) => process.stdout.write(text),
  writeError: (text) => process.stderr.write(text),
})
