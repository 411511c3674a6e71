/** The bill of materials of a packed codec, as CycloneDX 1.6: https://cyclonedx.org/docs/1.6/json/. */

import type { PackageJson } from './package-json.ts'
import type { SourceFile } from './source-file.ts'

export interface SbomSubject {
  readonly name: string
  readonly version: string
  readonly license: string | undefined
  /** Of the packed module, in hex. */
  readonly sha256: string
  readonly sources: readonly SourceFile[]
  /** ISO 8601; undefined: no time is stated. */
  readonly timestamp: string | undefined
  /** The version of Meltemi that packs. */
  readonly meltemi: string
}

/** A package, or the project itself. */
interface Part {
  /** Its package URL; of the project, name and version. */
  readonly ref: string
  readonly owner: PackageJson | undefined
  /** What of it is in the module: path to digest. */
  readonly files: Map<string, string>
  /** References of the parts that it imports. */
  readonly uses: Set<string>
}

/** Licences by name, joined as SPDX does; npm's own words for "none" and "see there" are not. */
const SPDX_EXPRESSION = /^(?!UNLICENSED$)\(*[\w.+-]+\)*(?: (?:AND|OR|WITH) \(*[\w.+-]+\)*)*$/

/** Lists each package whose code went into the module, with its files and their digests, and who imports whom. */
export function createSbom(subject: SbomSubject): object {
  const ref = `${subject.name}@${subject.version}`
  const [project, ...packages] = partsOf(subject.sources, ref)
  return {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: `urn:uuid:${uuidOf(subject.sha256)}`,
    version: 1,
    metadata: {
      timestamp: subject.timestamp,
      tools: { components: [{ type: 'application', name: 'meltemi', version: subject.meltemi }] },
      component: {
        type: 'library',
        'bom-ref': ref,
        name: subject.name,
        version: subject.version,
        hashes: [hashOf(subject.sha256)],
        licenses: licensesOf(subject.license),
        components: project === undefined ? undefined : filesOf(project),
      },
    },
    components: packages.map(describePackage),
    dependencies: [project, ...packages].flatMap((part) =>
      part === undefined ? [] : [{ ref: part.ref, dependsOn: [...part.uses].sort() }],
    ),
  }
}

/** The project, then the packages in the order of their references; those of which nothing is left are not here. */
function partsOf(sources: readonly SourceFile[], projectRef: string): readonly Part[] {
  const parts = new Map<string, Part>([[projectRef, newPart(projectRef, undefined)]])
  for (const { owner, isIncluded } of sources) {
    const ref = purlOf(owner) ?? projectRef
    if (isIncluded && !parts.has(ref)) parts.set(ref, newPart(ref, owner))
  }
  const refs = new Map(sources.map(({ bundledAs, owner }) => [bundledAs, purlOf(owner) ?? projectRef]))
  for (const { bundledAs, imports, isIncluded, path, sha256 } of sources) {
    const part = parts.get(refs.get(bundledAs) ?? '')
    if (isIncluded) part?.files.set(path, sha256)
    for (const imported of imports) {
      const used = refs.get(imported) ?? ''
      if (parts.has(used) && used !== part?.ref) part?.uses.add(used)
    }
  }
  const [project, ...packages] = parts.values()
  return [project as Part, ...packages.sort((a, b) => compare(a.ref, b.ref))]
}

function newPart(ref: string, owner: PackageJson | undefined): Part {
  return { ref, owner, files: new Map(), uses: new Set() }
}

function describePackage(part: Part): object {
  return {
    type: 'library',
    'bom-ref': part.ref,
    name: part.owner?.name,
    version: part.owner?.version,
    licenses: licensesOf(part.owner?.license),
    purl: part.ref,
    components: filesOf(part),
  }
}

function filesOf({ files }: Part): readonly object[] {
  const inOrder = [...files].sort(([a], [b]) => compare(a, b))
  return inOrder.map(([name, sha256]) => ({ type: 'file', name, hashes: [hashOf(sha256)] }))
}

function licensesOf(license: string | undefined): readonly object[] | undefined {
  if (license === undefined) return undefined
  return SPDX_EXPRESSION.test(license) ? [{ expression: license }] : [{ license: { name: license } }]
}

function hashOf(content: string): object {
  return { alg: 'SHA-256', content }
}

/** `pkg:npm/%40scope/name@1.2.3`, https://github.com/package-url/purl-spec. */
function purlOf(owner: PackageJson | undefined): string | undefined {
  if (owner === undefined) return undefined
  const name = (owner.name ?? '').split('/').map(encodeURIComponent).join('/')
  return `pkg:npm/${name}${owner.version === undefined ? '' : `@${encodeURIComponent(owner.version)}`}`
}

/** The same for the same bytes: a name-based UUID of version 8. */
function uuidOf(sha256: string): string {
  const [a, b, c, d, e] = [
    sha256.slice(0, 8),
    sha256.slice(8, 12),
    sha256.slice(13, 16),
    sha256.slice(17, 20),
    sha256.slice(20, 32),
  ]
  return `${a}-${b}-8${c}-8${d}-${e}`
}

/** By code unit, as no locale has a say in a digest. */
function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b)
}
