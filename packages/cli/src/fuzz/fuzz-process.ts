/** The process that fuzzes: a codec may loop or crash in it as it likes. */

import { Examiner, type FuzzInput, fuzz, loadFindings, loadSamples, shrinking } from '@meltemi/sdk/testing'
import { CommandError } from '../command-error.ts'
import { loadCodec } from '../commands/codec/load-codec.ts'
import type { FuzzAnswer, FuzzTask } from './fuzz-task.ts'
import { InputJournal } from './input-journal.ts'

const PARENT = process.ppid

process.once('message', async (task: FuzzTask) => {
  try {
    await run(task)
  } catch (error: unknown) {
    const lines = error instanceof CommandError ? error.lines : [error instanceof Error ? error.message : String(error)]
    answer({ kind: 'refused', lines })
  }
})

async function run({ file, codec, samples, findings, options, journal, smallerThan }: FuzzTask): Promise<void> {
  const { definition } = await loadCodec(file, codec)
  answer({ kind: 'loaded', codec: definition.name })
  const known = await loadSamples(samples)
  const notes = new InputJournal(journal)
  if (smallerThan !== undefined) return trySmaller(new Examiner(definition, known), smallerThan, notes)
  const report = fuzz(definition, known, {
    ...options,
    seeds: await loadFindings(findings),
    onInput: (input) => notes.write(input),
    onFinding: (finding) => answer({ kind: 'finding', finding }),
    onProgress(progress) {
      // nobody would end this process when its parent was killed
      if (process.ppid !== PARENT) process.exit()
      answer({ kind: 'progress', progress })
    },
  })
  answer({ kind: 'done', report })
}

/** When none of them ends the process it ends by itself. */
function trySmaller(examiner: Examiner, input: FuzzInput, notes: InputJournal): void {
  const search = shrinking(input)
  for (let step = search.next(); !step.done; step = search.next(false)) {
    notes.write(step.value)
    examiner.examine(step.value)
  }
  process.disconnect()
}

function answer(message: FuzzAnswer): void {
  process.send?.(message)
}
