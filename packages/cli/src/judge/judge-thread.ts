/** The thread that judges: whatever a codec does to it, the command goes on. */

import { parentPort, workerData } from 'node:worker_threads'
import { judge, loadSamples } from '@meltemi/sdk/testing'
import { CommandError } from '../command-error.ts'
import { loadCodec } from '../commands/codec/load-codec.ts'
import type { JudgeAnswer, JudgeTask } from './judge-task.ts'

try {
  await run(workerData as JudgeTask)
} catch (error: unknown) {
  const lines = error instanceof CommandError ? error.lines : [error instanceof Error ? error.message : String(error)]
  answer({ kind: 'refused', lines })
}

async function run({ file, codec, samples, rules, ruleLimitMs }: JudgeTask): Promise<void> {
  const { definition } = await loadCodec(file, codec)
  const known = await loadSamples(samples)
  answer({ kind: 'ready', codec: definition.name })
  judge(definition, known, {
    ruleLimitMs,
    ...(rules !== undefined && { rules }),
    onOutcome: (outcome) => answer({ kind: 'outcome', outcome }),
  })
  answer({ kind: 'done' })
}

function answer(message: JudgeAnswer): void {
  parentPort?.postMessage(message)
}
