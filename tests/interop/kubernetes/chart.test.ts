import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import {
  CHART,
  MANIFEST,
  renderManifest,
  renderWebhookManifest,
  runHelm,
  WEBHOOK_MANIFEST,
} from '../../../scripts/render-manifest.ts'
import { ROOT } from '../../../scripts/workspace.ts'
import { IMAGE_CODEC, MAP_CODEC, PROXY, podOf, render, renderText, VALUE_SETS, type Values } from './chart-values.ts'
import { installDefinitions } from './install-definitions.ts'
import { type Kubernetes, startKubernetes } from './start-kubernetes.ts'

const STRICT = ['--server-side', '--validate=strict', '--warnings-as-errors']

for (const [title, values] of Object.entries(VALUE_SETS)) {
  test(`helm lint --strict finds nothing: ${title}`, () => {
    const said = runHelm(['lint', '--strict', CHART, '--values', '-'], JSON.stringify(values))
    assert.match(said, /1 chart\(s\) linted, 0 chart\(s\) failed/)
    assert.doesNotMatch(said, /WARNING|ERROR/)
  })
}

const { image: _image, ...withoutSource } = IMAGE_CODEC
const refused: Readonly<Record<string, Values>> = {
  'a codec image by a tag alone': { codecs: [{ ...IMAGE_CODEC, image: 'registry.example/mine:v1' }] },
  'a codec from two places': { codecs: [{ ...IMAGE_CODEC, configMap: 'mine' }] },
  'a codec from nowhere': { codecs: [withoutSource] },
  'a codec without a digest of its file': { codecs: [{ ...MAP_CODEC, sha256: '' }] },
  'a codec whose file is elsewhere': { codecs: [{ ...MAP_CODEC, file: '../codec.mjs' }] },
  'proxies that serve nothing': { proxy: { enabled: true } },
  'a port that needs privileges': { proxy: { ...PROXY, ports: [{ name: 'greeter', port: 80 }] } },
  'a value that there is none of': { controlPlane: { replica: 3 } },
}
for (const [what, values] of Object.entries(refused)) {
  test(`the chart refuses ${what}`, () => {
    assert.throws(() => render(values), /values don't meet the specifications of the schema/)
  })
}

test('the chart refuses a release that its Services could not be called after', () => {
  for (const release of ['m'.repeat(41), '1mesh', 'mesh.one']) {
    assert.throws(() => render({}, { release }), /the release should be called by at most 40 small letters/)
  }
  assert.ok(render({}, { release: 'm'.repeat(40) }).length > 0)
})

test('containers cannot write into their image, ask for what they need, and have time to end', () => {
  const rendered = render({ proxy: { ...PROXY, drainTimeS: 60 } })
  for (const component of ['control-plane', 'proxy']) {
    const { containers, terminationGracePeriodSeconds } = podOf(rendered, component)
    assert.equal(containers.length, 1)
    for (const { securityContext, resources } of containers) {
      assert.equal(securityContext.readOnlyRootFilesystem, true)
      assert.deepEqual(Object.keys(resources.requests), ['cpu', 'memory'])
      assert.ok(resources.limits['memory'] !== undefined)
    }
    // 5 s of the preStop hook, the drain, and 5 s for clients to leave
    assert.ok(terminationGracePeriodSeconds >= (component === 'proxy' ? 70 : 30), component)
  }
})

test('what is made of the chart is up to date: npm run manifests makes it again', () => {
  assert.equal(readFileSync(MANIFEST, 'utf8'), renderManifest())
  assert.equal(readFileSync(WEBHOOK_MANIFEST, 'utf8'), renderWebhookManifest())
  const files = (folder: string) =>
    Object.fromEntries(globSync(join(folder, '*.yaml')).map((file) => [basename(file), readFileSync(file, 'utf8')]))
  assert.deepEqual(files(join(CHART, 'crds')), files(join(ROOT, 'deploy/crds')))
})

test('the chart has the version of the packages', () => {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }
  const text = readFileSync(join(CHART, 'Chart.yaml'), 'utf8')
  assert.deepEqual(
    [...text.matchAll(/^(?:version|appVersion): (.*)$/gm)].map(([, found]) => found),
    [version, version],
  )
})

describe('a real API server, in a namespace that warns of pods that are not restricted', { timeout: 240_000 }, () => {
  let kubernetes: Kubernetes

  before(async () => {
    kubernetes = await startKubernetes({ featureGates: ['ImageVolume'] })
    installDefinitions(kubernetes)
    const modes = ['enforce', 'warn'].map((mode) => `pod-security.kubernetes.io/${mode}=restricted`)
    for (const namespace of Object.keys(VALUE_SETS).map((_, index) => `mesh-${index}`)) {
      kubernetes.kubectl(['create', 'namespace', namespace])
      kubernetes.kubectl(['label', 'namespace', namespace, ...modes])
    }
  })

  after(() => kubernetes[Symbol.asyncDispose]())

  for (const [index, [title, values]] of Object.entries(VALUE_SETS).entries()) {
    const namespace = `mesh-${index}`
    test(`takes the chart without a warning: ${title}`, () => {
      kubernetes.kubectl(['apply', ...STRICT, '-f', '-'], renderText(values, { namespace }))
    })

    test(`lets its pods be: ${title}`, () => {
      for (const { kind, metadata, spec } of render(values, { namespace })) {
        if (kind !== 'Deployment') continue
        const pod = { ...spec?.template, metadata: { name: metadata.name, namespace }, apiVersion: 'v1', kind: 'Pod' }
        kubernetes.kubectl(['create', '--validate=strict', '--warnings-as-errors', '-f', '-'], JSON.stringify(pod))
      }
    })
  }

  test('mounts the image of a codec by its digest', () => {
    // an API server without image volumes takes the Deployment too, and leaves them out
    const volume = '{.spec.template.spec.volumes[?(@.name=="codec-mine")].image.reference}'
    const get = ['get', 'deployment', 'mesh-control-plane', '-n', 'mesh-2', '-o', `jsonpath=${volume}`]
    assert.equal(kubernetes.kubectl(get), IMAGE_CODEC['image'])
  })

  test('would not take it without a warning if the pods were less restricted', () => {
    const text = renderText({}, { namespace: 'mesh-0', release: 'other' })
    const lessStrict = text.replace('allowPrivilegeEscalation: false', 'allowPrivilegeEscalation: true')
    assert.notEqual(lessStrict, text)
    const apply = () => kubernetes.kubectl(['apply', ...STRICT, '-f', '-'], lessStrict)
    assert.throws(apply, /would violate PodSecurity "restricted:latest": allowPrivilegeEscalation/)
  })

  test('has room for several releases, whatever they and their namespaces are called', () => {
    const places = ['a/b', 'b/b', 'a/a', 'b-c/a', 'c/a-b'].map((place) => place.split('/') as [string, string])
    for (const namespace of new Set(places.map(([, each]) => each)))
      kubernetes.kubectl(['create', 'namespace', namespace])
    const values = VALUE_SETS['codecs from an OCI image and from a ConfigMap, and proxies'] as Values
    for (const [release, namespace] of places) {
      // which fails for what is there already
      kubernetes.kubectl(['create', '-f', '-'], renderText(values, { release, namespace }))
    }
  })

  test('takes the plain manifests', () => {
    kubernetes.kubectl(['apply', ...STRICT, '-f', MANIFEST])
  })

  test('has a webhook beside them, by the commands of docs/install.md', () => {
    const page = readFileSync(join(ROOT, 'docs/install.md'), 'utf8')
    const [, block = ''] = /With \[the webhook\].*?```sh\n(.*?)```/s.exec(page) ?? []
    const run = { encoding: 'utf8', cwd: ROOT, env: { ...process.env, KUBECONFIG: kubernetes.kubeconfig } } as const
    const { status, stderr } = spawnSync('bash', ['-ec', block], run)
    assert.equal(status, 0, stderr)
    const read = (what: string, path: string) =>
      kubernetes.kubectl(['get', ...what.split(' '), '-n', 'meltemi', '-o', `jsonpath={${path}}`])
    assert.deepEqual(read('service meltemi-control-plane', '.spec.ports[*].port').split(' ').sort(), ['15010', '443'])
    assert.match(read('deployment meltemi-control-plane', '..args'), /"--webhook-address=0\.0\.0\.0:15017"/)
    const service = read('validatingwebhookconfiguration meltemi-webhook.meltemi', '.webhooks[0].clientConfig.service')
    assert.match(service, /"name":"meltemi-control-plane","namespace":"meltemi","path":"\/validate","port":443/)
    // nobody answers it here
    kubernetes.kubectl(['delete', '-f', WEBHOOK_MANIFEST])
  })

  test('has Helm install, upgrade and remove it', () => {
    const helm = (...args: string[]) => runHelm([...args, '--kubeconfig', kubernetes.kubeconfig, '--namespace', 'helm'])
    helm('install', 'mesh', CHART, '--create-namespace')
    const upgraded = helm('upgrade', 'mesh', CHART, '--set', 'controlPlane.replicas=3')
    assert.match(upgraded, /mesh-control-plane\.helm:15010/, 'the notes say where proxies come')
    const replicas = ['get', 'deployment', 'mesh-control-plane', '-n', 'helm', '-o', 'jsonpath={.spec.replicas}']
    assert.equal(kubernetes.kubectl(replicas), '3')
    helm('uninstall', 'mesh')
    const kinds = 'deployments,services,serviceaccounts,roles,rolebindings,poddisruptionbudgets'
    assert.equal(
      kubernetes.kubectl(['get', kinds, '-n', 'helm', '-o', 'name', '-l', 'app.kubernetes.io/name=meltemi']),
      '',
    )
    // the definitions, with all resources of the cluster, are not the chart's to remove
    assert.match(kubernetes.kubectl(['get', 'crd', '-o', 'name']), /metarouters/)
  })
})
