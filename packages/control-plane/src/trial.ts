import { keyOf, type Problem, type Resource, ResourceProblems, withoutPlace } from '@meltemi/api'
import { WorldBuilder, type WorldOptions } from './store/build-world.ts'
import type { ModuleStates } from './store/protocol-table.ts'
import { validateResource } from './store/validate.ts'
import type { StatusNote, World } from './store/world.ts'
import { translateService } from './translate/translate-service.ts'

export interface TrialOptions extends WorldOptions {
  readonly listenHost: string
  readonly modules: ModuleStates
}

/** What there would be to say of a resource if it were in force beside the others, without its being so. */
export function tryOut(resource: Resource, world: World, options: TrialOptions): readonly Problem[] {
  const placed = withoutPlace(resource)
  const own = validateResource(placed)
  if (own.some(({ severity }) => severity === 'error')) return own
  const key = keyOf(resource)
  const set = new Map(world.resources).set(key, resource)
  const tried = new WorldBuilder(options).apply({ set, deleted: [], modules: options.modules })
  const views = [...tried.services.values()].filter(({ madeOf }) => madeOf.has(key))
  const translated = views.flatMap((view) => translateService(view, options).notes)
  const problems = new ResourceProblems(placed)
  for (const note of [...tried.notes, ...translated]) if (note.key === key) report(note, problems)
  return [...own, ...problems.sorted()]
}

function report({ severity, code, path, message, fix }: StatusNote, problems: ResourceProblems): void {
  if (severity === 'error') problems.error({ code, path, message, fix })
  else problems.warning({ code, path, message, fix })
}
