import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { formatProblem, labelOfTag } from '../model/index.ts'
import { parseBootstrap } from '../parse-bootstrap.ts'

function read(text: string) {
  const { config, problems } = parseBootstrap(`stats_config: {${text}}`, 'f')
  return { stats: config?.stats, problems: problems.map(formatProblem) }
}

describe('stats_config', () => {
  test('has Envoy’s defaults: all default tags, every stat', () => {
    assert.deepEqual(read('').stats, { tags: [], useDefaultTags: true, matcher: undefined, histogramBuckets: [] })
    assert.equal(parseBootstrap('{}', 'f').config?.stats, undefined)
  })

  test('a tag has a regex, a fixed value, or is one of Envoy’s own', () => {
    const tags = '{tag_name: a, regex: "^a((.*?)\\\\.)"}, {tag_name: b, fixed_value: c}, {tag_name: envoy.cluster_name}'
    const { stats, problems } = read(`use_all_default_tags: false, stats_tags: [${tags}]`)
    assert.deepEqual(problems, [])
    assert.deepEqual(stats?.tags, [
      { kind: 'regex', name: 'a', pattern: '^a((.*?)\\.)' },
      { kind: 'fixed', name: 'b', value: 'c' },
      { kind: 'default', name: 'envoy.cluster_name' },
    ])
    assert.equal(stats?.useDefaultTags, false)
  })

  test('a tag of Envoy’s that no stat of ours has is a warning, one that nobody knows is an error', () => {
    const { stats, problems } = read('stats_tags: [{tag_name: envoy.mongo_cmd}]')
    assert.deepEqual(stats?.tags, [])
    assert.deepEqual(problems, [
      'f:1:40: stats_config.stats_tags[0].tag_name: no stat of this proxy has a part that is envoy.mongo_cmd',
    ])
    assert.match(read('stats_tags: [{tag_name: cluster}]').problems.join(), /there is no default regex for "cluster"/)
  })

  test('a regex that is no RE2, or has no group, is refused with its place', () => {
    assert.deepEqual(read('stats_tags: [{tag_name: a, regex: "(?!x)"}, {tag_name: b, regex: x}]').problems, [
      'f:1:50: stats_config.stats_tags[0].regex: error parsing regexp: invalid or unsupported Perl syntax: `(?!`',
      'f:1:81: stats_config.stats_tags[1].regex: expected a group, which says what is taken out of the name',
    ])
  })

  test('a tag cannot be the label of buckets, and needs a name', () => {
    const { problems } = read('stats_tags: [{tag_name: le, fixed_value: x}, {fixed_value: x}]')
    assert.equal(problems.length, 2)
    assert.match(problems.join(), /le is the label of histogram buckets.*tag_name is required/)
  })

  test('stats_matcher takes in, leaves out, or rejects all', () => {
    const prefix = { kind: 'prefix', text: 'cluster.', ignoreCase: false }
    const list = '{patterns: [{prefix: cluster.}]}'
    assert.deepEqual(read(`stats_matcher: {inclusion_list: ${list}}`).stats?.matcher, {
      kind: 'include',
      patterns: [prefix],
    })
    assert.deepEqual(read(`stats_matcher: {exclusion_list: ${list}}`).stats?.matcher, {
      kind: 'exclude',
      patterns: [prefix],
    })
    assert.deepEqual(read('stats_matcher: {reject_all: true}').stats?.matcher, { kind: 'include', patterns: [] })
    assert.equal(read('stats_matcher: {reject_all: false}').stats?.matcher, undefined)
    assert.match(
      read('stats_matcher: {}').problems.join(),
      /one of reject_all, exclusion_list, inclusion_list is required/,
    )
  })

  test('bounds of buckets may come in any order, once each and above 0', () => {
    const buckets = (text: string) => read(`histogram_bucket_settings: [{match: {prefix: a}, buckets: ${text}}]`)
    assert.deepEqual(buckets('[10, 0.5, 2]').stats?.histogramBuckets[0]?.bounds, [0.5, 2, 10])
    assert.match(buckets('[1, 1]').problems.join(), /each bound can be there once/)
    assert.match(buckets('[0]').problems.join(), /must be more than 0/)
    assert.match(buckets('[]').problems.join(), /buckets is required/)
  })
})

test('the label of a tag has only what Prometheus allows', () => {
  assert.deepEqual(['envoy.cluster_name', '1a', 'ä-b', 'le'].map(labelOfTag), [
    'envoy_cluster_name',
    '_1a',
    '__b',
    'le',
  ])
})
