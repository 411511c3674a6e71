import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { startControlPlaneProcess } from '../../harness/control-plane-process.ts'
import { greeterRouter } from '../../harness/index.ts'
import { eventually } from './eventually.ts'
import { installDefinitions } from './install-definitions.ts'
import { type Kubernetes, startKubernetes } from './start-kubernetes.ts'

interface Status {
  readonly conditions?: readonly {
    readonly type: string
    readonly status: string
    readonly message: string
    readonly observedGeneration?: number
  }[]
}

function statusOf({ kubectl }: Kubernetes, name: string): Status {
  const text = kubectl(['get', 'metarouter', name, '-o', 'json'])
  return (JSON.parse(text) as { readonly status?: Status }).status ?? {}
}

function holderOf({ kubectl }: Kubernetes): string {
  return kubectl(['get', 'lease', 'meltemi-control-plane', '-o', 'jsonpath={.spec.holderIdentity}'])
}

function isAccepted(kubernetes: Kubernetes, name: string): boolean {
  return statusOf(kubernetes, name).conditions?.[0]?.status === 'True'
}

/** That is no regular expression, which the API server does not know. */
const REFUSED = greeterRouter({ v1: 100 }, 'refused').replace(
  'route:',
  'match: { attributes: { method: { regex: "(" } } }\n      route:',
)

test('status says what became of resources; one replica writes it, and when that dies another one does', async () => {
  await using kubernetes = await startKubernetes()
  installDefinitions(kubernetes)
  const folder = mkdtempSync(join(tmpdir(), 'meltemi-status-'))
  const start = () =>
    startControlPlaneProcess({
      folder: { kubeconfig: kubernetes.kubeconfig },
      runtimeFolder: mkdtempSync(join(folder, 'one-')),
    })
  try {
    await using first = await start()
    await eventually('the first leads', () => holderOf(kubernetes) !== '')
    await using second = await start()
    const leader = holderOf(kubernetes)
    kubernetes.kubectl(['apply', '-f', '-'], greeterRouter({ v1: 100 }))
    await eventually('what is right is accepted', () => isAccepted(kubernetes, 'greeter'))
    const version = () =>
      kubernetes.kubectl(['get', 'metarouter', 'greeter', '-o', 'jsonpath={.metadata.resourceVersion}'])
    const before = version()
    kubernetes.kubectl(['apply', '-f', '-'], REFUSED)
    await eventually('what is wrong is refused', () => !!statusOf(kubernetes, 'refused').conditions?.[0]?.message)
    assert.equal(statusOf(kubernetes, 'refused').conditions?.[0]?.status, 'False')
    assert.equal(version(), before, 'a status is written once')
    assert.equal(holderOf(kubernetes), leader, 'the second one leads only when the first does not')

    kubernetes.kubectl(['apply', '-f', '-'], greeterRouter({ v1: 60, v2: 40 }))
    await eventually('a condition says of which generation it is', () => {
      return statusOf(kubernetes, 'greeter').conditions?.[0]?.observedGeneration === 2
    })

    kubernetes.kubectl(['replace', '--force', '-f', '-'], greeterRouter({ v1: 100 }))
    await eventually('one that was made anew is accepted too', () => isAccepted(kubernetes, 'greeter'))

    await first[Symbol.asyncDispose]()
    await eventually('the second leads', () => holderOf(kubernetes) !== '' && holderOf(kubernetes) !== leader)
    kubernetes.kubectl(['apply', '-f', '-'], greeterRouter({ v1: 100 }, 'another'))
    await eventually('the second writes status', () => !!statusOf(kubernetes, 'another').conditions?.[0]?.type)
    assert.ok(second.pid > 0)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
