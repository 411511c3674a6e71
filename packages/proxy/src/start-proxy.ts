import { createLogger, MergedRegistry, systemClock, tryParseLogLevel } from '@meltemi/runtime'
import { choosePorts } from './choose-ports.ts'
import { LiveConfig } from './config/live-config.ts'
import { ManagerStats } from './config/manager-stats.ts'
import type { CodeFault } from './data-plane.ts'
import { MainThread } from './main-thread.ts'
import { ModuleStore } from './module-store.ts'
import { Exporters } from './observe/export/exporters.ts'
import { MemoryBudget } from './observe/memory-budget.ts'
import type { ProxyOptions, RunningProxy } from './proxy-options.ts'
import { ProxyProcess } from './proxy-process.ts'
import { Workers } from './workers.ts'
import { withoutWaiting, XdsConfig } from './xds-config.ts'

/** Starts all threads and the admin server; rejects, with nothing left running, when any part cannot start. */
export async function startProxy(options: ProxyOptions): Promise<RunningProxy> {
  const logger = createLogger({ level: tryParseLogLevel(options.logLevel) ?? 'info' })
  const metrics = new MergedRegistry()
  const ports = await choosePorts(options.config.listeners, options.concurrency > 0)
  const config = { ...options.config, listeners: ports.listeners }
  const live = new LiveConfig(config, Date.now(), withoutWaiting(config))
  new ManagerStats(metrics).follow(live)
  const budget = new MemoryBudget({
    clock: systemClock,
    metrics,
    limitBytes: options.memoryLimitBytes,
    onChange: (level) => logger.warn('memory: overload level changed', { level, usedBytes: budget.usedBytes }),
  })
  const modules = new ModuleStore({ live, modules: options.modules, metrics, logger: logger.child('codecs') })
  const exporters = new Exporters({
    clock: systemClock,
    logger: logger.child('observe'),
    metrics,
    addressesOf: (cluster) => live.addressesOf(cluster),
  })
  const parts = {
    live,
    exporters,
    modules: options.modules,
    metrics,
    overload: budget.shared,
    memoryLimitBytes: budget.limitBytes,
    drainMs: options.drainTimeS * 1000,
    logger,
    onFault: (fault: CodeFault) => modules.onFault(fault),
  }
  const dataPlane = options.concurrency === 0 ? new MainThread(parts) : new Workers(parts, options.concurrency)
  const xds = new XdsConfig({ config, options: options.xds, logger, metrics, modules, dataPlane })
  const running = new ProxyProcess({ options, live, logger, metrics, budget, dataPlane, modules, xds, exporters })
  try {
    await running.start()
  } finally {
    await ports.release()
  }
  return running
}
