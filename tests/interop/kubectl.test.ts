import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import { freePort, GREETER_HOST, greeterRouter, MeltemiProcess, MeshFolder } from '../harness/index.ts'

let folder: MeshFolder
let controlPlane: MeltemiProcess
let server: string
before(async () => {
  folder = new MeshFolder({ port: await freePort(), versions: { v1: 1, v2: 2 } })
  folder.write('router.yaml', greeterRouter({ v1: 90, v2: 10 }))
  const listen = ['--xds-address', '127.0.0.1:0', '--api-address', '127.0.0.1:0', '--debounce-ms', '10']
  controlPlane = new MeltemiProcess(['control-plane', folder.path, ...listen], {
    env: { XDG_RUNTIME_DIR: folder.path },
  })
  server = (await controlPlane.said(/^ready: page and API (http:\S+)\/ /m))[1] ?? ''
})
after(async () => {
  await controlPlane[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

function spawnKubectl(args: readonly string[]) {
  // neither the user's cluster nor the user's cache
  const env = { ...process.env, KUBECONFIG: '/nonexistent', HOME: folder.path, KUBECACHEDIR: `${folder.path}/cache` }
  return spawn('kubectl', ['--server', server, ...args], { env, stdio: ['pipe', 'pipe', 'pipe'] })
}

async function kubectl(args: readonly string[], input = ''): Promise<{ code: number; out: string; errors: string }> {
  const child = spawnKubectl(args)
  const said = { out: '', errors: '' }
  child.stdout.on('data', (chunk) => {
    said.out += String(chunk)
  })
  child.stderr.on('data', (chunk) => {
    said.errors += String(chunk)
  })
  child.stdin.end(input)
  const [code] = (await once(child, 'close')) as [number]
  return { code, ...said }
}

test('a real kubectl finds the kinds, and lists and describes resources', async () => {
  const kinds = await kubectl(['api-resources'])
  assert.equal(kinds.code, 0, kinds.errors)
  assert.match(kinds.out, /^metarouters +mr +metaprotocol\.aeraki\.io\/v1alpha1 +true +MetaRouter$/m)
  assert.match(kinds.out, /^serviceentries +se +networking\.istio\.io\/v1 +true +ServiceEntry$/m)

  const table = await kubectl(['get', 'mr'])
  assert.match(table.out, /^NAME +HOSTS +ACCEPTED +PROXIES +AGE\n/)
  assert.match(table.out, new RegExp(`^greeter +${GREETER_HOST} +True +0/0 `, 'm'))
  const all = await kubectl(['get', 'metarouters,serviceentries', '--all-namespaces', '-o', 'name'])
  assert.match(
    all.out,
    /^metarouter\.metaprotocol\.aeraki\.io\/greeter\nserviceentry\.networking\.istio\.io\/greeter$/m,
  )
  const yaml = await kubectl(['get', 'metarouter', 'greeter', '-o', 'yaml'])
  assert.match(yaml.out, /^ {6}weight: 90$/m)
  const path = await kubectl(['get', 'dr', 'greeter', '-o', 'jsonpath={.spec.subsets[*].name}'])
  assert.equal(path.out, 'v1 v2')
  const described = await kubectl(['describe', 'mr', 'greeter'])
  assert.match(described.out, /^ {4}Reason: +Accepted$/m)

  const none = await kubectl(['get', 'mr', 'none'])
  assert.equal(none.code, 1)
  assert.equal(none.errors, 'Error from server (NotFound): metarouters.metaprotocol.aeraki.io "none" not found\n')
})

test('a real kubectl watches changes', async () => {
  const child = spawnKubectl(['get', 'mr', '-w'])
  let out = ''
  const said = (pattern: RegExp): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (!pattern.test(out)) return
        child.stdout.off('data', look)
        resolve()
      }
      child.stdout.on('data', look)
      look()
    })
  child.stdout.on('data', (chunk) => {
    out += String(chunk)
  })
  await said(/^greeter /m)
  folder.write('second.yaml', greeterRouter({ v1: 100 }, 'second'))
  await said(/^second /m)
  folder.remove('second.yaml')
  await said(/^second [\s\S]*^second /m)
  child.kill()
  await once(child, 'close')
})

test('a real kubectl, which sends no token without TLS, cannot change anything', async () => {
  const router = greeterRouter({ v2: 100 }, 'foreign')
  const { code, errors } = await kubectl(['--token', 'x', 'create', '--validate=false', '-f', '-'], router)
  assert.equal(code, 1)
  assert.match(errors, /a change needs the token of the control plane/)
  assert.equal((await kubectl(['get', 'mr', 'foreign'])).code, 1)
})
