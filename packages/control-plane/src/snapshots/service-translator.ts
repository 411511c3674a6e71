import { keyOf } from '@meltemi/api'
import type { Counter, Logger, MetricRegistry } from '@meltemi/runtime'
import type { ServiceView, StatusNote } from '../store/world.ts'
import { type TranslateOptions, translateService } from '../translate/translate-service.ts'
import { encodeService, NO_RESOURCES, type ServiceResources } from './encode-service.ts'

export interface TranslatedService {
  readonly resources: ServiceResources
  readonly notes: readonly StatusNote[]
}

export interface ServiceTranslatorOptions extends TranslateOptions {
  readonly logger: Logger
  readonly metrics: MetricRegistry
  /** Replaced in tests. */
  readonly translate?: typeof translateService
}

const LINES_PER_SECOND = 5

/** Makes of each service what proxies get, once. What breaks on one service costs only that one: it stays as it was. */
export class ServiceTranslator {
  readonly #options: ServiceTranslatorOptions
  readonly #translated = new WeakMap<ServiceView, TranslatedService>()
  /** By host, then by what of the service is seen. */
  readonly #lastGood = new Map<string, Map<string, ServiceResources>>()
  readonly #translations: Counter
  readonly #failures: Counter

  constructor(options: ServiceTranslatorOptions) {
    this.#options = options
    this.#translations = options.metrics.counter('control_plane.translations')
    this.#failures = options.metrics.counter('control_plane.translation_failures')
  }

  /** The same again for the same object. */
  translate(view: ServiceView): TranslatedService {
    const known = this.#translated.get(view)
    if (known !== undefined) return known
    const translated = this.#tryTranslate(view)
    this.#translated.set(view, translated)
    return translated
  }

  /** The service is gone, and nothing of it stays. */
  forget(host: string): void {
    this.#lastGood.delete(host)
  }

  #tryTranslate(view: ServiceView): TranslatedService {
    this.#translations.add(1)
    const lastGood = this.#lastGood.get(view.host) ?? new Map<string, ServiceResources>()
    const previous = lastGood.get(formOf(view)) ?? NO_RESOURCES
    try {
      const config = (this.#options.translate ?? translateService)(view, this.#options)
      const resources = encodeService(view, config, previous)
      this.#lastGood.set(view.host, lastGood.set(formOf(view), resources))
      return { resources, notes: config.notes }
    } catch (error: unknown) {
      this.#failures.add(1)
      const reason = error instanceof Error ? error.message : String(error)
      const log = this.#options.logger.limited('translation', LINES_PER_SECOND)
      log?.error('a service cannot be translated, it stays as it was', { host: view.host, error })
      return { resources: previous, notes: failureNotes(view, reason) }
    }
  }
}

/** Tells apart what proxies see of one service. */
function formOf({ router, destinationRule }: ServiceView): string {
  return [router, destinationRule].map((each) => (each === undefined ? '' : keyOf(each))).join(' ')
}

/** Whichever of the resources is the cause, all of them hear of it. */
function failureNotes(view: ServiceView, reason: string): readonly StatusNote[] {
  const causes = [view.origin, view.router, view.destinationRule].filter((each) => each !== undefined)
  return causes.map((cause) => ({
    key: keyOf(cause),
    severity: 'error',
    code: 'translation-failed',
    path: [],
    message: `service ${view.host} stays as it was: ${reason}`,
  }))
}
