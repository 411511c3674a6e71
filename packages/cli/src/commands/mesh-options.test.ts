import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Command } from 'commander'
import { addMeshOptions, type MeshFlags, toMeshOptions } from './mesh-options.ts'
import { addXdsTlsOptions, toXdsTls, type XdsTlsFlags } from './xds-tls-options.ts'

/** A command with these options, which throws instead of ending the process. */
function parse(...words: readonly string[]) {
  const command = addXdsTlsOptions(addMeshOptions(new Command()))
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .parse(words, { from: 'user' })
  return { command, flags: command.opts<MeshFlags & XdsTlsFlags>() }
}

test('nothing is written in the place of Aeraki unless it is asked for, and then only that', () => {
  const options = (...words: readonly string[]) => toMeshOptions(parse(...words).flags)
  assert.equal(options(), undefined)
  assert.equal(options('--root-namespace', 'mesh'), undefined)
  const nothing = {
    rootNamespace: 'istio-system',
    envoyFilters: undefined,
    allocatesVips: false,
    bootstrapXds: undefined,
  }
  assert.deepEqual(options('--vips'), { ...nothing, allocatesVips: true })
  assert.deepEqual(options('--envoy-filters'), { ...nothing, envoyFilters: { isNamespaced: false } })
  const beside = { ...nothing, rootNamespace: 'mesh', envoyFilters: { isNamespaced: true } }
  assert.deepEqual(options('--envoy-filters-beside-services', '--root-namespace', 'mesh'), beside)
  const bootstrapXds = { host: 'aeraki.istio-system', port: 15010 }
  assert.deepEqual(options('--bootstrap-xds', 'aeraki.istio-system:15010'), { ...nothing, bootstrapXds })
})

test('TLS wants a certificate and its key', () => {
  const tls = (...words: readonly string[]) => {
    const { command, flags } = parse(...words)
    return toXdsTls(flags, command)
  }
  assert.equal(tls(), undefined)
  const both = ['--xds-tls-cert', 'a', '--xds-tls-key', 'b']
  assert.deepEqual(tls(...both), { certificates: 'a', privateKey: 'b', clientAuthorities: undefined })
  assert.equal(tls(...both, '--xds-tls-client-ca', 'c')?.clientAuthorities, 'c')
  assert.throws(() => tls('--xds-tls-cert', 'a'), /needed together/)
  assert.throws(() => tls('--xds-tls-client-ca', 'c'), /needed together/)
})
