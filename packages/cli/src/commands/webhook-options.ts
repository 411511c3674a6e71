/** Options of a control plane that an API server asks about resources. */

import type { SocketAddress } from '@meltemi/api'
import type { WebhookOptions } from '@meltemi/control-plane'
import type { Command } from 'commander'
import { parseAddress } from './option-values.ts'

export interface WebhookFlags {
  readonly webhookAddress?: SocketAddress
  readonly webhookConfiguration?: string
}

export const WEBHOOK_HELP = `
Webhook:
  With --webhook-address the API server can ask, before it stores a resource, whether it is valid. The certificate for that
  is made here, renewed in time, and shared by replicas in a Secret; the ValidatingWebhookConfiguration has to be there
  (deploy/manifests/webhook.yaml), and is told whom to trust.
`

export function addWebhookOptions(command: Command): Command {
  return command
    .option('--webhook-address <host:port>', 'where the API server asks whether resources are valid', parseAddress)
    .option('--webhook-configuration <name>', 'its registration (default: meltemi-webhook.NAMESPACE)')
}

/** undefined: there is none. */
export function toWebhookOptions({ webhookAddress, webhookConfiguration }: WebhookFlags): WebhookOptions | undefined {
  return webhookAddress && { address: webhookAddress, configuration: webhookConfiguration }
}
