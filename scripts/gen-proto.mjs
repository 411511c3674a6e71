// Generates packages/api/src/gen from Envoy's protos and our own: what the loader needs and what that imports, no more.
// Runs on the machine's own Node, before Node 24 is known to be there. Does nothing when nothing has changed.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, dirname, join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..')
const OWN = join(ROOT, 'packages/api/src/proto')
const TARGET = join(ROOT, 'packages/api/src/gen')
const STAMP = join(TARGET, '.stamp')
const RESOURCES = join(TARGET, 'resources')
const { resolve } = createRequire(join(ROOT, 'package.json'))
const packageFolder = (name) => dirname(resolve(`${name}/package.json`))

const ENVOY_ROOTS = [
  'envoy/config/bootstrap/v3/bootstrap.proto',
  'envoy/config/ratelimit/v3/rls.proto',
  'envoy/config/trace/v3/opentelemetry.proto',
  'envoy/config/trace/v3/zipkin.proto',
  'envoy/extensions/access_loggers/file/v3/file.proto',
  'envoy/extensions/access_loggers/stream/v3/stream.proto',
  'envoy/extensions/filters/http/rbac/v3/rbac.proto',
  'envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol.proto',
  'envoy/extensions/filters/network/ext_authz/v3/ext_authz.proto',
  'envoy/extensions/filters/network/rbac/v3/rbac.proto',
  'envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.proto',
  'envoy/extensions/load_balancing_policies/least_request/v3/least_request.proto',
  'envoy/extensions/load_balancing_policies/maglev/v3/maglev.proto',
  'envoy/extensions/load_balancing_policies/random/v3/random.proto',
  'envoy/extensions/load_balancing_policies/ring_hash/v3/ring_hash.proto',
  'envoy/extensions/load_balancing_policies/round_robin/v3/round_robin.proto',
  'envoy/extensions/load_balancing_policies/subset/v3/subset.proto',
  'envoy/extensions/load_balancing_policies/wrr_locality/v3/wrr_locality.proto',
  'envoy/extensions/network/dns_resolver/cares/v3/cares_dns_resolver.proto',
  'envoy/extensions/retry/host/previous_hosts/v3/previous_hosts.proto',
  'envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer.proto',
  'envoy/extensions/transport_sockets/tls/v3/tls.proto',
  'envoy/extensions/upstreams/http/v3/http_protocol_options.proto',
  'envoy/service/auth/v3/external_auth.proto',
  'envoy/service/cluster/v3/cds.proto',
  'envoy/service/discovery/v3/ads.proto',
  'envoy/service/endpoint/v3/eds.proto',
  'envoy/service/extension/v3/config_discovery.proto',
  'envoy/service/listener/v3/lds.proto',
  'envoy/service/ratelimit/v3/rls.proto',
  'envoy/service/route/v3/rds.proto',
  'envoy/service/secret/v3/sds.proto',
  'udpa/type/v1/typed_struct.proto',
  'xds/type/v3/typed_struct.proto',
]

/** Its rules messages, with the number that `ignore_empty` has in the releases this copy is older than. */
const IGNORE_EMPTY = { StringRules: 26, BytesRules: 14, RepeatedRules: 5, MapRules: 6 }

/** What releases of Envoy have that this copy is older than: in which file, after which line, what. */
const NEWER = [
  {
    file: 'envoy/extensions/common/ratelimit/v3/ratelimit.proto',
    after: 'import "envoy/type/v3/token_bucket.proto";\n',
    text: 'import "google/protobuf/wrappers.proto";\n',
  },
  {
    file: 'envoy/extensions/common/ratelimit/v3/ratelimit.proto',
    after: '  RateLimitOverride limit = 2;\n',
    text: '  google.protobuf.UInt64Value hits_addend = 3;\n',
  },
  { file: 'envoy/service/ratelimit/v3/rls.proto', after: '      YEAR = 6;\n', text: '      WEEK = 7;\n' },
  { file: 'envoy/type/v3/ratelimit_unit.proto', after: '  YEAR = 6;\n', text: '  WEEK = 7;\n' },
]

const own = readdirSync(OWN, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.proto'))
  .sort()
const stamp = computeStamp()
if (!existsSync(STAMP) || readFileSync(STAMP, 'utf8') !== stamp) generate()

function computeStamp() {
  const hash = createHash('sha256').update(readFileSync(fileURLToPath(import.meta.url)))
  for (const name of own) hash.update(name).update(readFileSync(join(OWN, name)))
  for (const name of ['@grpc/grpc-js-xds', '@bufbuild/buf']) hash.update(readFileSync(resolve(`${name}/package.json`)))
  hash.update(readFileSync(join(ROOT, 'node_modules/@bufbuild/protoc-gen-es/package.json')))
  return hash.digest('hex')
}

function generate() {
  mkdirSync(join(ROOT, '.tmp'), { recursive: true })
  const work = mkdtempSync(join(ROOT, '.tmp', 'proto-'))
  try {
    copyProtos(join(work, 'protos'))
    runBuf(work)
    useOwnFileDesc(join(work, 'gen'))
    writeFileSync(join(work, 'gen', '.stamp'), stamp)
    // what gen-crds.mjs has made stays
    if (existsSync(RESOURCES)) renameSync(RESOURCES, join(work, 'gen', 'resources'))
    rmSync(TARGET, { recursive: true, force: true })
    renameSync(join(work, 'gen'), TARGET)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** Our protos, and everything they and the roots import. */
function copyProtos(folder) {
  cpSync(OWN, folder, { recursive: true })
  const deps = join(packageFolder('@grpc/grpc-js-xds'), 'deps')
  const places = ['envoy-api', 'googleapis', 'protoc-gen-validate', 'xds'].map((name) => join(deps, name))
  const waiting = [...ENVOY_ROOTS, ...own.flatMap((name) => importsOf(readFileSync(join(OWN, name), 'utf8')))]
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    const copy = join(folder, name)
    const place = places.find((candidate) => existsSync(join(candidate, name)))
    // google/protobuf/* comes with buf.
    if (existsSync(copy) || name.startsWith('google/protobuf/')) continue
    if (place === undefined) throw new Error(`no proto file ${name} in ${relative(ROOT, deps)}`)
    const text = modernize(name, repair(name, readFileSync(join(place, name), 'utf8')))
    mkdirSync(dirname(copy), { recursive: true })
    writeFileSync(copy, text)
    waiting.push(...importsOf(text))
  }
}

function importsOf(text) {
  return [...text.matchAll(/^\s*import\s+(?:public\s+)?"([^"]+)"/gm)].map((match) => match[1])
}

/**
 * Unix line ends and no comment lines, which would only make the code slower to load. Envoy's files use `ignore_empty`,
 * which the copy of validate.proto beside them does not have yet.
 */
function repair(name, original) {
  const text = original.replaceAll('\r\n', '\n').replace(/^\s*\/\/.*\n/gm, '')
  if (name !== 'validate/validate.proto' || text.includes('ignore_empty')) return text
  return text.replace(/^message (\w+Rules) \{$/gm, (line, rules) =>
    ['FieldRules', 'MessageRules', 'BoolRules', 'EnumRules', 'AnyRules', 'DurationRules', 'TimestampRules'].includes(
      rules,
    )
      ? line
      : `${line}\n    optional bool ignore_empty = ${IGNORE_EMPTY[rules] ?? 8};`,
  )
}

function modernize(name, original) {
  let text = original
  for (const { file, after, text: newer } of NEWER) {
    if (file !== name || text.includes(newer)) continue
    if (!text.includes(after)) throw new Error(`${file} has no line ${after.trim()}`)
    text = text.replace(after, after + newer)
  }
  return text
}

function runBuf(work) {
  const plugin = {
    local: 'protoc-gen-es',
    out: 'gen',
    strategy: 'all',
    opt: ['target=ts', 'import_extension=ts', 'erasable_syntax=true'],
  }
  const template = JSON.stringify({ version: 'v2', plugins: [plugin], inputs: [{ directory: 'protos' }] })
  const bin = join(ROOT, 'node_modules/.bin')
  const path = [bin, process.env.PATH].join(delimiter)
  try {
    execFileSync(join(bin, 'buf'), ['generate', '--template', template], {
      cwd: work,
      env: { ...process.env, PATH: path, BUF_CACHE_DIR: join(work, 'cache') },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
  } catch (error) {
    throw new Error(`buf generate failed: ${error.stderr?.toString() ?? error.message}`)
  }
}

/** packages/api/src/file-desc.ts says why. */
function useOwnFileDesc(folder) {
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.ts')) continue
    const text = readFileSync(join(folder, name), 'utf8')
    const file = `${'../'.repeat(name.split(sep).length)}file-desc.ts`
    const changed = text.replace(
      /^(import \{.*)(?:, fileDesc\b|\bfileDesc, )(.* from "@bufbuild\/protobuf\/codegenv2";)$/m,
      `$1$2\nimport { fileDesc } from "${file}";`,
    )
    if (changed === text) throw new Error(`${name} does not import fileDesc as expected`)
    writeFileSync(join(folder, name), changed)
  }
}
