import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { formatProblem, type LocalRateLimitConfig, parseResources } from '@meltemi/api'
import { validateResources } from '@meltemi/control-plane'
import { parse } from 'yaml'
import { ROOT } from '../scripts/workspace.ts'
import { mutableFrame } from './harness/codecs/index.ts'
import { THIRD_PARTY } from './harness/four-protocols.ts'
import { askAll, limitFilter, startRateLimited } from './harness/rate-limited.ts'

const page = readFileSync(join(ROOT, 'docs/rate-limiting.md'), 'utf8')
const [, local = ''] = page.split('\n## Local rate limit\n')
const [filter = '', router = ''] = [...(local.split('\n## ')[0] ?? '').matchAll(/```yaml\n(.*?)```/gs)].map(
  ([, text = '']) => text,
)

test('the local limit of docs/rate-limiting.md does what the page says', async () => {
  const { '@type': type, ...settings } = (parse(filter) as { config: Record<string, unknown> }).config
  assert.equal(type, limitFilter(settings).typeUrl)
  await using limited = await startRateLimited(settings, THIRD_PARTY)
  const asks = (count: number, pairs: Record<string, string>) =>
    askAll(
      limited.client,
      Array.from({ length: count }, (_, id) => mutableFrame({ id, pairs })),
    )
  for (const tenant of ['a', 'b']) assert.equal(await asks(6, { method: 'search', tenant }), '+++++-')
  assert.equal(await asks(20, { method: 'buy' }), '+'.repeat(20))
})

test('the MetaRouter of docs/rate-limiting.md is valid', () => {
  const { resources, problems } = parseResources(router, 'page.yaml')
  assert.equal(resources.length, 1)
  assert.deepEqual([...problems, ...validateResources(resources)].map(formatProblem), [])
})

test('docs/rate-limiting.md has every field of the local limit', () => {
  const bucket = { max_tokens: 2 ** 32 - 1, fill_interval: '1s' }
  const { parsed } = limitFilter({ token_bucket: bucket, token_bucket_scope: { metadata_keys: ['a'] } })
  const { maxBuckets } = (parsed as LocalRateLimitConfig).bucket ?? assert.fail('there is no bucket')
  assert.match(local, new RegExp(`1 to 1,000,000; ${maxBuckets.toLocaleString('en')} if not set`))
  const fields = [
    'stat_prefix',
    'token_bucket.max_tokens',
    'token_bucket.tokens_per_fill',
    'token_bucket.fill_interval',
  ]
  const ours = ['', '.per_downstream_connection', '.metadata_keys', '.max_buckets'].map(
    (name) => `token_bucket_scope${name}`,
  )
  for (const field of [...fields, ...ours, 'shadow_mode']) assert.ok(local.includes(`\n| \`${field}\``), field)
})
