import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePorts } from '../../doc-page/free-ports.ts'
import { type ChartDemo, startChartDemo } from './chart-demo.ts'
import { alerts, type ChartQuery, dashboardQueries, RULE_FILES, ruleQueries } from './chart-queries.ts'
import { NAMING_LINTS } from './naming-lints.ts'
import { type PrometheusServer, programOf, promtool, startPrometheus } from './prometheus-server.ts'

/** Long enough for several scrapes, of one each second. */
const RATE_INTERVAL = '10s'
const PATIENCE_MS = 60_000
const POLL_MS = 1000

before(() => {
  if (!existsSync(programOf('prometheus')))
    throw new Error('prometheus is missing: run scripts/setup-interop.sh prometheus')
})

test('promtool finds nothing wrong with the rules, and each alert fires when it should', () => {
  assert.equal(promtool(['check', 'rules', ...RULE_FILES]).code, 0)
  const cases = join(import.meta.dirname, 'alert-cases.yaml')
  const { code, said } = promtool(['test', 'rules', cases])
  assert.equal(code, 0, said)
  const text = readFileSync(cases, 'utf8')
  for (const { alert } of alerts()) assert.ok(text.includes(`alertname="${alert}",alertstate="firing"`), alert)
})

test('each alert says what it means, how bad it is and what to do', () => {
  assert.ok(alerts().length > 10)
  for (const { alert, labels, annotations } of alerts()) {
    assert.match(labels['severity'] ?? '', /^(?:info|warning|critical)$/, alert)
    assert.ok((annotations['summary'] ?? '').length > 20, alert)
    assert.ok((annotations['runbook'] ?? '').length > 80, alert)
  }
})

describe('a real Prometheus that scrapes a proxy under traffic:', () => {
  let demo: ChartDemo
  let prometheus: PrometheusServer

  before(async () => {
    demo = await startChartDemo()
    const port = Number((await freePorts(['9090'])).get('9090'))
    prometheus = await startPrometheus(port, [
      { name: 'meltemi-proxy', targets: [demo.proxy, demo.meshProxy] },
      { name: 'meltemi-control-plane', targets: [demo.controlPlane] },
    ])
  })

  after(async () => {
    await prometheus?.[Symbol.asyncDispose]()
    await demo?.[Symbol.asyncDispose]()
  })

  test('every query of the dashboard and of the rules has data', async () => {
    const queries = [...dashboardQueries(RATE_INTERVAL), ...ruleQueries(RATE_INTERVAL)]
    assert.ok(queries.length > 60, `only ${queries.length} queries`)
    assert.deepEqual(await withoutData(prometheus, queries), [])
  })

  test('every rule is evaluated without an error', async () => {
    for (const { name, health, lastError } of await prometheus.rules())
      assert.equal(health, 'ok', `${name}: ${lastError}`)
  })

  test('what is shown is what happens: three quarters answered, of them a third failed, one quarter without a route', async () => {
    const share = async (response: string) => {
      const of = (kind: string) =>
        `sum(increase(meltemi_requests_total{instance="${demo.proxy}",response=~"${kind}"}[30s]))`
      const [sample] = await prometheus.query(`${of(response)} / ${of('.*')}`)
      return Number(sample?.value[1])
    }
    for (const [response, expected] of [
      ['success', 0.5],
      ['error', 0.25],
      ['local', 0.25],
    ] as const) {
      const actual = await share(response)
      assert.ok(Math.abs(actual - expected) < 0.1, `${response}: ${actual}`)
    }
  })

  test('promtool has nothing against the metrics of proxies and control planes but their names', async () => {
    const pages = [demo.proxy, demo.meshProxy, demo.controlPlane]
    const lints = (await Promise.all(pages.map(lintsOf))).flat()
    const found = new Set(lints.map((line) => line.slice(line.indexOf(' ') + 1)))
    assert.ok(lints.length > 10)
    // each occurs: anything else is a fault
    assert.deepEqual([...found].sort(), [...NAMING_LINTS].sort())
  })
})

async function lintsOf(address: string): Promise<readonly string[]> {
  const reply = await fetch(`http://${address}/stats/prometheus`, { headers: { connection: 'close' } })
  const { said } = promtool(['check', 'metrics'], await reply.text())
  return said.split('\n').filter((line) => line !== '')
}

/** Those that have none after a while, or that Prometheus refuses. */
async function withoutData(prometheus: PrometheusServer, queries: readonly ChartQuery[]): Promise<readonly string[]> {
  const endMs = performance.now() + PATIENCE_MS
  let missing: readonly ChartQuery[] = queries
  while (missing.length > 0 && performance.now() < endMs) {
    await sleep(POLL_MS)
    const answers = await Promise.all(missing.map(({ expression }) => prometheus.query(expression)))
    missing = missing.filter((_, at) => answers[at]?.length === 0)
  }
  return missing.map(({ place, expression }) => `${place}: ${expression}`)
}
