import { type FilterDefinition, FilterStatus, type Metadata } from '@meltemi/sdk'
import { canChange } from '../can-change.ts'
import type { ProxyFilter, ProxyFilterHost } from '../proxy-filter.ts'
import type { RouterContext } from '../router/router-context.ts'
import { encodePeerMetadata, hasProperty, PEER_ID_KEY, PEER_METADATA_KEY } from './peer-metadata.ts'

interface Config {
  /** Applications see what proxies tell each other. */
  readonly keepsPeerMetadata: boolean
}

/** What one proxy tells another of itself. */
interface Told {
  readonly metadata: string
  readonly id: string
}

/**
 * The proxies on both sides of a call tell each other who they are:
 *
 *   client ──► outbound ── adds to requests ──► inbound ── removes from requests ──► service
 *   client ◄── removes from replies ── outbound ◄── adds to replies ── inbound ◄──── service
 */
export const metadataExchange: FilterDefinition<Config> = {
  name: 'aeraki.meta_protocol.filters.metadata_exchange',
  typeUrl: 'type.googleapis.com/aeraki.meta_protocol_proxy.filters.metadata_exchange.v1alpha.MetadataExchange',
  parse(json) {
    const { keepPeerMetadata = false } = json as { readonly keepPeerMetadata?: boolean }
    return { keepsPeerMetadata: keepPeerMetadata }
  },
  create({ keepsPeerMetadata }, { node, listener }: ProxyFilterHost): ProxyFilter {
    const told = { metadata: encodePeerMetadata(node), id: node.id }
    switch (listener.direction) {
      case 'outbound':
        return new OutboundExchange(told, keepsPeerMetadata)
      case 'inbound':
        return new InboundExchange(told, keepsPeerMetadata)
      case 'unspecified':
        return {}
      default:
        return listener.direction satisfies never
    }
  },
}

/** Beside the client. */
class OutboundExchange implements ProxyFilter {
  readonly #told: Told
  readonly #keeps: boolean

  constructor(told: Told, keeps: boolean) {
    this.#told = told
    this.#keeps = keeps
  }

  onRequest(context: RouterContext): FilterStatus {
    if (canChange(context, 'request')) {
      context.mutateRequest(PEER_METADATA_KEY, this.#told.metadata)
      context.mutateRequest(PEER_ID_KEY, this.#told.id)
    }
    return FilterStatus.Continue
  }

  onReply(context: RouterContext): FilterStatus {
    const reply = replyOf(context)
    if (this.#keeps || reply === null || !canChange(context, 'response')) return FilterStatus.Continue
    if (hasProperty(reply, PEER_METADATA_KEY)) context.mutateReply(PEER_METADATA_KEY, undefined)
    if (hasProperty(reply, PEER_ID_KEY)) context.mutateReply(PEER_ID_KEY, undefined)
    return FilterStatus.Continue
  }
}

/** Beside the service. */
class InboundExchange implements ProxyFilter {
  readonly #told: Told
  readonly #keeps: boolean

  constructor(told: Told, keeps: boolean) {
    this.#told = told
    this.#keeps = keeps
  }

  onRequest(context: RouterContext): FilterStatus {
    const { request } = context
    if (this.#keeps || !canChange(context, 'request')) return FilterStatus.Continue
    if (hasProperty(request, PEER_METADATA_KEY)) context.mutateRequest(PEER_METADATA_KEY, undefined)
    if (hasProperty(request, PEER_ID_KEY)) context.mutateRequest(PEER_ID_KEY, undefined)
    return FilterStatus.Continue
  }

  onReply(context: RouterContext): FilterStatus {
    // of several replies the last one is enough
    if (replyOf(context)?.last && canChange(context, 'response')) {
      context.mutateReply(PEER_METADATA_KEY, this.#told.metadata)
      context.mutateReply(PEER_ID_KEY, this.#told.id)
    }
    return FilterStatus.Continue
  }
}

/** That of the service; a local one has no properties. */
function replyOf({ reply, failure }: RouterContext): Metadata | null {
  return failure === null ? reply : null
}
