/** Runs tests by suite name with Node's own runner: `node scripts/test.ts unit e2e`; without names what `npm test` means. */

import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'

const SUITES: Readonly<Record<string, readonly string[]>> = {
  unit: [
    'packages/*/src/**/*.test.ts',
    'tests/*.test.ts',
    'tests/conformance/*.test.ts',
    'benchmarks/**/*.test.ts',
    'tests/harness/**/*.test.ts',
  ],
  e2e: ['tests/e2e/**/*.test.ts', 'tests/fuzz/**/*.test.ts'],
  interop: ['tests/interop/**/*.test.ts'],
  sim: ['tests/sim/**/*.test.ts'],
}
const DEFAULT_SUITES = ['unit', 'e2e', 'sim']
const TEST_TIMEOUT_MS = 120_000

const names = process.argv.slice(2)
const globs = (names.length > 0 ? names : DEFAULT_SUITES).flatMap((name) => SUITES[name] ?? [name])
// Half of a test's time is waiting, so one more than there are cores; real peers are timed, and run alone.
const concurrency = names.includes('interop') ? 1 : availableParallelism() + 1
const child = spawn(
  process.execPath,
  [
    '--conditions=meltemi-source',
    '--test',
    '--test-reporter=spec',
    `--test-timeout=${TEST_TIMEOUT_MS}`,
    `--test-concurrency=${concurrency}`,
    ...globs,
  ],
  { cwd: fileURLToPath(new URL('..', import.meta.url)), stdio: 'inherit' },
)
child.on('exit', (code, signal) => {
  process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 1)
})
