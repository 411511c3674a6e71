import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { ROOT } from '../../../scripts/workspace.ts'
import { MeltemiProcess } from '../../harness/index.ts'
import { eventually } from './eventually.ts'
import { startKubernetes } from './start-kubernetes.ts'

const PAGE = readFileSync(join(ROOT, 'docs/kubernetes.md'), 'utf8')

test('the commands of docs/kubernetes.md do what the page says', async () => {
  await using kubernetes = await startKubernetes()
  const folder = mkdtempSync(join(tmpdir(), 'meltemi-kubernetes-doc-'))
  const [, block = ''] = /```sh\n([^`]+)```/.exec(PAGE) ?? []
  const commands = block
    .trim()
    .split('\n')
    .map((line) => line.replace(/\s+#.*/, ''))
  const environment = { KUBECONFIG: kubernetes.kubeconfig, HOME: folder }
  try {
    for (const command of commands.filter((each) => each.startsWith('kubectl '))) {
      const { status, stderr } = spawnSync('sh', ['-c', command], {
        cwd: ROOT,
        env: { ...process.env, ...environment },
        encoding: 'utf8',
      })
      assert.equal(status, 0, stderr)
    }
    const [meltemi = ''] = commands.filter((each) => each.startsWith('meltemi '))
    const free = ['--xds-address', '127.0.0.1:0', '--api-address', '127.0.0.1:0', '--token-file', join(folder, 'token')]
    await using controlPlane = new MeltemiProcess([...meltemi.split(' ').slice(1), ...free], { env: environment })
    await controlPlane.said(/^ready: /m)
    const lease = [
      'get',
      'lease',
      'meltemi-control-plane',
      '--namespace',
      'meltemi',
      '-o',
      'jsonpath={.spec.holderIdentity}',
    ]
    await eventually('it leads', () => kubernetes.kubectl(lease) !== '')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('the kinds of docs/kubernetes.md are those that the permissions let it list', () => {
  const text = readFileSync(join(ROOT, 'deploy/manifests/permissions.yaml'), 'utf8')
  const role = text
    .split('---')
    .map((part) => parse(part) as Role)
    .find(({ kind }) => kind === 'ClusterRole')
  const listed = (role?.rules ?? []).filter(({ verbs }) => verbs.includes('list')).flatMap(({ resources }) => resources)
  const [, table = ''] = PAGE.split('## What is read')
  const kinds = [...(table.split('## What is written')[0] ?? '').matchAll(/^\| ([A-Z][A-Za-z, ]+) \|/gm)].flatMap(
    ([, cell = '']) => cell.split(', '),
  )
  const plural = (kind: string) => `${kind.toLowerCase().replace(/y$/, 'ie')}s`
  assert.deepEqual(kinds.map(plural).sort(), listed.toSorted())
})

interface Role {
  readonly kind: string
  readonly rules?: readonly { readonly resources: readonly string[]; readonly verbs: readonly string[] }[]
}
