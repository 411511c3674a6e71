import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { ROOT } from '../../../scripts/workspace.ts'
import { PROXY, parseRendered, type Rendered, render, renderText } from './chart-values.ts'
import { installDefinitions } from './install-definitions.ts'
import { type Kubernetes, startKubernetes } from './start-kubernetes.ts'

type Question = readonly [verb: string, resource: string, ...options: string[]]

const NAMESPACE = 'shop'
const PLACE = { release: 'mesh', namespace: NAMESPACE }
const OWN = ['--namespace', NAMESPACE]
const ALL = '--all-namespaces'
const OURS = ['applicationprotocols', 'metarouters', 'metaauthorizationpolicies'].map(
  (name) => `${name}.metaprotocol.aeraki.io`,
)
const REDIS = ['redisservices', 'redisdestinations'].map((name) => `${name}.redis.aeraki.io`)
const STATED = [...OURS, 'dubboauthorizationpolicies.dubbo.aeraki.io', ...REDIS]
const READ = [
  ...STATED,
  'serviceentries.networking.istio.io',
  'workloadentries.networking.istio.io',
  'destinationrules.networking.istio.io',
  'services',
  'endpointslices.discovery.k8s.io',
  'pods',
]
const LEASES = 'leases.coordination.k8s.io'
const LEASE = `${LEASES}/meltemi-control-plane`

const ALLOWED: readonly Question[] = [
  ...READ.flatMap((kind): Question[] => [
    ['list', kind, ALL],
    ['watch', kind, ALL],
  ]),
  ...STATED.map((kind): Question => ['patch', kind, '--subresource=status', ALL]),
  ['create', LEASES, ...OWN],
  ['get', LEASE, ...OWN],
  ['update', LEASE, ...OWN],
]

const DENIED: readonly Question[] = [
  ...READ.flatMap((kind): Question[] => ['create', 'update', 'patch', 'delete'].map((verb) => [verb, kind, ALL])),
  ...STATED.map((kind): Question => ['update', kind, '--subresource=status', ALL]),
  ...['secrets', 'configmaps', 'namespaces', 'nodes', 'deployments.apps'].flatMap((kind): Question[] => [
    ['get', kind, ALL],
    ['list', kind, ALL],
  ]),
  ['get', 'secrets', ...OWN],
  ['get', 'pods', '--subresource=log', ALL],
  ['create', 'pods', '--subresource=exec', ALL],
  ['create', 'serviceaccounts', '--subresource=token', ALL],
  ['get', `${LEASES}/other`, ...OWN],
  ['update', `${LEASES}/other`, ...OWN],
  ['list', LEASES, ...OWN],
  ['delete', LEASE, ...OWN],
  ['get', LEASE, '--namespace', 'default'],
  ['create', LEASES, '--namespace', 'default'],
  ['create', 'clusterrolebindings.rbac.authorization.k8s.io'],
  ['escalate', 'clusterroles.rbac.authorization.k8s.io'],
  ['impersonate', 'users'],
]

describe('the ServiceAccounts of the chart', { timeout: 240_000 }, () => {
  let kubernetes: Kubernetes

  before(async () => {
    kubernetes = await startKubernetes()
    installDefinitions(kubernetes)
    kubernetes.kubectl(['create', 'namespace', NAMESPACE])
    kubernetes.kubectl(['apply', '--server-side', '-f', '-'], renderText({ proxy: PROXY }, PLACE))
  })

  after(() => kubernetes[Symbol.asyncDispose]())

  /** As whoever has the account's token; throws when there is no clear answer. */
  function mayBe(account: string): (question: Question) => boolean {
    const token = kubernetes.kubectl(['create', 'token', account, ...OWN]).trim()
    const asked = ['--kubeconfig', kubernetes.kubeconfigFor(token), 'auth', 'can-i']
    return (question) => {
      const { stdout, stderr } = spawnSync('kubectl', [...asked, ...question], { encoding: 'utf8', timeout: 30_000 })
      assert.match(stdout, /^(yes|no)\b/, stderr)
      // else it would be no for a kind that does not exist
      assert.doesNotMatch(stderr, /doesn't have a resource type/)
      return stdout.startsWith('yes')
    }
  }

  test('let a control plane do what it needs', () => {
    const may = mayBe('mesh-control-plane')
    assert.deepEqual(
      ALLOWED.filter((question) => !may(question)),
      [],
    )
  })

  test('do not let it do anything else', () => {
    assert.deepEqual(DENIED.filter(mayBe('mesh-control-plane')), [])
  })

  test('do not let a proxy do anything', () => {
    assert.deepEqual(ALLOWED.filter(mayBe('mesh-proxy')), [])
  })
})

test('the rules of the chart are those of deploy/manifests/permissions.yaml', () => {
  const rules = (rendered: readonly Rendered[]) =>
    ['ClusterRole', 'Role'].map((kind) => rendered.find((object) => object.kind === kind)?.rules)
  const manifest = parseRendered(readFileSync(join(ROOT, 'deploy/manifests/permissions.yaml'), 'utf8'))
  assert.equal(rules(manifest).flat().length, 12)
  assert.deepEqual(rules(render({})), rules(manifest))
})
