import { isExported, normalExport } from '../store/export-to.ts'
import type { ServiceView } from '../store/world.ts'

type Exportable = {
  readonly metadata: { readonly namespace: string }
  readonly spec: { readonly exportTo?: readonly string[] }
}

const cache = new WeakMap<ServiceView, Map<string, ServiceView>>()

/** The service as a namespace sees it: without the router and the rules that are not for it. */
export function visibleView(view: ServiceView, namespace: string): ServiceView {
  const { router, destinationRule, otherRules } = view
  const all = [router, destinationRule, ...otherRules.values()]
  const hidden = all.filter((each) => each !== undefined && !isFor(each, namespace))
  if (hidden.length === 0) return view
  const variants = cache.get(view) ?? new Map<string, ServiceView>()
  cache.set(view, variants)
  const key = all.map((each) => (each === undefined || isFor(each, namespace) ? '1' : '0')).join('')
  const variant = variants.get(key) ?? withoutHidden(view, new Set<unknown>(hidden))
  variants.set(key, variant)
  return variant
}

function withoutHidden(view: ServiceView, hidden: ReadonlySet<unknown>): ServiceView {
  const { router, destinationRule, otherRules, sendsTo } = view
  return {
    ...view,
    router: hidden.has(router) ? undefined : router,
    destinationRule: hidden.has(destinationRule) ? undefined : destinationRule,
    sendsTo: hidden.has(router) ? new Set() : sendsTo,
    otherRules: new Map([...otherRules].filter(([, rule]) => !hidden.has(rule))),
  }
}

function isFor({ metadata, spec }: Exportable, namespace: string): boolean {
  return isExported(normalExport(spec.exportTo, metadata.namespace), namespace)
}
