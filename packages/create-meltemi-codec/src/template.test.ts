import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { createProject } from './index.ts'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const project = mkdtempSync(join(tmpdir(), 'meltemi-template-'))
after(() => rmSync(project, { recursive: true, force: true }))
createProject({ name: 'three-word-name', directory: project, framing: 'delimiter', tarballs: [] })

function read(file: string): string {
  return readFileSync(join(project, file), 'utf8')
}

test('the versions in package.json are those of this repository', () => {
  const { dependencies, devDependencies, optionalDependencies } = JSON.parse(read('package.json'))
  const root = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  for (const [name, version] of Object.entries(dependencies)) {
    const own = JSON.parse(readFileSync(join(ROOT, 'packages', name.replace('@meltemi/', ''), 'package.json'), 'utf8'))
    assert.equal(version, own.version, name)
  }
  for (const [name, version] of Object.entries(devDependencies)) assert.equal(version, root.devDependencies[name], name)
  assert.deepEqual(optionalDependencies, root.optionalDependencies)
})

describe('README.md and README.zh-CN.md', () => {
  const pages = ['README.md', 'README.zh-CN.md'].map(read)

  /** What `pattern` finds in each, in order. */
  function both(pattern: RegExp): readonly (readonly string[])[] {
    return pages.map((page) => [...page.matchAll(pattern)].map((match) => match[1] as string))
  }

  test('have the same headings, tables, blocks, files and commands', () => {
    for (const [pattern, least] of [
      [/^(#+) /gm, 8],
      [/^```\w*\n([\s\S]*?)^```$/gm, 4],
      [/^(\|[ -]*\|)/gm, 3],
      [/`(npm [^`]+|npm)`/g, 8],
      [/\]\(((?!#|README)[^)]+)\)/g, 10],
    ] as const) {
      const [english = [], chinese = []] = both(pattern)
      assert.ok(english.length >= least, `${pattern}: ${english}`)
      assert.deepEqual(chinese, english)
    }
    const [english = [], chinese = []] = both(/`([^`\n]+)`/g).map((words) => [...new Set(words)].sort())
    assert.deepEqual(chinese, english)
  })

  test('name only files, anchors and scripts that there are', () => {
    const { scripts } = JSON.parse(read('package.json'))
    for (const page of pages) {
      const links = [...page.matchAll(/\]\((?!https?:)([^)]+)\)/g)].map((match) => match[1] as string)
      const headings = [...page.matchAll(/^## (.+)$/gm)].map(
        ([, text = '']) => `#${text.toLowerCase().replaceAll(' ', '-')}`,
      )
      assert.deepEqual(
        links.filter((link) => !headings.includes(link) && !existsSync(join(project, link))),
        [],
      )
      const named = [...page.matchAll(/npm run ([a-z]+)/g)].map((match) => match[1] as string)
      assert.deepEqual([...new Set([...named, 'test', 'start'])].sort(), Object.keys(scripts).sort())
    }
  })
})

/**
 * What Aeraki wants of them: the protocol is the third word of the port's name, hosts are the same everywhere, routes
 * name subsets that there are, weights add up to 100, and only the last route may match everything.
 */
describe('the mesh resources', () => {
  const resources = new Map(readdirSync(join(project, 'mesh')).map((file) => [file, parse(read(join('mesh', file)))]))
  const protocol = resources.get('application-protocol.yaml')
  const service = resources.get('service-entry.yaml')
  const destination = resources.get('destination-rule.yaml')
  const router = resources.get('meta-router.yaml')

  test('have the kinds and versions that the control plane knows', () => {
    assert.deepEqual([...resources.values()].map(({ apiVersion, kind }) => `${apiVersion} ${kind}`).sort(), [
      'metaprotocol.aeraki.io/v1alpha1 ApplicationProtocol',
      'metaprotocol.aeraki.io/v1alpha1 MetaRouter',
      'networking.istio.io/v1alpha3 DestinationRule',
      'networking.istio.io/v1alpha3 ServiceEntry',
    ])
  })

  test('name the codec, and the protocol as the name of the port says it', () => {
    assert.ok(read('src/codec.ts').includes(`name: '${protocol.spec.codec}'`))
    assert.equal(protocol.spec.codec, 'aeraki.meta_protocol.codec.three_word_name')
    for (const { name } of service.spec.ports) {
      assert.deepEqual(name.split('-'), ['tcp', 'metaprotocol', protocol.spec.protocol])
    }
  })

  test('are of one host, and route to subsets that there are', () => {
    const [host] = service.spec.hosts
    assert.match(host, /^[a-z0-9-]+(?:\.[a-z0-9-]+)+$/)
    assert.equal(destination.spec.host, host)
    assert.deepEqual(router.spec.hosts, [host])
    const subsets = destination.spec.subsets.map(({ name }: { name: string }) => name)
    const routes = router.spec.routes as {
      match?: object
      route: { destination: { host: string; subset: string }; weight?: number }[]
    }[]
    for (const [index, { match, route }] of routes.entries()) {
      assert.equal(match === undefined, index === routes.length - 1)
      for (const { destination } of route) {
        assert.equal(destination.host, host)
        assert.ok(subsets.includes(destination.subset))
      }
      if (route.length > 1)
        assert.equal(
          route.reduce((sum, { weight = 0 }) => sum + weight, 0),
          100,
        )
    }
  })

  test('have the routes of proxy.yaml', () => {
    const [listener] = parse(read('proxy.yaml')).static_resources.listeners
    const { routes } = listener.filter_chains[0].filters[0].typed_config.route_config
    const inProxy = routes.map(({ name, match, route }: ProxyRoute) => ({
      name,
      cmd: match?.metadata[0]?.string_match.exact,
      to: route.cluster ?? route.weighted_clusters?.clusters.map(({ name, weight }) => `${name} ${weight}`).join(),
    }))
    const inMesh = router.spec.routes.map(({ name, match, route }: MeshRoute) => ({
      name,
      cmd: match?.attributes['cmd']?.exact,
      to: route.map(({ destination, weight }) => [destination.subset, weight].join(' ').trim()).join(),
    }))
    assert.deepEqual(inMesh, inProxy)
  })
})

interface ProxyRoute {
  readonly name: string
  readonly match?: { readonly metadata: readonly { readonly string_match: { readonly exact: string } }[] }
  readonly route: {
    readonly cluster?: string
    readonly weighted_clusters?: { readonly clusters: readonly { readonly name: string; readonly weight: number }[] }
  }
}

interface MeshRoute {
  readonly name: string
  readonly match?: { readonly attributes: Readonly<Record<string, { readonly exact: string }>> }
  readonly route: readonly { readonly destination: { readonly subset: string }; readonly weight?: number }[]
}
