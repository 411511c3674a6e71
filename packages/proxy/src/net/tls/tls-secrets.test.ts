import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SanMatcherConfig, UpstreamTlsConfig } from '@meltemi/api/model'
import { MergedRegistry } from '@meltemi/runtime'
import { ClientTls } from './client-tls.ts'
import { type CompileMatch, compileSans } from './san-match.ts'
import type { ValidationMaterial } from './tls-material.ts'
import { TlsSecrets } from './tls-secrets.ts'
import { tlsStats } from './tls-stats.ts'

/** Exact texts are all that is asked for here; the real one stands above this folder. */
const compile: CompileMatch = (match) => (text) => match.kind === 'exact' && match.text === text

const san = (type: SanMatcherConfig['type'], text: string): SanMatcherConfig => ({
  type,
  match: { kind: 'exact', text, ignoreCase: false },
})

function validation(id: string, more: Partial<ValidationMaterial> = {}): ValidationMaterial {
  const nothing = { trustedCa: undefined, crl: undefined, sans: [], spki: [], hashes: [], path: '' }
  return { id, kind: 'validation', ...nothing, ...more }
}

test('of authorities and revocations those that come later count, of names all', () => {
  const given = validation('given', { trustedCa: 'A', crl: 'list', path: '/a', sans: [san('uri', 'a')], spki: ['1'] })
  const come = validation('come', { trustedCa: 'B', path: '/b', sans: [san('uri', 'b')] })
  const secrets = new TlsSecrets(undefined, [given, come])
  const merged = secrets.parts({ certificates: [], validations: ['given', 'come'] })?.validation
  assert.deepEqual([merged?.trustedCa, merged?.path, merged?.crl], ['B', '/b', 'list'])
  assert.deepEqual([merged?.sans, merged?.spki], [[san('uri', 'a'), san('uri', 'b')], ['1']])
  assert.equal(secrets.parts({ certificates: [], validations: ['given', 'other'] }), undefined)
  assert.equal(secrets.parts({ certificates: [], validations: [] })?.validation, undefined)
})

test('the secrets of others change nothing', () => {
  const ref = { name: 'own', source: { kind: 'path', path: '/own' } } as const
  const config: UpstreamTlsConfig = {
    certificates: [],
    certificateSecrets: [],
    validation: undefined,
    validationSecret: ref,
    alpn: [],
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    ciphers: [],
    curves: [],
    sni: '',
    maxSessionKeys: 1,
  }
  const own = validation('path:/own/own')
  const secrets = new TlsSecrets(undefined, [own])
  const metrics = new MergedRegistry()
  const thread = { secrets, compile, logFailure: () => {} }
  const tls = new ClientTls(config, thread, tlsStats(metrics, '', 'client'))
  const before = tls.options('a')
  const { sessions } = tls
  const updates = () => {
    const found = metrics.read((name) => name.endsWith('ssl_context_update_by_sds'))
    return found.map((metric) => ('value' in metric ? metric.value : undefined))
  }
  assert.ok(before?.secureContext)
  secrets.take([validation('another')])
  assert.equal(tls.options('a'), before)
  assert.equal(tls.sessions, sessions)
  assert.deepEqual(updates(), [0])
  secrets.take([{ ...own, spki: ['1'] }])
  assert.notEqual(tls.options('a'), before)
  assert.notEqual(tls.sessions, sessions)
  assert.deepEqual(updates(), [1])
})

test('an exact name fits a certificate for all hosts of its domain, whatever kind of name is asked for', () => {
  const star = [{ type: 'dns', value: '*.test' }] as const
  for (const type of ['dns', 'any'] as const) {
    const fits = compileSans([san(type, 'shop.test')], compile)
    assert.ok(fits(star), type)
    assert.ok(!fits([{ type: 'uri', value: '*.test' }]), type)
    assert.ok(!fits([{ type: 'dns', value: '*.other' }]), type)
  }
  assert.ok(!compileSans([san('uri', 'shop.test')], compile)(star))
})
