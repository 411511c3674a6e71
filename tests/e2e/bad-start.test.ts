import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { runMeltemi } from '@meltemi/cli'
import { ROOT } from '../../scripts/workspace.ts'

const COMMAND = join(ROOT, 'packages/cli/src/main.ts')
const SAMPLE = readFileSync(join(ROOT, 'docs/sample.yaml'), 'utf8')
const TIMEOUT_MS = 20_000

const folder = mkdtempSync(join(tmpdir(), 'meltemi-bad-start-'))
after(() => rmSync(folder, { recursive: true, force: true }))

interface Outcome {
  readonly code: number | null
  readonly lines: readonly string[]
  readonly output: string
}

/** The command in this process. */
async function run(args: readonly string[]): Promise<Outcome> {
  const written = { output: '', errors: '' }
  const code = await runMeltemi(args, {
    write: (text) => {
      written.output += text
    },
    writeError: (text) => {
      written.errors += text
    },
  })
  return { code, lines: linesOf(written.errors), output: written.output }
}

/** The command as a user starts it. */
function spawnMeltemi(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  const all = ['--conditions=meltemi-source', COMMAND, ...args]
  const options = { cwd: folder, env: { ...process.env, ...env }, timeout: TIMEOUT_MS }
  return new Promise((resolve) => {
    const child = execFile(process.execPath, all, options, (_error, output, errors) => {
      resolve({ code: child.exitCode, lines: linesOf(errors), output })
    })
  })
}

/** Lines with the test's own folder left out. */
function linesOf(errors: string): readonly string[] {
  return errors
    .replaceAll(`${folder}/`, '')
    .split('\n')
    .filter((line) => line !== '')
}

function write(name: string, content: string | Uint8Array): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

/** The sample with one thing changed. */
function changed(from: string, to: string): string {
  assert.ok(SAMPLE.includes(from), `the sample has no ${from}`)
  return SAMPLE.replace(from, to)
}

interface BadFile {
  /** The row of docs/errors.md. */
  readonly kind: string
  readonly text: string | Uint8Array
  readonly file?: string
  readonly expected: RegExp
}

const BAD_FILES: readonly BadFile[] = [
  {
    kind: 'not text',
    text: Uint8Array.of(0xff, 0xfe, 0),
    expected: /^error: bad\.yaml: is not UTF-8 text$/,
  },
  { kind: 'empty', text: '', expected: /^error: bad\.yaml:1:1: the file is empty$/ },
  { kind: 'YAML syntax', text: 'a:\n\tb: 1\n', expected: /^error: bad\.yaml:2:1: Tabs are not allowed/ },
  { kind: 'JSON syntax', text: '{"a": {,}}', file: 'bad.json', expected: /^error: bad\.json:1:8: / },
  { kind: 'not a bootstrap', text: '- a\n', expected: /:1:1: expected a mapping \(Bootstrap\), got a list$/ },
  {
    kind: 'unknown field',
    text: changed('connect_timeout', 'connect_timeoot'),
    expected:
      /:\d+:7: static_resources\.clusters\[0\]\.connect_timeoot: Cluster has no field "connect_timeoot", did you mean connect_timeout\?$/,
  },
  {
    kind: 'wrong value',
    text: changed('connect_timeout: 1s', 'connect_timeout: soon'),
    expected: /clusters\[0\]\.connect_timeout: expected a duration such as 1\.5s, got the string "soon"$/,
  },
  {
    kind: 'value out of range',
    text: changed('port_value: 9001', 'port_value: 70000'),
    expected: /port_value: must be at most 65535, got 70000$/,
  },
  {
    kind: 'missing field',
    text: changed('                stat_prefix: greeter\n', ''),
    expected: /typed_config\.stat_prefix: stat_prefix is required$/,
  },
  {
    kind: 'contradiction',
    text: changed('weight: 90', 'weight: 0').replace('weight: 10', 'weight: 0'),
    expected: /weighted_clusters\.clusters: the sum of the weights must be more than 0$/,
  },
  {
    kind: 'same name or address twice',
    text: changed('name: rest\n', 'name: rest\n').replaceAll('greeter-v2', 'greeter-v1'),
    expected: /clusters\[1\]\.name: there is already a cluster "greeter-v1"$/,
  },
  {
    kind: 'bad pattern',
    text: changed('exact: "1"', 'safe_regex: { regex: "(" }'),
    expected: /safe_regex\.regex: error parsing regexp: missing closing \): `\(`$/,
  },
  {
    kind: 'unknown extension',
    text: changed('aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy', 'example.Nothing'),
    expected: /typed_config: network filter example\.Nothing is not supported yet$/,
  },
  {
    kind: 'unknown filter',
    text: changed('route_config:', 'meta_protocol_filters: [{ name: none }]\n                route_config:'),
    expected: /meta_protocol_filters\[0\]: there is no filter "none"$/,
  },
  {
    kind: 'unknown codec',
    text: changed('codec.awesomerpc', 'codec.none'),
    expected: /codec\.name: there is no codec "aeraki\.meta_protocol\.codec\.none", known are: /,
  },
  {
    kind: 'mutation that the codec cannot do',
    text: changed('name: rest', 'name: rest\n                      request_mutation: [{ key: a, value: b }]'),
    expected: /request_mutation: codec aeraki\.meta_protocol\.codec\.awesomerpc cannot change requests$/,
  },
  {
    kind: 'not supported yet',
    text: changed('static_resources:', 'hds_config: {}\nstatic_resources:'),
    expected: /hds_config: hds_config is not supported yet$/,
  },
  {
    kind: 'bad format of a log',
    text: changed(
      'route_config:',
      `access_log: [{ name: log, typed_config: { "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: log.txt, log_format: { text_format_source: { inline_string: "%START%" } } } }]\n                route_config:`,
    ),
    expected: /text_format_source\.inline_string: there is no operator %START%, known are: ACCESS_LOG_TYPE, /,
  },
  {
    kind: 'collector that is not there',
    text: changed(
      'route_config:',
      `tracing: { provider: { name: zipkin, typed_config: { "@type": type.googleapis.com/envoy.config.trace.v3.ZipkinConfig, collector_cluster: zipkin, collector_endpoint: /api/v2/spans, collector_endpoint_version: HTTP_JSON } } }\n                route_config:`,
    ),
    expected: /collector_cluster: there is no cluster "zipkin"$/,
  },
]

describe('a bad configuration is refused with its place, exit code 1:', () => {
  for (const { kind, text, file = 'bad.yaml', expected } of BAD_FILES) {
    test(kind, async () => {
      const { code, lines, output } = await run(['proxy', '-c', write(file, text), '--mode', 'validate'])
      assert.equal(code, 1)
      assert.equal(output, '')
      const errors = lines.filter((line) => line.startsWith('error: '))
      assert.equal(errors.length, 1, lines.join('\n'))
      assert.match(errors[0] as string, expected)
    })
  }
})

interface BadCall {
  readonly kind: string
  readonly args: readonly string[]
  readonly expected: RegExp
}

const GOOD = write('good.yaml', SAMPLE)
write('own.ts', "export const codecs = [{ name: 'x', contract: 1, correlation: 'id', create: () => ({}) }]\n")

const VALIDATE = ['proxy', '-c', GOOD, '--mode', 'validate']

function withModule(name: string, text: string): readonly string[] {
  return [...VALIDATE, '--module', write(name, text)]
}

const BAD_CALLS: readonly BadCall[] = [
  {
    kind: 'no such file',
    args: ['proxy', '-c', join(folder, 'absent.yaml')],
    expected: /^error: absent\.yaml: no such file$/,
  },
  { kind: 'a directory', args: ['proxy', '-c', folder], expected: /^error: \S+: is a directory$/ },
  { kind: 'no configuration named', args: ['proxy'], expected: /^error: one of --config and --xds is required$/ },
  {
    kind: 'unknown option',
    args: [...VALIDATE, '--concurency', '2'],
    expected: /^error: unknown option '--concurency' \(Did you mean --concurrency\?\)$/,
  },
  { kind: 'unknown command', args: ['proxi'], expected: /^error: unknown command 'proxi' \(Did you mean proxy\?\)$/ },
  {
    kind: 'bad value of an option',
    args: [...VALIDATE, '--concurrency', 'two'],
    expected:
      /^error: option '--concurrency <n>' argument 'two' is invalid\. It should be a whole number from 0 to 256\.$/,
  },
  {
    kind: 'missing module',
    args: [...VALIDATE, '--module', join(folder, 'absent.ts')],
    expected: /^error: absent\.ts: module does not exist$/,
  },
  {
    kind: 'broken module',
    args: withModule('broken.ts', 'export const codecs = [\nnot.defined]\n'),
    expected: /^error: broken\.ts:2:1: module cannot be loaded: ReferenceError: not is not defined$/,
  },
  {
    kind: 'module without codecs and filters',
    args: withModule('empty.ts', 'export {}\n'),
    expected: /^error: empty\.ts: module exports neither 'codecs' nor 'filters', which should be arrays$/,
  },
  {
    kind: 'codec without its parts',
    args: withModule('shape.ts', "export const codecs = [{ name: 'x', contract: 1, correlation: 'id' }]\n"),
    expected: /^error: shape\.ts: codecs\[0\]: codec 'x': 'create' should be a function$/,
  },
  {
    kind: 'codec of another contract',
    args: withModule('old.ts', "export const codecs = [{ name: 'x', contract: 0 }]\n"),
    expected: /codecs\[0\]: codec 'x' is written for contract 0, this proxy speaks contract 1; since then .*$/,
  },
  {
    kind: 'two codecs of one name',
    args: withModule('twice.ts', "import { codecs as own } from './own.ts'\nexport const codecs = [...own, ...own]\n"),
    expected: /^error: two modules bring the codec 'x'$/,
  },
]

describe('a call that cannot work ends with one line, exit code 1:', () => {
  for (const { kind, args, expected } of BAD_CALLS) {
    test(kind, async () => {
      const { code, lines, output } = await run(args)
      assert.equal(code, 1)
      assert.equal(output, '')
      assert.equal(lines.length, 1, lines.join('\n'))
      assert.match(lines[0] as string, expected)
    })
  }
})

interface BadServe {
  readonly kind: string
  /** Options and configuration of a proxy that cannot start; `taken` is a port in use. */
  build(taken: number): { readonly config: string; readonly args?: readonly string[] }
  readonly expected: RegExp
}

const ANY_PORTS = SAMPLE.replaceAll(/port_value: (?:9000|15000)/g, 'port_value: 0')

function listeningOn(host: string, port: number): string {
  return SAMPLE.replace('address: 127.0.0.1, port_value: 9000', `address: ${host}, port_value: ${port}`)
}

const BAD_SERVES: readonly BadServe[] = [
  {
    kind: 'port in use',
    build: (taken) => ({ config: listeningOn('127.0.0.1', taken) }),
    expected: /^error: listener 'greeter' cannot listen on 127\.0\.0\.1:\d+: the port is in use$/,
  },
  {
    kind: 'address that is not here',
    build: () => ({ config: listeningOn('203.0.113.1', 9000) }),
    expected: /^error: listener 'greeter' cannot listen on 203\.0\.113\.1:9000: .*EADDRNOTAVAIL/,
  },
  {
    kind: 'admin port in use',
    build: (taken) => ({ config: ANY_PORTS, args: ['--admin-address', `127.0.0.1:${taken}`] }),
    expected:
      /^error: admin pages cannot listen on 127\.0\.0\.1:\d+: the port is in use, choose another by --admin-address$/,
  },
  {
    kind: 'log that cannot be written',
    build: () => {
      const type = 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog'
      const log = `access_log: [{ name: log, typed_config: { "@type": ${type}, path: /nowhere/log } }]`
      return { config: ANY_PORTS.replace('route_config:', `${log}\n                route_config:`) }
    },
    expected: /^error: listener 'greeter' cannot write its access log \/nowhere\/log: ENOENT$/,
  },
  {
    kind: 'module that fails in a worker',
    build: () => {
      const text = `import { isMainThread } from 'node:worker_threads'
        if (!isMainThread) throw new Error('not in a worker')
        export const codecs = []`
      return { config: ANY_PORTS, args: ['--module', write('not-in-worker.ts', text)] }
    },
    expected: /^error: not-in-worker\.ts:2:\d+: module cannot be loaded: Error: not in a worker$/,
  },
  {
    kind: 'codec that cannot be created',
    build: () => {
      const text = `const create = () => { throw new Error('no') }
        export const codecs = [{ name: 'example.none', contract: 1, correlation: 'id', create }]`
      const config = ANY_PORTS.replace('aeraki.meta_protocol.codec.awesomerpc', 'example.none')
      return { config, args: ['--module', write('not-created.ts', text)] }
    },
    expected: /^error: codec 'example\.none' cannot be created: no$/,
  },
]

describe('a proxy that cannot serve ends with one line, exit code 1, nothing half-started:', () => {
  for (const { kind, build, expected } of BAD_SERVES) {
    test(kind, async (t) => {
      const server = createServer().listen(0, '127.0.0.1')
      t.after(() => server.close())
      await once(server, 'listening')
      const { config, args = [] } = build((server.address() as AddressInfo).port)
      const file = write('serve.yaml', config)
      const admin = args.includes('--admin-address') ? [] : ['--admin-address', '127.0.0.1:0']
      const { code, lines, output } = await spawnMeltemi(['proxy', '-c', file, ...admin, ...args])
      assert.equal(code, 1)
      assert.equal(output, '')
      assert.equal(lines.length, 1, lines.join('\n'))
      assert.match(lines[0] as string, expected)
    })
  }
})

test('all problems of a file are reported, one line each', async () => {
  const text = changed('connect_timeout', 'connect_timeoot').replace('port_value: 9002', 'port_value: 0')
  const { code, lines } = await run(['proxy', '-c', write('several.yaml', text), '--mode', 'validate'])
  assert.equal(code, 1)
  assert.ok(lines.length >= 2, lines.join('\n'))
  for (const line of lines) assert.match(line, /^error: several\.yaml:\d+:\d+: \S+: /)
})

test('unknown fields are warnings when that is asked for', async () => {
  const file = write('unknown.yaml', changed('connect_timeout', 'connect_timeoot'))
  const { code, lines } = await run(['proxy', '-c', file, '--mode', 'validate', '--allow-unknown-fields'])
  assert.equal(code, 0)
  assert.equal(lines.length, 1)
  assert.match(lines[0] ?? '', /^warning: unknown\.yaml:\d+:7: static_resources\.clusters\[0\]\.connect_timeoot: /)
})

test('the command itself says that a configuration is valid, exit code 0', async () => {
  const outcome = await spawnMeltemi(['proxy', '-c', 'good.yaml', '--mode', 'validate'])
  assert.deepEqual(outcome, { code: 0, lines: [], output: 'good.yaml: valid, 1 listener, 2 clusters\n' })
})

test('the command itself takes options from the environment, and refuses them by name', async () => {
  const { code, lines } = await spawnMeltemi(['proxy'], { MELTEMI_CONFIG: 'good.yaml', MELTEMI_CONCURRENCY: '1.5' })
  assert.equal(code, 1)
  assert.deepEqual(lines, [
    "error: option '--concurrency <n>' value '1.5' from env 'MELTEMI_CONCURRENCY' is invalid. It should be a whole number from 0 to 256.",
  ])
})

test('docs/errors.md lists every kind of bad start that is tested here, and no other', () => {
  const page = readFileSync(join(ROOT, 'docs/errors.md'), 'utf8')
  const section = page.split(/^## /m).find((part) => part.startsWith('At start'))
  const rows = [...(section ?? '').matchAll(/^\| ([^|]+) \|/gm)].map((match) => (match[1] as string).trim())
  const listed = rows.filter((row) => row !== 'what is wrong' && !/^-+$/.test(row))
  assert.deepEqual(listed.toSorted(), [...BAD_FILES, ...BAD_CALLS, ...BAD_SERVES].map(({ kind }) => kind).toSorted())
})
