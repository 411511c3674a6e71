/** What the dashboard and the rules ask Prometheus. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { ROOT } from '../../../scripts/workspace.ts'

export interface ChartQuery {
  /** Where it stands. */
  readonly place: string
  readonly expression: string
}

export interface Alert {
  readonly alert: string
  readonly expr: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}

interface RuleFile {
  readonly groups: readonly {
    readonly rules: readonly ({ readonly record: string; readonly expr: string } | Alert)[]
  }[]
}

interface Dashboard {
  readonly panels: readonly { readonly title: string; readonly targets?: readonly { readonly expr: string }[] }[]
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly type: string; readonly query: unknown }[]
  }
}

export const RULE_FILES = ['rules', 'alerts'].map((name) => join(ROOT, `deploy/prometheus/${name}.yaml`))

/** All of the dashboard, everything chosen, over the time that a test has. */
export function dashboardQueries(rateInterval: string): readonly ChartQuery[] {
  const { panels, templating } = JSON.parse(
    readFileSync(join(ROOT, 'deploy/grafana/meltemi.json'), 'utf8'),
  ) as Dashboard
  const fill = (text: string): string =>
    text
      .replaceAll('$__rate_interval', rateInterval)
      .replaceAll(/\$[a-z]\w*/g, '.*')
      .replaceAll('[1h]', `[${rateInterval}]`)
  const shown = panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({ place: `panel ${title}`, expression: fill(expr) })),
  )
  const chosen = templating.list.flatMap(({ name, type, query }) => {
    if (type !== 'query') return []
    const [, expression = ''] = /^label_values\((.*), \w+\)$/.exec((query as { query: string }).query) ?? []
    return [{ place: `variable ${name}`, expression: fill(expression) }]
  })
  return [...shown, ...chosen]
}

/** Of recording rules all, of alerts what they compare with their threshold. */
export function ruleQueries(rateInterval: string): readonly ChartQuery[] {
  const fill = (text: string): string => text.replaceAll(/\[\d+m\]/g, `[${rateInterval}]`)
  return RULE_FILES.flatMap(readRules).map((rule) =>
    'record' in rule
      ? { place: `rule ${rule.record}`, expression: fill(rule.expr) }
      : { place: `alert ${rule.alert}`, expression: fill(comparedBy(rule)) },
  )
}

export function alerts(): readonly Alert[] {
  return RULE_FILES.flatMap(readRules).filter((rule) => 'alert' in rule)
}

function comparedBy({ alert, expr }: Alert): string {
  const [, value] = /^(.*) [<>] [\d.]+$/s.exec(expr.trim()) ?? []
  if (value === undefined) throw new Error(`${alert} is no comparison with a number`)
  return value
}

function readRules(file: string): RuleFile['groups'][number]['rules'] {
  return (parse(readFileSync(file, 'utf8')) as RuleFile).groups.flatMap(({ rules }) => rules)
}
