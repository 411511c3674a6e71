import { keyOf, type Resource, type ResourceKey } from '@meltemi/api'
import type { Clock } from '@meltemi/runtime'
import type { Backend, ResourceWrite, StoredResource, WriteOutcome } from './admin/backend.ts'
import type { Pipeline, SnapshotServer } from './pipeline.ts'
import { PipelineView } from './pipeline-view.ts'
import { FileWriter } from './sources/file-writer.ts'
import type { FilesSource } from './sources/files.ts'
import { conditionOf } from './status/condition.ts'
import { withVersion } from './store/resource-version.ts'
import { type TrialOptions, tryOut } from './trial.ts'

export interface FileBackendOptions {
  readonly pipeline: Pipeline
  readonly source: FilesSource
  readonly server: SnapshotServer
  readonly trial: () => TrialOptions
  readonly clock: Clock
}

/** What the API sees of a control plane whose resources stand in files, which is where changes go. */
export class FileBackend extends PipelineView implements Backend {
  readonly #options: FileBackendOptions
  readonly #writer: FileWriter
  #lastWrite: Promise<unknown> = Promise.resolve()

  constructor(options: FileBackendOptions) {
    const { pipeline, server, source } = options
    super(pipeline, server)
    this.#options = options
    this.#writer = new FileWriter({ path: source.name, fileOf: (key) => source.fileOf(key) })
  }

  async write(write: ResourceWrite): Promise<WriteOutcome> {
    const key = write.kind === 'delete' ? write.key : keyOf(write.resource)
    const before = this.resources().get(key)
    // Each sees what the one before has written; being in force is waited for together.
    const turn = this.#lastWrite.then(() => this.#perform(write, key))
    this.#lastWrite = turn.catch(() => {})
    const refusal = await turn
    if (refusal !== undefined) return refusal
    await this.#options.pipeline.settled()
    const stored = write.kind === 'delete' ? before : this.resources().get(key)
    // Somebody else may have taken it away meanwhile.
    return stored === undefined ? { kind: 'missing' } : { kind: 'done', stored }
  }

  /** undefined: it is written. */
  async #perform(write: ResourceWrite, key: ResourceKey): Promise<WriteOutcome | undefined> {
    const entry = this.#options.pipeline.store.entries.get(key)
    if (write.kind === 'create') {
      if (entry !== undefined) return { kind: 'exists' }
      return this.#put(this.#created(write.resource), write.isDryRun)
    }
    if (entry === undefined) return { kind: 'missing' }
    const { resourceVersion: version, creationTimestamp } = entry.placed.resource.metadata
    if (write.expectedVersion !== '' && write.expectedVersion !== version) return { kind: 'conflict', version }
    if (write.kind === 'replace') {
      const { metadata } = write.resource
      const resource = { ...write.resource, metadata: { ...metadata, creationTimestamp } }
      return this.#put(resource, write.isDryRun)
    }
    if (write.isDryRun) return this.#asIs(key)
    return this.#inFile(entry.placed.resource, () => this.#writer.delete(entry.placed.resource))
  }

  async #put(resource: Resource, isDryRun: boolean): Promise<WriteOutcome | undefined> {
    if (isDryRun) return { kind: 'done', stored: this.#tried(resource) }
    return this.#inFile(resource, () => this.#writer.put(resource))
  }

  async #inFile(resource: Resource, change: () => ReturnType<FileWriter['put']>): Promise<WriteOutcome | undefined> {
    const { source } = this.#options
    const file = source.fileOf(keyOf(resource))
    const faults = file === undefined ? [] : source.faultsOf(file)
    // What a file with mistakes says is not in force, so neither would the change be.
    if (faults.length > 0) return { kind: 'invalid', problems: faults }
    const outcome = await change()
    if (outcome.kind === 'unwritable') return outcome
    if (outcome.kind === 'invalid') return { kind: 'invalid', problems: [outcome.problem] }
    await source.refresh(outcome.file)
    return undefined
  }

  #created(resource: Resource): Resource {
    const creationTimestamp = `${new Date(this.#options.clock.wallTime()).toISOString().slice(0, 19)}Z`
    return { ...resource, metadata: { ...resource.metadata, creationTimestamp } }
  }

  #asIs(key: ResourceKey): WriteOutcome {
    const stored = this.resources().get(key)
    return stored === undefined ? { kind: 'missing' } : { kind: 'done', stored }
  }

  #tried(resource: Resource): StoredResource {
    const { pipeline, trial, clock } = this.#options
    const problems = tryOut(resource, pipeline.world, trial())
    const now = () => new Date(clock.wallTime()).toISOString()
    const condition = conditionOf(problems, false, undefined, now)
    return { resource: withVersion(resource), status: { conditions: [condition] }, origin: 'dry run' }
  }
}
