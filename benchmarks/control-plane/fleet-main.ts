// Simulated proxies as a child process: takes one order after the other from its parent and answers each.

import type { FleetCount, FleetOrder, ProxyPlan } from './fleet-orders.ts'
import { SimulatedProxy } from './simulated-proxy.ts'

interface Member {
  readonly proxy: SimulatedProxy
  readonly plan: ProxyPlan
}

const members: Member[] = []
let isMet: ((member: Member) => boolean) | undefined

process.on('message', (order: FleetOrder) => {
  switch (order.kind) {
    case 'connect':
      isMet = ({ proxy, plan }) => proxy.size >= plan.resources
      for (const plan of order.proxies) connect(order.address, plan)
      return
    case 'routes':
      for (const { proxy } of members) proxy.newRoutes.clear()
      isMet = ({ proxy, plan }) => proxy.newRoutes.size >= plan.routes.length
      return
    case 'count':
      return answer()
    default:
      order satisfies never
  }
})
process.once('disconnect', () => process.exit(0))

function connect(address: string, plan: ProxyPlan): void {
  const proxy = new SimulatedProxy({ ...plan, address, onResponse: look })
  members.push({ proxy, plan })
  proxy.connect()
}

function look(): void {
  if (isMet === undefined || !members.every(isMet)) return
  isMet = undefined
  answer()
}

function answer(): void {
  const sum = (of: (proxy: SimulatedProxy) => number) => members.reduce((total, { proxy }) => total + of(proxy), 0)
  const count: FleetCount = {
    streams: sum(({ streams }) => streams),
    responses: sum(({ responses }) => responses),
    bytes: sum(({ bytes }) => bytes),
  }
  process.send?.(count, undefined, undefined, () => {}) // a parent that is gone needs no answer
}
