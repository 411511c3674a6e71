/** Who may import whom: the tables of the architecture, as data, and the check that holds them. */

import { findCycles, type Import, readImports, type SourceTree } from './graph.ts'

interface PackageRule {
  /** Packages of this workspace, without the scope. `api/model` means that entry point only. */
  readonly own: readonly string[]
  /** Libraries; a declared dependency that is not listed here is still refused. */
  readonly libraries: readonly string[]
}

const PACKAGES: Readonly<Record<string, PackageRule>> = {
  sdk: { own: [], libraries: [] },
  codecs: { own: ['sdk'], libraries: [] },
  api: { own: [], libraries: ['@bufbuild/protobuf', 'yaml', 're2js'] },
  runtime: { own: [], libraries: ['@bufbuild/protobuf', '@grpc/grpc-js', 'pino'] },
  proxy: { own: ['sdk', 'api', 'runtime'], libraries: ['xxhash-wasm', 're2js'] },
  'control-plane': {
    own: ['api', 'runtime'],
    libraries: ['@kubernetes/client-node', '@peculiar/x509', 'ajv', 'reflect-metadata', 'yaml'],
  },
  ratelimit: { own: ['api', 'runtime'], libraries: ['ioredis'] },
  console: { own: ['api/model'], libraries: ['preact', '@preact/signals', 'uplot', '@dagrejs/dagre'] },
  cli: {
    own: ['sdk', 'codecs', 'api', 'runtime', 'proxy', 'control-plane', 'ratelimit', 'console'],
    libraries: ['commander', 'esbuild', 'yocto-spinner'],
  },
  'create-meltemi-codec': { own: [], libraries: [] },
}

/** Libraries that one file or folder hides from the rest of its package. */
const HIDDEN_LIBRARIES: Readonly<Record<string, readonly string[]>> = {
  'xxhash-wasm': ['packages/proxy/src/util/hash'],
  re2js: ['packages/proxy/src/routing/match', 'packages/api/src/convert/match'],
  '@kubernetes/client-node': ['packages/control-plane/src/kubernetes/'],
  '@peculiar/x509': ['packages/control-plane/src/webhook/'],
  ioredis: ['packages/ratelimit/src/counters/redis'],
  esbuild: ['packages/cli/src/pack/bundle'],
}

/** Each folder may use those before it. Files directly in `proxy/src` build it all and may use everything. */
const PROXY_FOLDERS = [
  'modules',
  'util',
  'observe',
  'net',
  'routing',
  'upstream',
  'filters',
  'downstream',
  'config',
  'xds',
  'admin',
]

/** Folders that may import themselves and the listed files or folders of their package, nothing else in it. */
const CLOSED_FOLDERS: Readonly<Record<string, readonly string[]>> = {
  'packages/api/src/model/': [],
  'packages/control-plane/src/sources/': ['packages/control-plane/src/store/world.ts'],
  'packages/control-plane/src/translate/': ['packages/control-plane/src/store/world.ts'],
}

/** Node's own modules, where not all of them are allowed. */
const NODE_MODULES: readonly (readonly [folder: string, allowed: readonly string[]])[] = [
  [
    'packages/sdk/src/testing/',
    [
      ...['node:buffer', 'node:test', 'node:assert', 'node:assert/strict', 'node:fs', 'node:path', 'node:url'],
      ...['node:inspector', 'node:v8', 'node:vm'],
    ],
  ],
  ['packages/sdk/src/', ['node:buffer']],
  ['packages/api/src/model/', []],
  ['packages/console/src/', []],
]

export interface Manifest {
  readonly dependencies: readonly string[]
  readonly entries: readonly string[]
}

/** Every violation as `file -> import: reason`. `manifests`: by folder name below `packages`. */
export function findViolations(tree: SourceTree, manifests: ReadonlyMap<string, Manifest>): readonly string[] {
  const imports = readImports(tree)
  const violations = imports.flatMap((one) => {
    const reason = one.target === undefined ? packageReason(one, manifests) : fileReason(one, tree)
    return reason === undefined ? [] : [`${one.from} -> ${one.specifier}: ${reason}`]
  })
  return [...violations, ...findCycles(imports).map((cycle) => `${cycle}: a cycle`)]
}

function packageReason(one: Import, manifests: ReadonlyMap<string, Manifest>): string | undefined {
  const own = packageOf(one.from)
  if (one.specifier.startsWith('node:')) return isTest(one.from) ? undefined : nodeReason(one)
  if (one.specifier.startsWith('@meltemi/')) return ownPackageReason(one, own, manifests)
  if (own === undefined || isTest(one.from)) return undefined // the root package's devDependencies are everybody's
  return libraryReason(one, own, manifests)
}

function nodeReason(one: Import): string | undefined {
  const rule = NODE_MODULES.find(([folder]) => one.from.startsWith(folder))
  if (rule === undefined || rule[1].includes(one.specifier)) return undefined
  return `${rule[0]} may not use it`
}

function ownPackageReason(
  one: Import,
  own: string | undefined,
  manifests: ReadonlyMap<string, Manifest>,
): string | undefined {
  const path = one.specifier.slice('@meltemi/'.length)
  const target = path.split('/')[0] as string
  if (!manifests.get(target)?.entries.includes(one.specifier)) return 'not a public name'
  if (own === undefined || own === target) return undefined
  const rule = PACKAGES[own]
  if (rule === undefined) return `package ${own} has no row in the import table`
  if (!rule.own.includes(target) && !rule.own.includes(path)) return `${own} may not use ${target}`
  return manifests.get(own)?.dependencies.includes(`@meltemi/${target}`) ? undefined : 'not declared in package.json'
}

function libraryReason(one: Import, own: string, manifests: ReadonlyMap<string, Manifest>): string | undefined {
  const library = libraryOf(one.specifier)
  if (!PACKAGES[own]?.libraries.includes(library)) return `${own} may not use this library`
  const homes = HIDDEN_LIBRARIES[library]
  if (homes?.every((home) => !one.from.startsWith(home))) return `only ${homes.join(' and ')} may use this library`
  return manifests.get(own)?.dependencies.includes(library) ? undefined : 'not declared in package.json'
}

function fileReason(one: Import, tree: SourceTree): string | undefined {
  const target = one.target as string
  if (!tree.has(target) && !isGenerated(target)) return 'no such file'
  const from = packageOf(one.from)
  if (packageOf(target) !== from) return 'leaves its package: use the public name'
  return proxyFolderReason(one.from, target) ?? closedFolderReason(one.from, target)
}

function proxyFolderReason(from: string, target: string): string | undefined {
  const user = proxyFolder(from)
  if (user === undefined || user === '') return undefined
  const used = proxyFolder(target) as string
  if (!PROXY_FOLDERS.includes(user)) return `proxy/${user} has no place in the order of folders`
  if (used === '') return 'only the top of the proxy may use this file'
  return PROXY_FOLDERS.indexOf(used) <= PROXY_FOLDERS.indexOf(user) ? undefined : `${user} stands before ${used}`
}

function closedFolderReason(from: string, target: string): string | undefined {
  const rule = Object.entries(CLOSED_FOLDERS).find(([folder]) => from.startsWith(folder))
  if (rule === undefined || isTest(from)) return undefined
  const [folder, others] = rule
  return [folder, ...others].some((allowed) => target.startsWith(allowed)) ? undefined : `${folder} may not use it`
}

/** The folder below `packages`; undefined outside of it. */
function packageOf(file: string): string | undefined {
  return /^packages\/([^/]+)\//.exec(file)?.[1]
}

/** The first folder below `proxy/src`; empty for files directly in it, undefined elsewhere. */
function proxyFolder(file: string): string | undefined {
  return /^packages\/proxy\/src\/(?:([^/]+)\/)?/
    .exec(file)
    ?.slice(1)
    .map((folder) => folder ?? '')[0]
}

function libraryOf(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
}

/** Written by the set-up; may not be there yet. */
function isGenerated(file: string): boolean {
  return file.includes('/gen/')
}

function isTest(file: string): boolean {
  return file.endsWith('.test.ts')
}
