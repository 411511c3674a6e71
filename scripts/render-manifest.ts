/** The plain manifests are the chart as it comes, for who has no Helm. */

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { ROOT } from './workspace.ts'

export const CHART: string = join(ROOT, 'deploy/charts/meltemi')
export const MANIFEST: string = join(ROOT, 'deploy/manifests/meltemi.yaml')

export const WEBHOOK_MANIFEST: string = join(ROOT, 'deploy/manifests/webhook.yaml')

const HELM = join(ROOT, '.tmp/bin/helm')
const HEADER = `# Meltemi in a cluster, without Helm: a control plane in the namespace meltemi. docs/install.md tells how.
# Rendered from deploy/charts/meltemi by \`npm run manifests\`: change the chart instead.
apiVersion: v1
kind: Namespace
metadata:
  name: meltemi
  labels:
    pod-security.kubernetes.io/enforce: restricted
`

const WEBHOOK_HEADER = `# What \`meltemi control-plane --webhook-address\` needs besides permissions.yaml. docs/install.md tells how.
# Rendered from deploy/charts/meltemi by \`npm run manifests\`: change the chart instead.
`

/** What Helm prints, on whichever stream; throws it when Helm fails. */
export function runHelm(args: readonly string[], input = ''): string {
  const { status, stdout, stderr, error } = spawnSync(HELM, args, { encoding: 'utf8', input, timeout: 60_000 })
  if (error !== undefined) throw new Error(`${HELM}: run scripts/setup-interop.sh helm`, { cause: error })
  if (status !== 0) throw new Error(`helm ${args.join(' ')}: ${stdout}${stderr}`)
  return stdout + stderr
}

/** Text of `deploy/manifests/meltemi.yaml`. */
export function renderManifest(): string {
  return HEADER + render()
}

/** Text of `deploy/manifests/webhook.yaml`. */
export function renderWebhookManifest(): string {
  return WEBHOOK_HEADER + render('--set', 'webhook.enabled=true', '--show-only', 'templates/webhook.yaml')
}

function render(...options: readonly string[]): string {
  const rendered = runHelm(['template', 'meltemi', CHART, '--namespace', 'meltemi', ...options])
  return rendered.replaceAll(/^# Source: .*\n/gm, '')
}
