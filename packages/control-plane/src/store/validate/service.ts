import type { ResourceProblems, Service } from '@meltemi/api/resource'
import { checkUnique } from './check-unique.ts'
import type { Loose } from './loose.ts'

const MAX_PORT = 65_535
/** A name of a port of a workload, as Kubernetes takes it. */
const PORT_NAME = /^(?=.*[a-z])[a-z0-9]+(-[a-z0-9]+)*$/
const MAX_PORT_NAME = 15

type Port = NonNullable<NonNullable<Loose<Service>['spec']>['ports']>[number]

export function checkService({ spec }: Loose<Service>, problems: ResourceProblems): void {
  const ports = spec?.ports ?? []
  for (const [index, port] of ports.entries()) checkPort(port, index, problems)
  if (ports.length > 1) {
    for (const [index, { name }] of ports.entries()) {
      if (name !== undefined && name !== '') continue
      const message = 'is missing, and there are several ports'
      problems.error({ code: 'missing-field', path: ['spec', 'ports', index, 'name'], message })
    }
  }
  checkUnique(
    ports.map(({ name }) => name || undefined),
    (index) => ['spec', 'ports', index, 'name'],
    problems,
  )
  checkUnique(
    ports.map(({ port, protocol = 'TCP' }) => (port === undefined ? undefined : `${port}/${protocol}`)),
    (index) => ['spec', 'ports', index, 'port'],
    problems,
  )
}

function checkPort({ targetPort }: Port, index: number, problems: ResourceProblems): void {
  if (targetPort === undefined) return
  const isRight =
    typeof targetPort === 'number'
      ? targetPort >= 1 && targetPort <= MAX_PORT
      : targetPort.length <= MAX_PORT_NAME && PORT_NAME.test(targetPort)
  if (isRight) return
  const message = `expected a port from 1 to ${MAX_PORT}, or the name of one, found ${JSON.stringify(targetPort)}`
  problems.error({ code: 'invalid-value', path: ['spec', 'ports', index, 'targetPort'], message })
}
