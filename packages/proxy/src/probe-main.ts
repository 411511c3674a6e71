/** What runs in a throw-away thread: tries whether a new version of a module can serve the configuration in force. */

import { parentPort } from 'node:worker_threads'
import { formatProblem } from '@meltemi/api/model'
import { LocalRegistry, systemClock } from '@meltemi/runtime'
import { findCodeFaults } from './config/find-code-faults.ts'
import type { WholeConfig } from './config/live-config.ts'
import { isDelivered, withoutVersions } from './modules/module-version.ts'
import { type LoadedModules, loadVersions } from './modules.ts'
import { nodeNetwork } from './net/node-network.ts'
import type { ProbeResult, ProbeStart } from './probe.ts'
import { Proxy } from './proxy.ts'
import { SharedLimits } from './upstream/shared-limits.ts'
import { createRandom } from './util/random.ts'

async function probe({ candidate, modules, ...whole }: ProbeStart): Promise<ProbeResult> {
  // the first of one name is it for those who name no digest, so what is delivered comes last
  const order = isDelivered(candidate) ? [...modules, candidate] : [candidate, ...modules]
  const loaded = await loadVersions(order)
  const version = loaded.modules[order.indexOf(candidate)]?.version ?? candidate
  const faults = loaded.problems.map((problem) => withoutVersions(formatProblem(problem)))
  if (faults.length > 0) return { version, faults }
  return {
    version,
    faults: [...findCodeFaults(whole.config, whole.routes, loaded.codecs), ...tryToBuild(whole, loaded)],
  }
}

/** Builds what a thread would, and opens nothing. */
function tryToBuild(whole: WholeConfig, { modules, codecs, filters }: LoadedModules): readonly string[] {
  try {
    new Proxy({
      ...whole,
      codecs,
      filters,
      isFrom: (codec, digest) =>
        modules.some((module) => module.codecs.includes(codec) && module.version.digest === digest),
      network: nodeNetwork,
      clock: systemClock,
      random: createRandom(),
      metrics: new LocalRegistry(() => {}),
      share: new SharedLimits(1).share(0),
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
