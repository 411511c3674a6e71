import type { AuthorizationConfig, FilterConfig } from '@meltemi/api/model'
import { authorization } from '@meltemi/proxy/filters'
import { Draw } from './draw.ts'
import { countClusters, type Scenario } from './scenario.ts'
import type { Wire } from './wire.ts'

/** A third of the scenarios deny what would take one of the routes, or what has none. Drawn apart, as a mirror is. */
export function addAuthorization(scenario: Scenario): Scenario {
  const draw = new Draw(scenario.seed, 7)
  if (scenario.isTcp || draw.chance(2 / 3)) return scenario
  return { ...scenario, deniedRoute: draw.int(0, countClusters(scenario) + 1) }
}

/** The filter that denies it. */
export function denying(route: number, { routing }: Wire): FilterConfig {
  const matcher = { name: routing.key, test: routing.testOf(route), invert: false, treatMissingAsEmpty: false }
  const policies = [{ name: 'denied', condition: { kind: 'property', matcher } as const }]
  const parsed: AuthorizationConfig = {
    kind: 'authorization',
    statPrefix: '',
    rules: { action: 'deny', policies },
    rulesStatPrefix: '',
    shadowRules: undefined,
    shadowStatPrefix: '',
    tracksEachPolicy: false,
  }
  return { name: authorization.name, typeUrl: authorization.typeUrl, config: {}, parsed }
}
