import assert from 'node:assert/strict'
import { parseBootstrap, type ResourceContext, resourceContext } from '@meltemi/api'
import { dubbo } from '@meltemi/codecs/dubbo'
import { thrift } from '@meltemi/codecs/thrift'
import { proxyFilters } from '@meltemi/proxy/filters'
import { istioBootstrap } from './istio-bootstrap.ts'

/** Against what our proxy checks what comes from Istio. */
export function istioContext(): ResourceContext {
  const bootstrap = JSON.stringify(istioBootstrap({ istioPort: 15010, meltemiPort: 15009, delta: false }))
  const options = {
    codecs: new Map([thrift, dubbo].map((codec) => [codec.name, codec])),
    filters: new Map(proxyFilters.map((filter) => [filter.typeUrl, filter])),
  }
  const { config, problems } = parseBootstrap(bootstrap, 'istio.json', options)
  assert.ok(config !== undefined, JSON.stringify(problems))
  return resourceContext(config, options)
}
