import type { Problem } from '@meltemi/api'
import type { Condition } from '../admin/backend.ts'

/** What is said of more problems than these fits nobody's screen. */
const MAX_MESSAGES = 10

/** Whether a resource is in force, by what was found in it; `previous` keeps the time of the last turn. */
export function conditionOf(
  problems: readonly Problem[],
  isOldOneInForce: boolean,
  previous: Condition | undefined,
  now: () => string,
): Condition {
  const errors = problems.filter(({ severity }) => severity === 'error')
  const told = errors.length > 0 ? errors : problems.filter(({ severity }) => severity === 'warning')
  const status = errors.length === 0 ? 'True' : 'False'
  return {
    type: 'Accepted',
    status,
    reason: errors[0]?.code === undefined ? 'Accepted' : reasonOf(errors[0].code),
    message: [...messagesOf(told), ...(isOldOneInForce ? ['the version before stays in force'] : [])].join('; '),
    lastTransitionTime: previous?.status === status ? previous.lastTransitionTime : now(),
  }
}

/** `unknown-protocol` → `UnknownProtocol`, as conditions have it. */
function reasonOf(code: string): string {
  return code.replaceAll(/(?:^|-)([a-z])/g, (_, letter: string) => letter.toUpperCase())
}

function messagesOf(problems: readonly Problem[]): readonly string[] {
  const lines = problems.slice(0, MAX_MESSAGES).map(({ path, message, fix }) => {
    const text = fix === undefined ? message : `${message} (${fix})`
    return path === '' ? text : `${path}: ${text}`
  })
  return problems.length > MAX_MESSAGES ? [...lines, `and ${problems.length - MAX_MESSAGES} more`] : lines
}
