import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { runMeltemi } from '@meltemi/cli'
import { freePort, GREETER_HOST, greeterRouter, MeltemiProcess, MeshFolder, runCommand } from '../harness/index.ts'

let folder: MeshFolder
let controlPlane: MeltemiProcess
let connection: readonly string[]
const scratch = mkdtempSync(join(tmpdir(), 'meltemi-kubectl-'))

before(async () => {
  folder = new MeshFolder({ port: await freePort(), versions: { v1: 1, v2: 2 } })
  controlPlane = await startControlPlane()
})

after(async () => {
  await controlPlane[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
  rmSync(scratch, { recursive: true })
})

async function startControlPlane(): Promise<MeltemiProcess> {
  const tokenFile = join(scratch, 'token')
  const listen = ['--xds-address', '127.0.0.1:0', '--api-address', '127.0.0.1:0', '--debounce-ms', '10']
  const child = new MeltemiProcess(['control-plane', folder.path, ...listen, '--token-file', tokenFile])
  const [, port] = await child.said(/^ready: page and API http:\/\/127\.0\.0\.1:(\d+)\/ \(token in \S+\), xDS /m)
  connection = ['--control-plane', `127.0.0.1:${port}`, '--token-file', tokenFile]
  return child
}

/** The command in this process, against the control plane. */
async function meltemi(...args: readonly string[]): Promise<{ code: number; out: string; errors: string }> {
  const said = { code: 0, out: '', errors: '' }
  said.code = await runMeltemi([...args, ...connection], {
    write: (text) => {
      said.out += text
    },
    writeError: (text) => {
      said.errors += text
    },
  })
  return said
}

function write(name: string, text: string): string {
  const file = join(scratch, name)
  writeFileSync(file, text)
  return file
}

const LIMITS = `apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: MetaRouter
metadata: { name: limits, labels: { team: shop } }
spec:
  hosts: [other.example.com]
  routes:
    - route:
        - { destination: { host: other.example.com }, weight: 150 }
        - { destination: { host: "*.example.com" }, weight: 10 }
`

describe('apply', () => {
  test('creates, changes and leaves alone, and says so in the words of kubectl', async () => {
    const file = write('router.yaml', greeterRouter({ v1: 100 }))
    const name = 'metarouter.metaprotocol.aeraki.io/greeter'
    assert.deepEqual(await meltemi('apply', '-f', file), { code: 0, out: `${name} created\n`, errors: '' })
    assert.deepEqual(await meltemi('apply', '-f', file), { code: 0, out: `${name} unchanged\n`, errors: '' })
    write('router.yaml', greeterRouter({ v1: 90, v2: 10 }))
    const dry = await meltemi('apply', '-f', file, '--dry-run')
    assert.deepEqual(dry, { code: 0, out: `${name} configured (server dry run)\n`, errors: '' })
    assert.deepEqual(await meltemi('apply', '-f', file), { code: 0, out: `${name} configured\n`, errors: '' })
    // what it keeps is kept in the folder
    const kept = readdirSync(folder.path).find((each) => each.includes('metarouters.default.greeter')) ?? 'none'
    assert.match(readFileSync(join(folder.path, kept), 'utf8'), /weight: 90/)
  })

  test('takes folders and standard input', async () => {
    const several = mkdtempSync(join(scratch, 'several-'))
    for (const name of ['one', 'two']) writeFileSync(join(several, `${name}.yaml`), greeterRouter({ v1: 100 }, name))
    writeFileSync(join(several, 'notes.txt'), 'no resource')
    const { code, out } = await meltemi('apply', '-f', several)
    assert.equal(code, 0)
    assert.deepEqual(out.match(/(?<=\/)\w+ created/g), ['one created', 'two created'])
    const piped = await runCommand(['delete', '-f', '-', ...connection], { input: greeterRouter({ v1: 100 }, 'one') })
    assert.deepEqual([piped.code, piped.out], [0, 'metarouter.metaprotocol.aeraki.io "one" deleted\n'])
    assert.equal((await meltemi('delete', 'mr', 'two')).code, 0)
  })

  test('refuses what is wrong with all its faults, and applies the rest', async () => {
    const file = write('mixed.yaml', `${LIMITS}---\n${greeterRouter({ v1: 100 }, 'good')}`)
    const { code, out, errors } = await meltemi('apply', '-f', file)
    assert.equal(code, 1)
    assert.equal(out, 'metarouter.metaprotocol.aeraki.io/good created\n')
    assert.match(errors, /^The MetaRouter "limits" is invalid:\n(?:\* spec\.\S+: .*\n){2,}$/)
    assert.match(errors, /^\* spec\.routes\[0\]\.route\[1\]\.destination\.host: /m)
    assert.equal((await meltemi('get', 'mr', 'limits')).code, 1)
    assert.equal((await meltemi('delete', 'mr', 'good')).code, 0)
  })

  test('does nothing at all when a file cannot be read', async () => {
    const file = write('half.yaml', `${greeterRouter({ v1: 100 }, 'half')}---\nkind: [`)
    const { code, out, errors } = await meltemi('apply', '-f', file)
    assert.deepEqual([code, out], [1, ''])
    assert.match(errors, /^error: \S+half\.yaml:\d+:\d+: .*\n$/)
    assert.equal((await meltemi('get', 'mr', 'half')).code, 1)
  })

  test('with a version changes only what still has it', async () => {
    const { out } = await meltemi('get', 'mr', 'greeter', '-o', 'json')
    const live = JSON.parse(out)
    const { status: _, ...resource } = live
    resource.spec.routes[0].name = 'changed'
    const file = write('versioned.json', JSON.stringify(resource))
    assert.match((await meltemi('apply', '-f', file)).out, /configured$/m)
    const late = await meltemi('apply', '-f', file)
    assert.equal(late.code, 1)
    assert.match(
      late.errors,
      /^Error from server \(Conflict\): Operation cannot be fulfilled on metarouters\.metaprotocol/,
    )
  })
})

describe('get', () => {
  test('prints tables with the columns of the kind and the status', async () => {
    const { code, out } = await meltemi('get', 'metarouters')
    assert.equal(code, 0)
    assert.match(out, /^NAME +HOSTS +ACCEPTED +PROXIES +AGE\n/)
    assert.match(out, new RegExp(`^greeter +${GREETER_HOST} +True +0/0 +\\d+s$`, 'm'))
    const wide = await meltemi('get', 'mr', '-A', '-o', 'wide')
    assert.match(wide.out, /^NAMESPACE +NAME +HOSTS +GATEWAYS +ACCEPTED +PROXIES +REASON +AGE\n/)
    const several = await meltemi('get', 'se,dr')
    assert.match(several.out, /^serviceentry\.networking\.istio\.io\/greeter .*$/m)
    assert.match(several.out, /\n\nNAME .*\ndestinationrule\.networking\.istio\.io\/greeter /)
  })

  test('tells why a resource is not accepted', async () => {
    const file = folder.write(
      'unknown.yaml',
      'apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: { name: unknown }\nspec: { hosts: [u.example.com], resolution: STATIC, ports: [{ number: 7, name: tcp-metaprotocol-none, protocol: TCP }] }\n',
    )
    let wide = { out: '' }
    for (let n = 0; n < 200 && !wide.out.includes('False'); n++) {
      await sleep(50)
      wide = await meltemi('get', 'se', 'unknown', '-o', 'wide')
    }
    assert.match(wide.out, /^unknown .*False \(UnknownProtocol\) .*no protocol that "none" begins with is known/m)
    const described = await meltemi('describe', 'se', 'unknown')
    assert.match(
      described.out,
      /^Status:\n {2}Conditions:\n {4}- Type: +Accepted\n {6}Status: +False\n {6}Reason: +UnknownProtocol\n/m,
    )
    assert.match(described.out, /^ {2}Origin: +\S+unknown\.yaml:1$/m)
    rmSync(file)
    for (let n = 0; n < 200 && (await meltemi('get', 'se', 'unknown')).code === 0; n++) await sleep(50)
  })

  test('prints YAML and JSON that can be applied again, lists, and names', async () => {
    const yaml = await meltemi('get', 'mr', 'greeter', '-o', 'yaml')
    assert.match(
      yaml.out,
      /^apiVersion: metaprotocol\.aeraki\.io\/v1alpha1\nkind: MetaRouter\nmetadata:\n {2}name: greeter\n/,
    )
    assert.match((await meltemi('apply', '-f', write('again.yaml', yaml.out))).out, /unchanged$/m)
    const list = JSON.parse((await meltemi('get', 'mr', '-o', 'json')).out)
    assert.deepEqual([list.kind, list.items.length], ['List', 1])
    assert.match((await meltemi('apply', '-f', write('list.json', JSON.stringify(list)))).out, /unchanged$/m)
    const names = await meltemi('get', 'mr,se', '-o', 'name')
    assert.equal(names.out, 'metarouter.metaprotocol.aeraki.io/greeter\nserviceentry.networking.istio.io/greeter\n')
  })

  test('selects by name, label and namespace', async () => {
    const labelled = greeterRouter({ v1: 100 }, 'labelled').replace(
      'name: labelled',
      'name: labelled, labels: { team: shop }',
    )
    await meltemi('apply', '-f', write('labelled.yaml', labelled), '-n', 'shop')
    const everywhere = await meltemi('get', 'mr', '-A', '-l', 'team=shop')
    assert.match(everywhere.out, /^shop +labelled /m)
    assert.doesNotMatch(everywhere.out, /greeter +/)
    assert.equal((await meltemi('get', 'mr', 'labelled')).code, 1)
    assert.equal((await meltemi('get', 'mr/labelled', '-n', 'shop')).code, 0)
    const nothing = await meltemi('get', 'mr', '-n', 'nowhere')
    assert.deepEqual(nothing, { code: 0, out: '', errors: 'No resources found in nowhere namespace.\n' })
    const wrong = await meltemi(
      'apply',
      '-f',
      write('own.yaml', labelled.replace('labels:', 'namespace: other, labels:')),
      '-n',
      'shop',
    )
    assert.equal(wrong.code, 1)
    assert.match(wrong.errors, /the namespace of the object "other" does not match the namespace "shop"/)
    assert.equal((await meltemi('delete', 'mr', 'labelled', '-n', 'shop')).code, 0)
  })

  test('-w goes on with every change', async () => {
    await using watcher = new MeltemiProcess(['get', 'mr', '-w', ...connection])
    await watcher.said(/^NAME +HOSTS .*\ngreeter /m)
    await meltemi('apply', '-f', write('watched.yaml', greeterRouter({ v1: 100 }, 'watched')))
    await watcher.said(/^watched /m)
    await meltemi('delete', 'mr', 'watched')
    await watcher.said(/^watched [\s\S]*^watched /m)
    assert.equal(watcher.out.match(/NAME/g)?.length, 1)
    watcher.child.kill('SIGINT')
    await watcher.exited()
  })

  test('what is not there is said for each name, and does not hide the others', async () => {
    const { code, out, errors } = await meltemi('get', 'mr', 'none', 'greeter', 'nothing')
    assert.equal(code, 1)
    assert.match(out, /^greeter /m)
    assert.equal(
      errors,
      'Error from server (NotFound): metarouters.metaprotocol.aeraki.io "none" not found\n' +
        'Error from server (NotFound): metarouters.metaprotocol.aeraki.io "nothing" not found\n',
    )
  })
})

describe('diff', () => {
  test('says what apply would change, and ends with 0, 1 or 2', async () => {
    const same = (await meltemi('get', 'mr', 'greeter', '-o', 'yaml')).out
    assert.deepEqual(await meltemi('diff', '-f', write('same.yaml', same)), { code: 0, out: '', errors: '' })
    const other = greeterRouter({ v1: 50, v2: 50 })
    const changed = await meltemi('diff', '-f', write('other.yaml', other))
    assert.equal(changed.code, 1)
    assert.match(
      changed.out,
      /^--- LIVE\/metaprotocol\.aeraki\.io\.v1alpha1\.MetaRouter\.default\.greeter\n\+\+\+ MERGED\//,
    )
    assert.match(changed.out, /^- +weight: 90$/m)
    assert.match(changed.out, /^\+ +weight: 50$/m)
    const created = await meltemi('diff', '-f', write('new.yaml', greeterRouter({ v1: 100 }, 'new')))
    assert.equal(created.code, 1)
    assert.match(created.out, /^\+kind: MetaRouter$/m)
    assert.equal((await meltemi('diff', '-f', write('bad.yaml', LIMITS))).code, 2)
    assert.equal((await meltemi('diff', '-f', join(scratch, 'absent.yaml'))).code, 2)
    assert.equal((await meltemi('diff')).code, 2)
    assert.equal((await meltemi('get', 'mr', 'new')).code, 1)
  })
})

describe('delete', () => {
  test('by kind and name, by file, and without a word about what is gone already', async () => {
    const file = write('gone.yaml', greeterRouter({ v1: 100 }, 'gone'))
    await meltemi('apply', '-f', file)
    const dry = await meltemi('delete', '-f', file, '--dry-run')
    assert.deepEqual(dry, {
      code: 0,
      out: 'metarouter.metaprotocol.aeraki.io "gone" deleted (server dry run)\n',
      errors: '',
    })
    assert.deepEqual(await meltemi('delete', 'metarouter/gone'), {
      code: 0,
      out: 'metarouter.metaprotocol.aeraki.io "gone" deleted\n',
      errors: '',
    })
    assert.equal(
      readdirSync(folder.path).some((name) => name.includes('gone')),
      false,
    )
    const again = await meltemi('delete', '-f', file)
    assert.deepEqual([again.code, again.out], [1, ''])
    assert.match(
      again.errors,
      /^Error from server \(NotFound\): metarouters\.metaprotocol\.aeraki\.io "gone" not found\n$/,
    )
    assert.deepEqual(await meltemi('delete', '-f', file, '--ignore-not-found'), { code: 0, out: '', errors: '' })
    assert.equal((await meltemi('delete', 'mr')).code, 1)
    assert.equal((await meltemi('delete')).code, 1)
  })
})

describe('proxies', () => {
  test('are listed with what they have, and what they were sent', async () => {
    assert.match((await meltemi('proxy-status')).errors, /^No proxy is connected\.$/m)
    assert.match((await meltemi('proxy-config', 'routes')).errors, /^error: no proxy is connected$/m)
    const [, xdsPort] = await controlPlane.said(/xDS 127\.0\.0\.1:(\d+)/)
    const args = [
      '--xds',
      `127.0.0.1:${xdsPort}`,
      '--node-id',
      'edge',
      '--no-xds-cache-dir',
      '--admin-address',
      '127.0.0.1:0',
    ]
    await using proxy = new MeltemiProcess(['proxy', ...args])
    await proxy.said(/"msg":"listening"/)
    let status = { out: '' }
    for (let n = 0; n < 200 && !/^edge .*SYNCED +SYNCED +SYNCED +SYNCED +meltemi /m.test(status.out); n++) {
      await sleep(50)
      status = await meltemi('proxy-status')
    }
    assert.match(status.out, /^PROXY +CODECS +CLUSTERS +ENDPOINTS +LISTENERS +ROUTES +AGENT +CONNECTED SINCE\nedge /)
    assert.match(status.out, /^edge .*SYNCED +SYNCED +SYNCED +SYNCED +meltemi /m)
    assert.equal(JSON.parse((await meltemi('proxy-status', 'edge', '-o', 'json')).out)[0].node.id, 'edge')
    assert.match((await meltemi('proxy-status', 'none')).errors, /no proxy "none" is connected: edge/)

    const routes = await meltemi('proxy-config', 'routes', 'ed')
    assert.match(routes.out, new RegExp(`^${GREETER_HOST}_\\d+ +changed +everything +outbound\\|\\d+\\|v1\\|`, 'm'))
    assert.match(
      (await meltemi('proxy-config', 'clusters')).out,
      new RegExp(`^${GREETER_HOST} +\\d+ +v2 +outbound +EDS`, 'm'),
    )
    assert.match((await meltemi('proxy-config', 'endpoints')).out, /^127\.0\.0\.1:1 +HEALTHY +1 +outbound\|\d+\|v1\|/m)
    assert.match((await meltemi('proxy-config', 'listeners')).out, /^127\.0\.0\.1_\d+ +127\.0\.0\.1:\d+ +awesomerpc +/m)
    const json = JSON.parse((await meltemi('proxy-config', 'routes', '-o', 'json')).out)
    assert.equal(json[0].virtual_hosts[0].routes[0].name, 'changed')

    let synced = { out: '' }
    for (let n = 0; n < 100 && !/ 1\/1 /.test(synced.out); n++) {
      await sleep(50)
      synced = await meltemi('get', 'mr')
    }
    assert.match(synced.out, / True +1\/1 /)
  })
})

test('a control plane that is not there, or a token that is not its own, is said in one line', async () => {
  const nobody = await runCommand(['get', 'mr', '--control-plane', `127.0.0.1:${await freePort()}`])
  assert.equal(nobody.code, 1)
  assert.match(
    nobody.errors,
    /^error: no control plane answers at http:\/\/127\.0\.0\.1:\d+: connect ECONNREFUSED .*\n$/,
  )
  const file = write('router.yaml', greeterRouter({ v1: 100 }, 'other'))
  const wrong = await runCommand(['apply', '-f', file, ...connection.slice(0, 2)], { env: { MELTEMI_TOKEN: 'wrong' } })
  assert.equal(wrong.code, 1)
  assert.equal(wrong.errors, 'Error from server (Unauthorized): a change needs the token of the control plane\n')
  const none = await runCommand(['apply', '-f', file, ...connection.slice(0, 2)], { env: { XDG_RUNTIME_DIR: scratch } })
  assert.equal(none.code, 1)
  assert.match(
    none.errors,
    /^error: no token of the control plane: ENOENT: .*; does the control plane run as this user\?\n$/,
  )
  const far = await runCommand(['delete', 'mr', 'other', '--control-plane', 'control-plane.example.com:15080'])
  assert.equal(far.errors, 'error: a change over the network needs --token-file or MELTEMI_TOKEN\n')
})
