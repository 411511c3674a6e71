import type { Place } from '../document/source-node.ts'
import type { Problem } from '../model/index.ts'
import type { PlacedResource } from './placed-resource.ts'
import type { ProblemCode } from './problem-codes.ts'
import { formatPath, keyPlaceAt, placeAt, type ResourcePath } from './resource-path.ts'

export interface ResourceFault {
  readonly code: ProblemCode
  readonly path: ResourcePath
  readonly message: string
  /** What to do about it. */
  readonly fix?: string | undefined
  /** It is about the name of the field, not about its value. */
  readonly isAboutKey?: true
}

/** A resource that is nothing but faults must not fill the screen. */
const MAX_PROBLEMS = 1_000

/** Collects what is wrong with one resource, with the places where it stands. */
export class ResourceProblems {
  readonly #resource: Pick<PlacedResource, 'file' | 'source'>
  readonly #problems: Problem[] = []
  readonly #errorPaths = new Set<string>()

  constructor(resource: Pick<PlacedResource, 'file' | 'source'>) {
    this.#resource = resource
  }

  get hasErrors(): boolean {
    return this.#errorPaths.size > 0
  }

  /** One error per path: what follows from the first one helps nobody. */
  error(fault: ResourceFault): void {
    const path = formatPath(fault.path)
    if (this.#errorPaths.has(path)) return
    this.#errorPaths.add(path)
    this.#add('error', fault)
  }

  warning(fault: ResourceFault): void {
    this.#add('warning', fault)
  }

  note(fault: ResourceFault): void {
    this.#add('note', fault)
  }

  /** In the order of the file. */
  sorted(): readonly Problem[] {
    return this.#problems.toSorted((a, b) => a.line - b.line || a.column - b.column)
  }

  #add(severity: Problem['severity'], fault: ResourceFault): void {
    if (this.#problems.length >= MAX_PROBLEMS) return
    const isLast = this.#problems.length === MAX_PROBLEMS - 1
    this.#problems.push({
      severity,
      file: this.#resource.file,
      ...this.#placeOf(fault),
      path: formatPath(fault.path),
      message: isLast ? `${fault.message} (more problems are not shown)` : fault.message,
      code: fault.code,
      ...(fault.fix === undefined ? {} : { fix: fault.fix }),
    })
  }

  #placeOf({ path, isAboutKey }: ResourceFault): Place {
    const { source } = this.#resource
    return isAboutKey ? keyPlaceAt(source, path) : placeAt(source, path)
  }
}
