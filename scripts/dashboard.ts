/** Writes the Grafana dashboard: `node --conditions=meltemi-source scripts/dashboard.ts`. */

import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { layOut, type VariablePlan, variables } from './dashboard/grafana.ts'
import { PROCESS_ROWS } from './dashboard/process-rows.ts'
import { SERVICE_ROWS } from './dashboard/service-rows.ts'
import { ROOT } from './workspace.ts'

export const DASHBOARD: string = join(ROOT, 'deploy/grafana/meltemi.json')
/** Of Grafana 10 and later. */
const SCHEMA_VERSION = 39

const VARIABLES: readonly VariablePlan[] = [
  { name: 'service', label: 'Service', query: 'label_values(meltemi_requests_total, service)' },
  { name: 'version', label: 'Version', query: 'label_values(meltemi_requests_total{service=~"$service"}, version)' },
  {
    name: 'method',
    label: 'Method',
    query: 'label_values(meltemi_requests_total{service=~"$service",version=~"$version"}, method)',
  },
]

/** The dashboard as Grafana imports it. */
export function buildDashboard(): object {
  return {
    uid: 'meltemi',
    title: 'Meltemi',
    description: 'Requests, errors and latency by service, version and method; limits; proxies; the control plane.',
    tags: ['meltemi'],
    schemaVersion: SCHEMA_VERSION,
    editable: true,
    graphTooltip: 1,
    refresh: '10s',
    time: { from: 'now-30m', to: 'now' },
    templating: { list: variables(VARIABLES) },
    panels: layOut([...SERVICE_ROWS, ...PROCESS_ROWS]),
  }
}

if (import.meta.main) {
  writeFileSync(DASHBOARD, JSON.stringify(buildDashboard()))
  execFileSync(join(ROOT, 'node_modules/.bin/biome'), ['format', '--write', DASHBOARD], { stdio: 'inherit' })
}
