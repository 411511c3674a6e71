import { createLogger, MergedRegistry, systemClock, tryParseLogLevel } from '@meltemi/runtime'
import { choosePorts } from './choose-ports.ts'
import { ClusterTls } from './config/cluster-tls.ts'
import { LiveConfig } from './config/live-config.ts'
import { ManagerStats } from './config/manager-stats.ts'
import { SecretStore } from './config/secret-store.ts'
import type { CodeFault } from './data-plane.ts'
import { MainThread } from './main-thread.ts'
import { ModuleStore } from './module-store.ts'
import { Inheritance } from './net/inheritance.ts'
import { Exporters } from './observe/export/exporters.ts'
import { MemoryBudget } from './observe/memory-budget.ts'
import type { ProxyOptions, RunningProxy } from './proxy-options.ts'
import { ProxyProcess } from './proxy-process.ts'
import { setV8Flags } from './v8-flags.ts'
import { Workers } from './workers.ts'
import { withoutWaiting, XdsConfig } from './xds-config.ts'

/** Starts all threads and the admin server; rejects, with nothing left running, when any part cannot start. */
export async function startProxy(options: ProxyOptions): Promise<RunningProxy> {
  setV8Flags()
  const logger = createLogger({ level: tryParseLogLevel(options.logLevel) ?? 'info' })
  const metrics = new MergedRegistry()
  const inheritance = Inheritance.of(options.estate?.sockets ?? [])
  const secrets = new SecretStore({ clock: systemClock, logger: logger.child('tls'), metrics })
  const faults = await secrets.take(options.config)
  if (faults.length > 0) {
    secrets.close()
    throw new Error(faults.join('; '))
  }
  const ports = await choosePorts(options.config.listeners, options.concurrency > 0, inheritance).catch(
    (error: unknown) => {
      secrets.close()
      throw error
    },
  )
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
  const clusterTls = new ClusterTls(live, secrets, metrics)
  const exporters = new Exporters({
    clock: systemClock,
    logger: logger.child('observe'),
    metrics,
    addressesOf: (cluster) => clusterTls.addressesOf(cluster),
  })
  const parts = {
    live,
    exporters,
    secrets,
    modules: options.modules,
    metrics,
    overload: budget.shared,
    memoryLimitBytes: budget.limitBytes,
    drainMs: options.drainTimeS * 1000,
    inheritance,
    logger,
    onFault: (fault: CodeFault) => modules.onFault(fault),
  }
  const threads = { shared: options.concurrency, own: options.ownThreads ?? [] }
  for (const listener of threads.own) {
    if (!config.listeners.some(({ name }) => name === listener))
      logger.warn('no listener has this name yet', { listener })
  }
  const dataPlane = options.concurrency === 0 ? new MainThread(parts) : new Workers(parts, threads)
  const xds = new XdsConfig({
    config,
    options: options.xds,
    logger,
    metrics,
    modules,
    secrets,
    dataPlane,
    clusterTls: (cluster) => clusterTls.of(cluster),
  })
  const running = new ProxyProcess({
    options,
    live,
    logger,
    metrics,
    budget,
    dataPlane,
    modules,
    xds,
    exporters,
    inheritance,
    secrets,
  })
  try {
    await running.start()
  } finally {
    await ports.release()
  }
  return running
}
