/** The thread of `check-packed.ts`: loads one module as the proxy does and tells what it brings. */

import { parentPort, workerData } from 'node:worker_threads'
import { loadModules } from '@meltemi/proxy'
import type { CheckResult } from './check-packed.ts'

const { codecs, filters, problems } = await loadModules([String(workerData)])
const result: CheckResult = {
  codecs: codecs.map(({ name, contract, correlation }) => ({ name, contract, correlation })),
  filters: filters.map(({ name, typeUrl }) => ({ name, typeUrl })),
  faults: problems.map(({ message }) => message),
}
parentPort?.postMessage(result)
