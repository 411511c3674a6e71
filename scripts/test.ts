/** Runs tests by suite name with Node's own runner: `node scripts/test.ts unit e2e`; without names what `npm test` means. */

import { spawn } from 'node:child_process'
import { globSync, mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { ROOT } from './workspace.ts'

/** What takes long, or less than a second only if it is alone: `npm test` leaves it to a step of `.ci/run`. */
const LONG: readonly string[] = [
  'packages/api/src/convert/nothing-ignored.test.ts',
  'packages/cli/src/capture/inspect-capture.fuzz.test.ts',
  'packages/cli/src/commands/codec/bench.test.ts',
  'packages/cli/src/commands/codec/fuzz.test.ts',
  'packages/cli/src/commands/codec/inspect.test.ts',
  'packages/cli/src/commands/codec/pack.test.ts',
  'packages/cli/src/commands/codec/test.test.ts',
  'packages/cli/src/pack/pack-codec.test.ts',
  'tests/e2e/access-log.test.ts',
  'tests/e2e/admin-load.test.ts',
  'tests/e2e/admin.test.ts',
  'tests/e2e/bad-code.test.ts',
  'tests/e2e/bad-start.test.ts',
  'tests/e2e/codec-delivery.test.ts',
  'tests/e2e/control-plane-faults.test.ts',
  'tests/e2e/control-plane-scale.test.ts',
  'tests/e2e/control-plane-stats.test.ts',
  'tests/e2e/create-codec.test.ts',
  'tests/e2e/drain.test.ts',
  'tests/e2e/failover.test.ts',
  'tests/e2e/hot-reload.test.ts',
  'tests/e2e/istio-stats.test.ts',
  'tests/e2e/kubectl-like.test.ts',
  'tests/e2e/limits-over-workers.test.ts',
  'tests/e2e/live-config.test.ts',
  'tests/e2e/mirror.test.ts',
  'tests/e2e/overload.test.ts',
  'tests/e2e/packed-codec.test.ts',
  'tests/e2e/quickstart.test.ts',
  'tests/e2e/reload-under-load.test.ts',
  'tests/e2e/route-change.test.ts',
  'tests/e2e/route-explain-sources.test.ts',
  'tests/e2e/route-explain.test.ts',
  'tests/e2e/steady-memory.test.ts',
  'tests/e2e/tracing.test.ts',
  'tests/e2e/up.test.ts',
  'tests/e2e/workers.test.ts',
  'tests/e2e/xds-client.test.ts',
  'tests/fuzz/**/*.test.ts',
  'tests/migrating.test.ts',
  'tests/observation-doc.test.ts',
  'tests/sim/sim-command.test.ts',
  'tests/steer-traffic.test.ts',
  'tests/write-a-codec.test.ts',
  'tests/write-a-filter.test.ts',
]

const SUITES: Readonly<Record<string, readonly string[]>> = {
  unit: [
    'packages/*/src/**/*.test.ts',
    'tests/*.test.ts',
    'tests/conformance/*.test.ts',
    'benchmarks/**/*.test.ts',
    'tests/harness/**/*.test.ts',
  ],
  e2e: ['tests/e2e/**/*.test.ts'],
  long: LONG,
  interop: ['tests/interop/**/*.test.ts'],
  sim: ['tests/sim/**/*.test.ts'],
}
const DEFAULT_SUITES = ['unit', 'e2e', 'sim']
const TEST_TIMEOUT_MS = 120_000

const names = process.argv.slice(2)
const suites = names.length > 0 ? names : DEFAULT_SUITES
const patterns = suites.flatMap((name) => SUITES[name] ?? [name])
const exclude = suites.some((name) => name in SUITES && name !== 'long') ? [...LONG] : []
const files = globSync(patterns, { cwd: ROOT, exclude })
if (files.length === 0) throw new Error(`there is no test in ${patterns.join(', ')}`)
// Half of a test's time is waiting, so one more than there are cores; what is timed runs alone.
const concurrency = names.includes('interop') || names.includes('long') ? 1 : availableParallelism() + 1
// Hundreds of processes load the same modules: what one has compiled the next ones take.
const compiled = mkdtempSync(join(tmpdir(), 'meltemi-test-code-'))
const child = spawn(
  process.execPath,
  [
    '--conditions=meltemi-source',
    '--test',
    '--test-reporter=spec',
    `--test-timeout=${TEST_TIMEOUT_MS}`,
    `--test-concurrency=${concurrency}`,
    ...files,
  ],
  { cwd: ROOT, stdio: 'inherit', env: { ...process.env, NODE_COMPILE_CACHE: compiled } },
)
child.on('exit', (code, signal) => {
  rmSync(compiled, { recursive: true, force: true })
  process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 1)
})
