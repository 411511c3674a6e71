import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runMeltemi } from '../run-meltemi.ts'
import { createAnalyzeCommand } from './analyze.ts'
import { createValidateCommand } from './validate.ts'

const folder = mkdtempSync(join(tmpdir(), 'meltemi-check-'))
after(() => rmSync(folder, { recursive: true }))
const QUICKSTART = fileURLToPath(new URL('../../../../examples/quickstart', import.meta.url))
const MESH = fileURLToPath(new URL('../../../create-meltemi-codec/template/common/mesh', import.meta.url))

const SERVICE = `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: hello }
spec:
  hosts: [hello.mesh]
  ports: [{ number: 9090, name: tcp-metaprotocol-thrift-hello }]
  resolution: STATIC
  endpoints: [{ address: 10.0.0.1 }]
`
const ROUTER = `apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: MetaRouter
metadata: { name: hello }
spec:
  hosts: [hello.mesh]
  routes:
    - route:
        - destination: { host: hello.mesh, subset: v1 }
`

function write(name: string, text: string): string {
  const file = join(folder, name)
  writeFileSync(file, text)
  return file
}

async function run(...args: readonly string[]): Promise<{ code: number; out: string; errors: string }> {
  const said = { code: 0, out: '', errors: '' }
  const write = (text: string): void => {
    said.out += text
  }
  const writeError = (text: string): void => {
    said.errors += text
  }
  said.code = await runMeltemi(args, { write, writeError })
  return said
}

for (const [name, create] of [
  ['validate', createValidateCommand],
  ['analyze', createAnalyzeCommand],
] as const) {
  test(`${name} --help has every option, examples and exit codes`, async () => {
    const { code, out } = await run(name, '--help')
    assert.equal(code, 0)
    const silent = { write: () => {}, writeError: () => {} }
    for (const option of create(silent, { exitCode: 0 }).options) assert.ok(out.includes(option.long as string))
    for (const part of [`$ meltemi ${name} resources/`, '(choices: "text", "json", default: "text")', 'Exit code: 0'])
      assert.ok(out.replaceAll(/\s+/g, ' ').includes(part), part)
  })

  test(`${name}: a bootstrap is told to be one, with what checks it`, async () => {
    const file = write('proxy.yaml', 'static_resources: { listeners: [] }\n')
    const { code, errors } = await run(name, file)
    assert.equal(code, 1)
    assert.equal(
      errors,
      `error: ${file}:1:1: is the bootstrap of a proxy, not a resource; use \`meltemi proxy --config FILE --mode validate\` [not-a-resource]\n`,
    )
  })

  test(`${name}: where there is nothing is an error`, async () => {
    for (const path of [
      join(folder, 'missing'),
      mkdtempSync(join(folder, 'empty-')),
      write('skipped.yaml', 'apiVersion: apps/v1\nkind: Deployment\n'),
    ]) {
      const { code, errors } = await run(name, path)
      assert.equal(code, 1)
      assert.match(errors, /^error: .*(no such file or folder|no resources are here).* \[unreadable\]$/m)
    }
  })

  test(`${name} needs a path`, async () => {
    const { code, errors } = await run(name)
    assert.deepEqual([code, errors], [1, "error: missing required argument 'path'\n"])
  })
}

test('the quickstart and the resources of a new project are valid, and the quickstart fits together', async () => {
  assert.deepEqual(await run('validate', QUICKSTART, MESH), { code: 0, out: '16 resources: no problems\n', errors: '' })
  assert.deepEqual(await run('analyze', QUICKSTART), { code: 0, out: '12 resources: no problems\n', errors: '' })
})

test('validate says file, line, column, path, what is wrong, what to do, and the code, in the order of the file', async () => {
  const file = write(
    'router.yaml',
    ROUTER.replace('routes:', 'rotes: []\n  routes:').replace('subset: v1', 'subset: V_1'),
  )
  const { code, out, errors } = await run('validate', file)
  assert.deepEqual([code, out], [1, ''])
  assert.deepEqual(errors.trimEnd().split('\n'), [
    `error: ${file}:6:3: spec.rotes: there is no such field; did you mean routes? [unknown-field]`,
    `error: ${file}:9:52: spec.routes[0].route[0].destination.subset: expected a DNS label of at most 63 characters, found "V_1" [invalid-value]`,
  ])
})

test('validate looks at each resource alone: what is missing beside it does not matter', async () => {
  const { code, out } = await run('validate', write('alone.yaml', ROUTER))
  assert.deepEqual([code, out], [0, '1 resource: no problems\n'])
})

test('warnings and notes are said, and leave the exit code 0', async () => {
  const text = `${SERVICE}  subjectAltNames: [x]\n---\napiVersion: apps/v1\nkind: Deployment\n`
  const file = write('warned.yaml', text)
  const { code, out, errors } = await run('validate', file)
  assert.deepEqual([code, out], [0, '1 resource: no errors, 1 warning\n'])
  assert.deepEqual(errors.trimEnd().split('\n'), [
    `warning: ${file}:9:3: spec.subjectAltNames: has no effect here [no-effect]`,
    `note: ${file}:12:7: kind: Deployment of apps/v1 is skipped [skipped-kind]`,
  ])
})

test('a resource that stands in two files is an error with both places', async () => {
  const [one, two] = [write('one.yaml', SERVICE), write('two.yaml', SERVICE)]
  const { code, errors } = await run('validate', one, two)
  assert.equal(code, 1)
  assert.match(
    errors,
    new RegExp(`^error: ${two}:3:19: metadata.name: .* stands in ${one}:1 already.* \\[duplicate-resource\\]$`, 'm'),
  )
})

test('analyze finds what validate cannot: over files, with the place', async () => {
  const [service, router] = [write('service.yaml', SERVICE), write('lost.yaml', ROUTER)]
  assert.equal((await run('validate', service, router)).code, 0)
  const { code, errors } = await run('analyze', service, router)
  assert.equal(code, 1)
  assert.equal(
    errors,
    `error: ${router}:8:52: spec.routes[0].route[0].destination.subset: no DestinationRule of hello.mesh has the subset v1; add a DestinationRule with it [missing-subset]\n`,
  )
})

test('analyze knows the codecs of --module; one that comes with its resource is never unknown', async () => {
  const protocol = (more = '') => `apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: ApplicationProtocol
metadata: { name: mine }
spec: { protocol: mine, codec: test.my-own${more} }
`
  const file = write('mine.yaml', protocol())
  const codec = write(
    'codec.mjs',
    "export const codecs = [{ name: 'test.my_own', contract: 1, correlation: 'id', create() {} }]",
  )
  const unknown = await run('analyze', file)
  assert.deepEqual([unknown.code, unknown.out], [0, '1 resource: no errors, 1 warning\n'])
  assert.match(
    unknown.errors,
    /^warning: .*mine\.yaml:4:\d+: spec\.codec: no codec test\.my-own .* \[unknown-codec\]$/m,
  )
  const known = await run('analyze', file, '--module', codec)
  assert.deepEqual(known, { code: 0, out: '1 resource: no problems\n', errors: '' })
  const delivered = write('delivered.yaml', protocol(`, module: { url: 'file:x.mjs', sha256: ${'a'.repeat(64)} }`))
  assert.deepEqual(await run('analyze', delivered), { code: 0, out: '1 resource: no problems\n', errors: '' })
  const broken = await run('analyze', file, '--module', write('none.mjs', 'export const codecs = 1'))
  assert.equal(broken.code, 1)
  assert.match(broken.errors, /^error: .*none\.mjs.*codecs/m)
})

test('analyze says first what is wrong with each resource alone', async () => {
  const file = write('both.yaml', `${SERVICE.replace('STATIC', 'STATIK')}---\n${ROUTER}`)
  const { code, errors } = await run('analyze', file)
  assert.equal(code, 1)
  assert.match(errors, /^error: [^\n]*\[invalid-value\]\n$/)
})

test('-o json has the same as one object, and nothing else', async () => {
  const file = write('json.yaml', ROUTER.replace('routes:', 'rotes: []\n  routes:'))
  const { code, out, errors } = await run('validate', '-o', 'json', file)
  assert.deepEqual([code, errors], [1, ''])
  assert.deepEqual(JSON.parse(out), {
    resources: 1,
    problems: [
      {
        severity: 'error',
        file,
        line: 6,
        column: 3,
        path: 'spec.rotes',
        message: 'there is no such field',
        code: 'unknown-field',
        fix: 'did you mean routes?',
      },
    ],
  })
  const good = await run('validate', '-o', 'json', write('good.yaml', ROUTER))
  assert.deepEqual([good.code, JSON.parse(good.out)], [0, { resources: 1, problems: [] }])
})

test('no file, however bad, is more than a thousand lines', async () => {
  const routes = Array.from(
    { length: 30 },
    (_, index) => `---\n${ROUTER.replace('name: hello', `name: r${index}`)}${'    - {}\n'.repeat(60)}`,
  )
  const { code, errors } = await run('validate', write('many.yaml', routes.join('')))
  assert.equal(code, 1)
  const lines = errors.trimEnd().split('\n')
  assert.equal(lines.length, 1_001)
  assert.match(lines.at(-1) ?? '', /^note: \d+ more are not shown$/)
})
