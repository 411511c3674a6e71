/** Runs tests by suite name with Node's own runner: `node scripts/test.ts unit e2e`; without names what `npm test` means. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync, mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { ROOT } from './workspace.ts'

/** What takes long, or less than a second only if it is alone: `npm test` leaves it to a step of `.ci/run`. */
const LONG: readonly string[] = [
  'benchmarks/policies/cost.test.ts',
  'packages/api/src/convert/nothing-ignored.test.ts',
  'packages/api/src/parse-bootstrap.fuzz.test.ts',
  'packages/api/src/xds-resources/parse-resource.fuzz.test.ts',
  'packages/cli/src/capture/inspect-capture.fuzz.test.ts',
  'packages/cli/src/commands/codec/bench.test.ts',
  'packages/cli/src/commands/codec/fuzz.test.ts',
  'packages/cli/src/commands/codec/inspect.test.ts',
  'packages/cli/src/commands/codec/pack.test.ts',
  'packages/cli/src/commands/codec/test.test.ts',
  'packages/cli/src/pack/check-packed.test.ts',
  'packages/cli/src/pack/pack-codec.test.ts',
  'packages/codecs/src/dubbo/codec.test.ts',
  'packages/codecs/src/thrift/codec.test.ts',
  'packages/control-plane/src/sources/files.test.ts',
  'packages/sdk/src/testing/bench/bench.test.ts',
  'tests/conformance/odd-codecs.test.ts',
  'tests/e2e/access-log.test.ts',
  'tests/e2e/admin-load.test.ts',
  'tests/e2e/admin.test.ts',
  'tests/e2e/api-security.test.ts',
  'tests/e2e/authorization-policies.test.ts',
  'tests/e2e/bad-code.test.ts',
  'tests/e2e/bad-start.test.ts',
  'tests/e2e/bounds.test.ts',
  'tests/e2e/codec-delivery.test.ts',
  'tests/e2e/codec-options.test.ts',
  'tests/e2e/control-plane-faults.test.ts',
  'tests/e2e/control-plane-scale.test.ts',
  'tests/e2e/control-plane-stats.test.ts',
  'tests/e2e/create-codec.test.ts',
  'tests/e2e/drain.test.ts',
  'tests/e2e/failover.test.ts',
  'tests/e2e/fault-table.test.ts',
  'tests/e2e/filters.test.ts',
  'tests/e2e/frozen-codecs.test.ts',
  'tests/e2e/health-checks.test.ts',
  'tests/e2e/held-memory.test.ts',
  'tests/e2e/hot-reload.test.ts',
  'tests/e2e/hot-restart.test.ts',
  'tests/e2e/istio-stats.test.ts',
  'tests/e2e/kubectl-like.test.ts',
  'tests/e2e/large-messages.test.ts',
  'tests/e2e/limits-over-workers.test.ts',
  'tests/e2e/live-config.test.ts',
  'tests/e2e/local-rate-limit-over-workers.test.ts',
  'tests/e2e/mirror.test.ts',
  'tests/e2e/module.test.ts',
  'tests/e2e/outlier-detection.test.ts',
  'tests/e2e/overload.test.ts',
  'tests/e2e/own-thread.test.ts',
  'tests/e2e/packed-codec.test.ts',
  'tests/e2e/quickstart.test.ts',
  'tests/e2e/ratelimit-server.test.ts',
  'tests/e2e/reload-under-load.test.ts',
  'tests/e2e/rest.test.ts',
  'tests/e2e/retries.test.ts',
  'tests/e2e/retry-resources.test.ts',
  'tests/e2e/route-change.test.ts',
  'tests/e2e/route-explain-sources.test.ts',
  'tests/e2e/route-explain.test.ts',
  'tests/e2e/route-overrides.test.ts',
  'tests/e2e/service-heartbeat.test.ts',
  'tests/e2e/siege.test.ts',
  'tests/e2e/steady-memory.test.ts',
  'tests/e2e/tcp-proxy.test.ts',
  'tests/e2e/timeouts.test.ts',
  'tests/e2e/tls-mesh.test.ts',
  'tests/e2e/tls-secrets.test.ts',
  'tests/e2e/tracing.test.ts',
  'tests/e2e/up-global-rate-limit.test.ts',
  'tests/e2e/up-outliers.test.ts',
  'tests/e2e/up.test.ts',
  'tests/e2e/workers.test.ts',
  'tests/e2e/xds-client.test.ts',
  'tests/fuzz/**/*.test.ts',
  'tests/grpc-policies-doc.test.ts',
  'tests/migrating.test.ts',
  'tests/observation-doc.test.ts',
  'tests/sim/health.test.ts',
  'tests/sim/sim-command.test.ts',
  'tests/steer-traffic.test.ts',
  'tests/tls-doc.test.ts',
  'tests/traffic-actions-doc.test.ts',
  'tests/write-a-codec.test.ts',
  'tests/write-a-filter.test.ts',
]

/** Of those, and of those with real peers, what measures times or memory or wants fixed ports: nothing else runs beside it. */
const TIMED: readonly string[] = [
  'benchmarks/policies/cost.test.ts',
  'packages/cli/src/commands/codec/bench.test.ts',
  'packages/sdk/src/testing/bench/bench.test.ts',
  'tests/e2e/admin-load.test.ts',
  'tests/e2e/bad-code.test.ts',
  'tests/e2e/control-plane-scale.test.ts',
  'tests/e2e/drain.test.ts',
  'tests/e2e/fault-table.test.ts',
  'tests/e2e/held-memory.test.ts',
  'tests/e2e/hot-reload.test.ts',
  'tests/e2e/hot-restart.test.ts',
  'tests/e2e/live-config.test.ts',
  'tests/e2e/local-rate-limit-over-workers.test.ts',
  'tests/e2e/overload.test.ts',
  'tests/e2e/reload-under-load.test.ts',
  'tests/e2e/route-change.test.ts',
  'tests/e2e/siege.test.ts',
  'tests/e2e/steady-memory.test.ts',
  'tests/e2e/workers.test.ts',
  'tests/interop/create-codec/newcomer.test.ts',
  'tests/interop/create-codec/project.test.ts',
  'tests/interop/dubbo/*.test.ts',
  'tests/interop/ratelimit/*.test.ts',
  'tests/interop/thrift/*.test.ts',
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
/** A file of a thousand trials is one test. */
const LONG_TIMEOUT_MS = 300_000

const names = process.argv.slice(2)
const suites = names.length > 0 ? names : DEFAULT_SUITES
const patterns = suites.flatMap((name) => SUITES[name] ?? [name])
const exclude = suites.some((name) => name in SUITES && name !== 'long') ? [...LONG] : []
const files = globSync(patterns, { cwd: ROOT, exclude })
if (files.length === 0) throw new Error(`there is no test in ${patterns.join(', ')}`)
// Hundreds of processes load the same modules: what one has compiled the next ones take.
const compiled = mkdtempSync(join(tmpdir(), 'meltemi-test-code-'))
const isLong = names.includes('interop') || names.includes('long')
try {
  const timed = new Set(isLong ? globSync(TIMED, { cwd: ROOT }) : [])
  const together = files.filter((file) => !timed.has(file))
  const alone = files.filter((file) => timed.has(file))
  // half of a test's time is waiting, so one more than there are cores; other software takes more than its share
  const concurrency = availableParallelism() + (names.includes('interop') ? 0 : 1)
  process.exitCode = (await run(together, concurrency)) || (await run(alone, 1))
} finally {
  rmSync(compiled, { recursive: true, force: true })
}

/** Returns the exit code. */
async function run(some: readonly string[], concurrency: number): Promise<number> {
  if (some.length === 0) return 0
  const child = spawn(
    process.execPath,
    [
      '--conditions=meltemi-source',
      '--test',
      '--test-reporter=spec',
      `--test-timeout=${isLong ? LONG_TIMEOUT_MS : TEST_TIMEOUT_MS}`,
      `--test-concurrency=${concurrency}`,
      ...some,
    ],
    { cwd: ROOT, stdio: 'inherit', env: { ...process.env, NODE_COMPILE_CACHE: compiled } },
  )
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
  return code ?? (signal === 'SIGINT' ? 130 : 1)
}
