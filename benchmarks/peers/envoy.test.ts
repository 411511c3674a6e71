import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createEnvoy, findMissingPart } from './envoy.ts'
import { findProgram } from './find-program.ts'

const skip = findProgram('envoy') === undefined && 'scripts/setup-interop.sh envoy brings it'
const TCP_PROXY = 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy'
const UNKNOWN = 'type.googleapis.com/example.NoSuchFilter'
const registered = { '@type': TCP_PROXY, stat_prefix: 'benchmark', cluster: 'backend' }

const failures = {
  'a filter that it does not know': {
    filter: { name: 'no_such_filter', typed_config: { '@type': UNKNOWN } },
    missing: UNKNOWN,
  },
  'nothing when its configuration is wrong': {
    filter: { name: 'envoy.filters.network.tcp_proxy', typed_config: { ...registered, no_such_field: 1 } },
    missing: undefined,
  },
}

for (const [title, { filter, missing }] of Object.entries(failures)) {
  test(`Envoy says what it was built without: ${title}`, { skip }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'meltemi-envoy-'))
    try {
      const error = await createEnvoy('Envoy', undefined, filter)
        .start({ backendPort: 1, folder })
        .then(
          () => assert.fail('it started'),
          (error: unknown) => error,
        )
      assert.equal(findMissingPart(error), missing, String(error))
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
}
