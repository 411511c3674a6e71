/** What runs in a throw-away thread: tries whether a new version of a module can serve the configuration in force. */

import { parentPort } from 'node:worker_threads'
import { formatProblem, type ProxyConfig } from '@meltemi/api/model'
import { LocalRegistry, systemClock } from '@meltemi/runtime'
import { findCodeFaults } from './config/find-code-faults.ts'
import { withoutVersions } from './modules/module-version.ts'
import { type LoadedModules, loadVersions } from './modules.ts'
import { nodeNetwork } from './net/node-network.ts'
import type { ProbeResult, ProbeStart } from './probe.ts'
import { Proxy } from './proxy.ts'
import { limitCells } from './upstream/limits.ts'
import { createRandom } from './util/random.ts'

async function probe({ config, candidate, modules }: ProbeStart): Promise<ProbeResult> {
  const loaded = await loadVersions([candidate, ...modules])
  const version = loaded.modules[0]?.version ?? candidate
  const faults = loaded.problems.map((problem) => withoutVersions(formatProblem(problem)))
  if (faults.length > 0) return { version, faults }
  return { version, faults: [...findCodeFaults(config, loaded.codecs), ...tryToBuild(config, loaded)] }
}

/** Builds what a thread would, and opens nothing. */
function tryToBuild(config: ProxyConfig, { codecs, filters }: LoadedModules): readonly string[] {
  try {
    const cells = limitCells(config.clusters.length + config.listeners.length, 1)
    new Proxy({
      config,
      codecs,
      filters,
      network: nodeNetwork,
      clock: systemClock,
      random: createRandom(),
      metrics: new LocalRegistry(() => {}),
      share: { cells, workers: 1, worker: 0 },
      overloadLevel: () => 0,
      log: () => {},
    })
    return []
  } catch (error: unknown) {
    return [error instanceof Error ? error.message : String(error)]
  }
}

parentPort?.once('message', (start: ProbeStart) => {
  void probe(start).then((result) => {
    parentPort?.postMessage(result)
    // what the module has left running must not keep this thread
    process.exit(0)
  })
})
